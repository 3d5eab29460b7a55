"""Names that ray.data has, or its pipelines once had, and this version does not: what to say to who asks for them."""

from __future__ import annotations

from typing import Any

_BATCHES = "process the batches that iter_batches() gives"
_FRAME = "use to_pandas() or to_arrow() where the result fits in memory"
_WRITE = "use write_parquet(), write_csv(), write_json(), or write_datasink() with a sink of your own"
_SPLIT = "read a part of the files, or of the rows with limit() or filter(), in each process"

_DATASET = {
    "deserialize_lineage": "unpickle it",
    "get_dataset_id": "use set_name() and name",
    "get_internal_block_refs": "there are no object references in one process; use iter_batches()",
    "get_stats_summary": "use stats()",
    "has_serializable_lineage": "every data set pickles as its plan",
    "head": "use take() or show()",
    "iter_epochs": "loop over iterator().iter_batches() once an epoch",
    "iter_internal_ref_bundles": "use iter_batches()",
    "iter_jax_batches": "use iter_batches(), whose numpy arrays jax takes",
    "iter_tf_batches": "use iter_batches(), whose numpy arrays tensorflow takes",
    "load_state_dict": "its iterator has: dataset.iterator().load_state_dict()",
    "repeat": "loop over iterator().iter_batches() once an epoch",
    "serialize_lineage": "pickle it",
    "state_dict": "its iterator has: dataset.iterator().state_dict()",
    "streaming_split": _SPLIT,
    "to_arrow_refs": "use to_arrow()",
    "to_numpy_refs": "use iter_batches()",
    "to_pandas_refs": "use to_pandas()",
    "to_random_access_dataset": _FRAME,
    "to_tf": "use iter_batches(), whose numpy arrays tensorflow takes",
    "to_torch": "use iter_torch_batches()",
    "window": "random_shuffle() spills what does not fit in memory; leave the window out",
}
_ITERATOR = {name: _DATASET[name] for name in ("iter_jax_batches", "iter_tf_batches", "to_tf", "to_torch")}


def no_attribute(owner: Any, name: str) -> AttributeError:
    """For `owner.name`. Python adds the near names to it."""
    kind = type(owner).__name__
    remedy = (_ITERATOR if kind == "DataIterator" else _DATASET).get(name)
    if remedy is None and name.startswith("write_"):
        remedy = _WRITE
    text = f"{kind!r} object has no attribute {name!r}"
    return AttributeError(text if remedy is None else f"{text} in this version; {remedy}", name=name, obj=owner)


def no_function(module: Any, name: str) -> AttributeError:
    """For `millstream.name`."""
    remedy = None
    if name.startswith(("read_", "from_")):
        remedy = (
            "use read_parquet(), read_csv(), read_json(), from_arrow(), or read_datasource() with a source of your own"
        )
    text = f"module 'millstream' has no attribute {name!r}"
    return AttributeError(text if remedy is None else f"{text} in this version; {remedy}", name=name, obj=module)
