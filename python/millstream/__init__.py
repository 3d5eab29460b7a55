"""Loads data, preprocesses it, shuffles it globally each epoch and feeds training and batch inference.

    import millstream as ms

    rows = ms.read_parquet("flights/").filter(expr="dep_delay is not None").random_shuffle(seed=7)
    for batch in rows.iter_torch_batches(batch_size=1024):
        ...

The names, arguments and results are ray.data's where it has them. Importing this module imports nothing else: the
engine loads at the first use, and pyarrow, numpy, pandas, torch and rich when a result needs them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millstream.avro import read_avro
    from millstream.call_random import function_random
    from millstream.compute_strategy import ActorPoolStrategy, TaskPoolStrategy
    from millstream.context import DataContext, ExecutionOptions, ExecutionResources
    from millstream.dataset import Dataset
    from millstream.datasource import Datasink, Datasource, ReadTask
    from millstream.delta_tables import read_delta
    from millstream.expressions import Expr, col, lit
    from millstream.file_shuffle import FileShuffleConfig
    from millstream.from_frames import from_daft, from_dask, from_modin
    from millstream.from_loaders import from_tf, from_torch
    from millstream.from_memory import from_blocks, range_tensor
    from millstream.hugging_face import from_huggingface
    from millstream.iceberg_tables import read_iceberg
    from millstream.initialize import init, shutdown
    from millstream.iterator import DataIterator
    from millstream.lance_tables import read_lance
    from millstream.materialized_dataset import MaterializedDataset
    from millstream.mixing import MixStoppingCondition
    from millstream.preprocessor import Preprocessor
    from millstream.read_api import (
        from_arrow,
        from_items,
        from_numpy,
        from_pandas,
        range,
        read_datasource,
        read_parquet,
    )
    from millstream.read_arrays import read_images, read_numpy
    from millstream.read_columnar import read_ipc, read_orc
    from millstream.read_files import read_binary_files, read_csv, read_json, read_text
    from millstream.read_limits import ReadLimits
    from millstream.read_records import read_tfrecords
    from millstream.save_mode import SaveMode
    from millstream.schema import Schema
    from millstream.seeds import RandomSeedConfig
    from millstream.spark_frames import from_spark
    from millstream.sql import read_sql
    from millstream.summary import DatasetSummary
    from millstream.user_code_error import UserCodeError
    from millstream.webdataset import read_webdataset
    from millstream.worker_process import WorkerDiedError

__version__ = "0.1.0"

__all__ = [
    "ActorPoolStrategy",
    "DataContext",
    "DataIterator",
    "Dataset",
    "DatasetSummary",
    "Datasink",
    "Datasource",
    "ExecutionOptions",
    "ExecutionResources",
    "Expr",
    "FileShuffleConfig",
    "MaterializedDataset",
    "MixStoppingCondition",
    "Preprocessor",
    "RandomSeedConfig",
    "ReadLimits",
    "ReadTask",
    "SaveMode",
    "Schema",
    "TaskPoolStrategy",
    "UserCodeError",
    "WorkerDiedError",
    "col",
    "from_arrow",
    "from_blocks",
    "from_daft",
    "from_dask",
    "from_huggingface",
    "from_items",
    "from_modin",
    "from_numpy",
    "from_pandas",
    "from_spark",
    "from_tf",
    "from_torch",
    "function_random",
    "init",
    "lit",
    "range",
    "range_tensor",
    "read_avro",
    "read_binary_files",
    "read_csv",
    "read_datasource",
    "read_delta",
    "read_iceberg",
    "read_images",
    "read_ipc",
    "read_json",
    "read_lance",
    "read_numpy",
    "read_orc",
    "read_parquet",
    "read_sql",
    "read_text",
    "read_tfrecords",
    "read_webdataset",
    "shutdown",
]

_MODULES = {
    "ActorPoolStrategy": "compute_strategy",
    "DatasetSummary": "summary",
    "MixStoppingCondition": "mixing",
    "TaskPoolStrategy": "compute_strategy",
    "UserCodeError": "user_code_error",
    "WorkerDiedError": "worker_process",
    "DataContext": "context",
    "DataIterator": "iterator",
    "Dataset": "dataset",
    "Datasink": "datasource",
    "Datasource": "datasource",
    "ExecutionOptions": "context",
    "ExecutionResources": "context",
    "Expr": "expressions",
    "FileShuffleConfig": "file_shuffle",
    "MaterializedDataset": "materialized_dataset",
    "Preprocessor": "preprocessor",
    "RandomSeedConfig": "seeds",
    "ReadLimits": "read_limits",
    "ReadTask": "datasource",
    "SaveMode": "save_mode",
    "Schema": "schema",
    "col": "expressions",
    "from_arrow": "read_api",
    "from_blocks": "from_memory",
    "from_daft": "from_frames",
    "from_dask": "from_frames",
    "from_huggingface": "hugging_face",
    "from_items": "read_api",
    "from_modin": "from_frames",
    "from_numpy": "read_api",
    "from_pandas": "read_api",
    "from_spark": "spark_frames",
    "from_tf": "from_loaders",
    "from_torch": "from_loaders",
    "function_random": "call_random",
    "init": "initialize",
    "lit": "expressions",
    "range": "read_api",
    "range_tensor": "from_memory",
    "read_avro": "avro",
    "read_binary_files": "read_files",
    "read_csv": "read_files",
    "read_datasource": "read_api",
    "read_delta": "delta_tables",
    "read_iceberg": "iceberg_tables",
    "read_images": "read_arrays",
    "read_ipc": "read_columnar",
    "read_json": "read_files",
    "read_lance": "lance_tables",
    "read_numpy": "read_arrays",
    "read_orc": "read_columnar",
    "read_parquet": "read_api",
    "read_sql": "sql",
    "read_text": "read_files",
    "read_tfrecords": "read_records",
    "read_webdataset": "webdataset",
    "shutdown": "initialize",
}
_PACKAGES = frozenset({"preprocessors"})  # found without an import of their own


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"millstream.{name}")
    if name not in _MODULES:
        import sys

        from millstream.missing_names import no_function

        raise no_function(sys.modules[__name__], name)
    value = getattr(importlib.import_module(f"millstream.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
