"""Preprocessors: fitted to a data set, they transform it, others and single batches. As ray.data.preprocessors.

    from millstream.preprocessors import Chain, Concatenator, StandardScaler

    columns = ["age", "income"]
    preprocessor = Chain(StandardScaler(columns), Concatenator(columns, output_column_name="x"))
    rows = preprocessor.fit_transform(train)          # lazy; then preprocessor.transform(test)
    text = preprocessor.serialize()                   # JSON; Preprocessor.deserialize(text) elsewhere

A family of them has a file each. Scalers, Normalizer, PowerTransformer, SimpleImputer, the discretizers and the plain
Tokenizer are expressions of the plan, which the engine computes; the others are Python over Arrow's memory.
"""

from millstream.preprocessor import Preprocessor, PreprocessorNotFittedException
from millstream.preprocessors.categorizer import Categorizer
from millstream.preprocessors.chain import Chain
from millstream.preprocessors.concatenator import Concatenator
from millstream.preprocessors.discretizers import CustomKBinsDiscretizer, UniformKBinsDiscretizer
from millstream.preprocessors.hasher import FeatureHasher
from millstream.preprocessors.hot_encoders import MultiHotEncoder, OneHotEncoder
from millstream.preprocessors.imputer import SimpleImputer
from millstream.preprocessors.normalizer import Normalizer
from millstream.preprocessors.ordinal_encoders import LabelEncoder, OrdinalEncoder
from millstream.preprocessors.power_transformer import PowerTransformer
from millstream.preprocessors.scalers import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from millstream.preprocessors.tokenizer import Tokenizer
from millstream.preprocessors.torchvision import TorchVisionPreprocessor
from millstream.preprocessors.vectorizers import CountVectorizer, HashingVectorizer

__all__ = [
    "Categorizer",
    "Chain",
    "Concatenator",
    "CountVectorizer",
    "CustomKBinsDiscretizer",
    "FeatureHasher",
    "HashingVectorizer",
    "LabelEncoder",
    "MaxAbsScaler",
    "MinMaxScaler",
    "MultiHotEncoder",
    "Normalizer",
    "OneHotEncoder",
    "OrdinalEncoder",
    "PowerTransformer",
    "Preprocessor",
    "PreprocessorNotFittedException",
    "RobustScaler",
    "SimpleImputer",
    "StandardScaler",
    "Tokenizer",
    "TorchVisionPreprocessor",
    "UniformKBinsDiscretizer",
]
