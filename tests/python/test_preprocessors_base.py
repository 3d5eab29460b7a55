"""What preprocessors have in common: fitting, chains, single batches, JSON, and those of users."""

import datetime
import decimal
import json
import pickle
import re
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import millstream as ms
from millstream import preprocessors
from millstream.preprocessors import (
    Categorizer,
    Chain,
    Concatenator,
    CountVectorizer,
    CustomKBinsDiscretizer,
    FeatureHasher,
    HashingVectorizer,
    LabelEncoder,
    MaxAbsScaler,
    MinMaxScaler,
    MultiHotEncoder,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    Preprocessor,
    PreprocessorNotFittedException,
    RobustScaler,
    SimpleImputer,
    StandardScaler,
    Tokenizer,
    TorchVisionPreprocessor,
    UniformKBinsDiscretizer,
)

Status = Preprocessor.FitStatus
CATEGORIES = pd.CategoricalDtype(["b", "a"], ordered=True)
INTERVALS = pd.IntervalIndex.from_tuples([(0, 1), (2, 5)])
EACH = [
    Categorizer(["s"]),
    Categorizer(["s", "i"], dtypes={"s": CATEGORIES}, output_columns=["a", "b"]),
    Chain(SimpleImputer(["gap"]), StandardScaler(["gap", "i"]), Concatenator(["gap", "i"], output_column_name="v")),
    Concatenator(["i", "x"], dtype=np.float32),
    CountVectorizer(["text"], max_features=2),
    CustomKBinsDiscretizer(["i", "x"], [0, 1.5, float("inf")], output_columns=["a", "b"]),
    CustomKBinsDiscretizer(["i"], {"i": INTERVALS}, dtypes={"i": CATEGORIES}),
    FeatureHasher(["i", "x"], 4, "h"),
    HashingVectorizer(["text"], 4, output_columns=["h"]),
    LabelEncoder("day", output_column="label"),
    MaxAbsScaler(["i"]),
    MinMaxScaler(["i", "gap"]),
    MultiHotEncoder(["tags"], max_categories={"tags": 2}),
    Normalizer(["i", "x"], norm="l1"),
    OneHotEncoder(["s", "tags"]),
    OrdinalEncoder(["s", "i", "day", "price", "tags"], encode_lists=False),
    PowerTransformer(["i", "x"], power=0.5),
    RobustScaler(["x"], quantile_range=(0.1, 0.9)),
    SimpleImputer(["gap"], strategy="most_frequent"),
    SimpleImputer(["s"], strategy="constant", fill_value="?"),
    StandardScaler(["i", "gap"], output_columns=["a", "b"]),
    Tokenizer(["text"]),
    UniformKBinsDiscretizer(["i", "x"], {"i": 2, "x": 3}),
]


@pytest.fixture(scope="module")
def table():
    day = datetime.date(2024, 2, 28)
    return pa.table(
        {
            "s": ["a", "b", "a", "b", "b"],
            "i": [1, 2, 3, 4, 5],
            "x": [0.5, 1.25, float("inf"), 2.0, -3.5],
            "gap": [None, 2.0, float("nan"), 4.0, 2.0],
            "text": ["one two", "two", "", None, "three  two"],
            "tags": [["u", "v"], ["v"], [], ["w"], ["u", "v"]],
            "day": [day + datetime.timedelta(i % 3) for i in range(5)],
            "price": [decimal.Decimal(f"{i % 2}.50") for i in range(5)],
        }
    ).replace_schema_metadata(None)


@pytest.fixture(scope="module")
def train(table):
    return ms.from_arrow(table.set_column(2, "x", pa.array([0.5, 1.25, 9.0, 2.0, -3.5])))


def anew(preprocessor):
    """As it was before any fit."""
    arguments = [anew(each) for each in preprocessor.preprocessors] if isinstance(preprocessor, Chain) else None
    return Chain(*arguments) if arguments else type(preprocessor)(**preprocessor._arguments())


def name_of(preprocessor):
    return type(preprocessor).__name__


def text_of(value):
    """For comparison: NaN is equal to itself, arrays have no truth value."""
    return re.sub(r"\s+", " ", repr(value.to_pydict() if isinstance(value, pa.Table) else value))


# ---- fitting ----
@pytest.mark.parametrize("example", EACH, ids=name_of)
def test_each_says_whether_it_is_fitted(example, train):
    preprocessor = anew(example)
    if preprocessor.fit_status() is Status.NOT_FITTABLE:
        assert preprocessor.fit(train) is preprocessor
        assert preprocessor.fit_status() is Status.NOT_FITTABLE
        return
    assert preprocessor.fit_status() is Status.NOT_FITTED
    for transform in (preprocessor.transform, preprocessor.transform_batch):
        with pytest.raises(PreprocessorNotFittedException, match=f"{name_of(example)} is not fitted: call fit"):
            transform(train)
    assert preprocessor.fit(train) is preprocessor
    assert preprocessor.fit_status() is Status.FITTED
    with pytest.warns(UserWarning, match="has been fitted before"):
        preprocessor.fit(train)


def test_a_fit_that_fails_leaves_nothing(train):
    scaler = StandardScaler(["i"]).fit(train)
    with pytest.warns(UserWarning, match="fitted before"), pytest.raises(KeyError):
        scaler.fit(train.drop_columns(["i"]))
    assert scaler.fit_status() is Status.NOT_FITTED
    assert not scaler.has_stats()


def test_data_sets_are_needed(train):
    with pytest.raises(TypeError, match=r"fit takes a data set, such as .*from_pandas\(frame\), not DataFrame"):
        StandardScaler(["i"]).fit(train.to_pandas())
    with pytest.raises(TypeError, match=r"transform takes a data set.*not dict; transform_batch\(\) takes batches"):
        Normalizer(["i"]).transform({"i": [1]})
    with pytest.raises(TypeError, match=r"transform_batch takes a pandas\.DataFrame, a pyarrow\.Table or a dict"):
        Normalizer(["i"]).transform_batch([1, 2])


def test_placement_is_refused(train):
    for preprocessor in (Normalizer(["i"]), Concatenator(["i"])):
        with pytest.raises(NotImplementedError, match="memory"):
            preprocessor.transform(train, memory=1 << 20)
    made = OrdinalEncoder(["s"]).fit_transform(train, transform_batch_size=2, transform_concurrency=2)
    assert [row["s"] for row in made.take_all()] == [0, 1, 0, 1, 1]


def test_transform_is_lazy():
    calls = []
    rows = ms.range(4).map_batches(lambda batch: calls.append(1) or {"x": batch["id"] * 1.0})
    made = MinMaxScaler(["x"]).fit(rows).transform(rows)
    fitted = len(calls)
    made = Concatenator(["x"]).transform(made)
    assert len(calls) == fitted
    assert made.take_all()[3]["concat_out"].tolist() == [1.0]


# ---- chains ----
def test_a_chain_fits_each_to_what_the_one_before_makes(train):
    chain = Chain(SimpleImputer(["gap"]), StandardScaler(["gap"]), Concatenator(["gap", "i"], "v"), LabelEncoder("s"))
    assert (chain.fit_status(), repr(chain)[:20]) == (Status.NOT_FITTED, "Chain(SimpleImputer(")
    chain.preprocessors[0].fit(train)
    assert chain.fit_status() is Status.PARTIALLY_FITTED
    with pytest.raises(PreprocessorNotFittedException):
        chain.transform(train)
    with pytest.warns(UserWarning, match="fitted before"):
        made = chain.fit_transform(train)
    assert chain.fit_status() is Status.FITTED
    filled = np.array([8 / 3, 2, 8 / 3, 4, 2])
    expected = np.column_stack([(filled - filled.mean()) / filled.std(), [1, 2, 3, 4, 5]])
    np.testing.assert_allclose(made.take_batch(5)["v"], expected)
    assert chain.preprocessors[1].stats_["mean(gap)"] == pytest.approx(filled.mean())
    assert set(chain.get_input_columns()) == {"gap", "i", "s"}
    assert made.columns() == ["s", "x", "text", "tags", "day", "price", "v"]


def test_chains_of_nothing_to_fit(train):
    assert text_of(Chain().transform(train).take_all()) == text_of(train.take_all())
    assert Chain(Normalizer(["i"]), Tokenizer(["text"])).fit_status() is Status.NOT_FITTABLE
    with pytest.raises(TypeError, match="Chain takes preprocessors, not list"):
        Chain([Normalizer(["i"])])


# ---- JSON ----
@pytest.mark.parametrize("example", EACH, ids=name_of)
@pytest.mark.parametrize("fitted", [True, False])
def test_json_there_and_back(example, fitted, train, table):
    preprocessor = anew(example)
    if fitted:
        preprocessor.fit(train)
    text = preprocessor.serialize()
    assert json.loads(text)["class"] == name_of(example)
    again = Preprocessor.deserialize(text.encode())
    assert repr(again) == repr(preprocessor)
    assert again.fit_status() is preprocessor.fit_status()
    assert again.serialize() == text
    if fitted:
        other = ms.from_arrow(table)
        assert text_of(again.transform(other).to_arrow()) == text_of(preprocessor.transform(other).to_arrow())
        assert text_of(again.stats_) == text_of(preprocessor.stats_)
        copied = pickle.loads(pickle.dumps(preprocessor))
        assert text_of(copied.transform(other).to_arrow()) == text_of(preprocessor.transform(other).to_arrow())


def test_values_keep_their_types():
    preprocessor = SimpleImputer(["x"], strategy="most_frequent")
    preprocessor.stats_ = {
        "a": (1, 2.5, None, True, "x"),
        ("b", 2): [float("inf"), float("-inf"), -0.0, 1e-320, 10**30],
        3: Counter({"x": 2}),
        "bytes": b"\x00\xff",
        "times": [datetime.datetime(2024, 2, 29, 1, 2, 3, 4, datetime.UTC), datetime.time(1, 2)],
        "span": datetime.timedelta(-1, 5),
        "number": decimal.Decimal("1.20"),
    }
    again = Preprocessor.deserialize(preprocessor.serialize())
    assert again.stats_ == preprocessor.stats_
    assert text_of(again.stats_) == text_of(preprocessor.stats_)


def test_functions_are_not_written(train):
    for preprocessor in (Tokenizer(["text"], str.split), TorchVisionPreprocessor(["i"], abs)):
        with pytest.raises(TypeError, match=r"argument \w+ is a function, and serialize\(\) writes no code"):
            preprocessor.serialize()
    broken = SimpleImputer(["x"])
    broken.stats_ = {"mean(x)": object()}
    with pytest.raises(TypeError, match="SimpleImputer: stats_ holds a value of type object, for which"):
        broken.serialize()


def test_other_texts_are_refused(train):
    good = json.loads(StandardScaler(["i"]).fit(train).serialize())
    for text in ("", "{}", "[1]", "null", b"CPKL:\x80\x04", pickle.dumps(1), "[" * 100_000):
        with pytest.raises(ValueError, match=r"this is not what Preprocessor.serialize\(\) writes"):
            Preprocessor.deserialize(text)
    for change, message in (
        ({"millstream_preprocessor": 2}, "has format 2 and this version reads 1"),
        ({"version": 7}, "stored StandardScaler has version 7 and this one reads 1"),
        ({"class": "StandardScalar"}, "no preprocessor class 'StandardScalar'; did you mean 'StandardScaler'?"),
        ({"class": "os.system"}, "no preprocessor class 'os.system'; import the module"),
        ({"arguments": {"columns": "i"}}, "damaged: TypeError: columns takes a list"),
        ({"arguments": {"command": "rm"}}, "damaged: TypeError"),
        ({"stats": {"$pickle": "gASV"}}, "damaged: KeyError"),
        ({"stats": [1]}, "damaged: TypeError"),
        ({"stats": {"$array": ["|O", []]}}, "array of dtype"),
        ({"fitted": "yes"}, "damaged: TypeError"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            Preprocessor.deserialize(json.dumps(good | change))
    with pytest.raises(TypeError, match="deserialize takes what serialize"):
        Preprocessor.deserialize(good)


# ---- single batches ----
@pytest.mark.parametrize("example", EACH, ids=name_of)
def test_a_batch_is_transformed_as_a_data_set_is(example, train, table):
    preprocessor = anew(example).fit(train)
    expected = preprocessor.transform(ms.from_arrow(table)).to_arrow()
    made = preprocessor.transform_batch(table)
    assert isinstance(made, pa.Table)
    assert text_of(made) == text_of(expected)
    assert preprocessor.transform_batch(table.slice(0, 0)).num_rows == 0


def test_frames_keep_their_index_and_their_other_columns(train):
    odd = object()
    frame = pd.DataFrame({"i": [1, 5], "odd": [odd, 3j], "s": ["b", "?"]}, index=["p", "q"])
    scaled = StandardScaler(["i"], output_columns=["z"]).fit(train).transform_batch(frame)
    assert list(scaled.columns) == ["i", "odd", "s", "z"]
    assert list(scaled.index) == ["p", "q"]
    assert scaled["odd"].tolist() == [odd, 3j]
    np.testing.assert_allclose(scaled["z"], [-(2**0.5), 2**0.5])
    assert "z" not in frame
    encoded = OrdinalEncoder(["s"]).fit(train).transform_batch(frame)
    np.testing.assert_array_equal(encoded["s"], [1, np.nan])
    vectors = Concatenator(["i"]).transform_batch(frame)
    assert list(vectors.columns) == ["odd", "s", "concat_out"]
    assert vectors["concat_out"].iloc[1].tolist() == [5]
    arrow = frame[["i"]].convert_dtypes(dtype_backend="pyarrow")
    assert str(MaxAbsScaler(["i"]).fit(train).transform_batch(arrow)["i"].dtype) == "double[pyarrow]"
    dtype = Categorizer(["s"]).fit(train).transform_batch(frame)["s"].dtype
    assert dtype == pd.CategoricalDtype(["a", "b"])


def test_dicts_give_dicts(train):
    made = Concatenator(["i", "x"]).transform_batch({"i": np.array([1, 2]), "x": np.array([0.5, 1.5])})
    assert list(made) == ["concat_out"]
    np.testing.assert_array_equal(made["concat_out"], [[1, 0.5], [2, 1.5]])
    with pytest.raises(KeyError, match="no column 'i'; did you mean 'ii'"):
        Concatenator(["i"]).transform_batch({"ii": np.array([1])})
    with pytest.raises(KeyError, match="no column 'i'; did you mean 'ii'"):
        Normalizer(["i"]).transform_batch(pd.DataFrame({"ii": [1]}))


def test_a_function_may_use_a_preprocessor(train):
    scaler = MinMaxScaler(["i"]).fit(train)
    made = train.map_batches(lambda batch: scaler.transform_batch({"i": batch["i"]}))
    assert [row["i"] for row in made.take_all()] == [0, 0.25, 0.5, 0.75, 1]


# ---- of users ----
class Shift(Preprocessor):
    """Learns a mean and takes it away."""

    def __init__(self, column, factor=1):
        super().__init__()
        self.column = column
        self.factor = factor

    def _fit(self, ds):
        self.stats_ = {"mean": ds.mean(self.column)}
        return self

    def _transform_pandas(self, df):
        df[self.column] = (df[self.column] - self.stats_["mean"]) * self.factor
        return df


class Doubled(Preprocessor):
    _is_fittable = False

    def _transform_numpy(self, np_data):
        return np_data | {"i": np_data["i"] * 2}


class Nothing(Preprocessor):
    pass


def test_preprocessors_of_users(train):
    chain = Chain(Shift("i", factor=10), Doubled())
    assert [row["i"] for row in chain.fit_transform(train).take_all()] == [-40, -20, 0, 20, 40]
    again = Preprocessor.deserialize(chain.serialize())
    assert repr(again) == "Chain(Shift(column='i', factor=10), Doubled())"
    assert [row["i"] for row in again.transform(train.limit(2)).take_all()] == [-40, -20]
    assert again.transform_batch(pd.DataFrame({"i": [1]}))["i"].tolist() == [-40]
    assert "MapBatches(Doubled)" in repr(Doubled().transform(train)._plan.explain(train._engine()))
    with pytest.raises(NotImplementedError, match="Nothing must define _fit"):
        Nothing().fit(train)
    nothing = Nothing()
    nothing._is_fittable = False
    with pytest.raises(NotImplementedError, match="Nothing must define one of _transform_pandas"):
        nothing.transform(train)


class Marks(Preprocessor):
    """Tells which of its methods was called."""

    _is_fittable = False

    def _transform_pandas(self, df):
        return df.assign(by="pandas")

    def _transform_numpy(self, np_data):
        return np_data | {"by": ["numpy"] * len(np_data["i"])}


class MarksAsNumpy(Marks):
    @classmethod
    def preferred_batch_format(cls):
        return "numpy"


def test_of_several_methods_that_of_the_preferred_batch_format_is_called(train):
    assert {row["by"] for row in Marks().transform(train).take_all()} == {"pandas"}
    assert {row["by"] for row in MarksAsNumpy().transform(train).take_all()} == {"numpy"}


# ---- torchvision ----
@pytest.mark.parametrize("batched", [True, False])
def test_torchvision_preprocessor(batched):
    torch = pytest.importorskip("torch")
    images = np.arange(5 * 4 * 3 * 2, dtype=np.uint8).reshape(5, 4, 3, 2)

    def flipped(image):
        return torch.flip(image, [1 if batched else 0]).float()

    def array_only(image):
        if not isinstance(image, np.ndarray):
            raise TypeError("not an array")
        return image[..., :1]

    rows = ms.from_numpy(images)
    made = TorchVisionPreprocessor(["data"], flipped, output_columns=["out"], batched=batched).transform(rows)
    batch = made.take_batch(5)
    np.testing.assert_array_equal(batch["out"], images[:, ::-1].astype(np.float32))
    np.testing.assert_array_equal(batch["data"], images)
    made = TorchVisionPreprocessor(["data"], array_only, batched=batched).transform(rows)
    np.testing.assert_array_equal(made.take_batch(5)["data"], images[..., :1])
    with pytest.raises(TypeError, match=r"the transform must return a torch\.Tensor or a numpy\.ndarray, not str"):
        TorchVisionPreprocessor(["data"], str, batched=batched).transform(rows).take_all()
    with pytest.raises(KeyError, match="no column 'image'"):
        TorchVisionPreprocessor(["image"], flipped).transform(rows)


def test_names():
    assert ms.Preprocessor is Preprocessor
    assert ms.preprocessors is preprocessors
    assert all(hasattr(preprocessors, name) for name in preprocessors.__all__)
    assert repr(StandardScaler(["i"])) == "StandardScaler(columns=['i'], output_columns=['i'])"
    assert RobustScaler(["i"]).get_output_columns() == ["i"]
