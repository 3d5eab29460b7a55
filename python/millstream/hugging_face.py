"""Data sets of Hugging Face's datasets."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from millstream.arguments import check_count
from millstream.block import BlockMetadata
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.file_arguments import block_count
from millstream.function_results import rows_to_batch
from millstream.libraries import Pieces, block_ranges, library, row_ranges
from millstream.read_api import from_arrow, read_datasource
from millstream.tensor_columns import fixed_shape_column

if TYPE_CHECKING:
    import pyarrow

_STREAMED_BLOCK_ROWS = 256


def from_huggingface(
    dataset: Any, parallelism: int = -1, concurrency: int | None = None, override_num_blocks: int | None = None
) -> Dataset:
    """Rows of a datasets.Dataset or datasets.IterableDataset, with the columns and types that it stores.

    Array2D and the like are Arrow's tensors, those without a first size lists.

    A Dataset is not copied: its table, which may lie in files of its cache, is the data set's. One whose rows were
    picked, by filter, shuffle, sort or select, is read in blocks when rows are asked for, at the speed at which
    datasets picks them; its flatten_indices() is as fast as any other. An IterableDataset is looped over once a pass
    by one task, 256 rows a block, and its rows come as it gives them.

    What with_format and with_transform set is left out: they make other values of the stored ones, as map_batches does.

    Args:
        dataset: One data set; of a DatasetDict one split.
        parallelism: As override_num_blocks; -1 lets the size of the data decide.
        concurrency: Of picked rows, tasks read at one time; nothing else is read by tasks side by side.
        override_num_blocks: Blocks of a Dataset's rows.

    Raises:
        TypeError: for what is no data set; for a DatasetDict, naming its splits.
        UserCodeError: an IterableDataset raised while rows are read.
    """
    datasets = library("datasets", "huggingface")
    blocks = block_count(parallelism, override_num_blocks)
    if concurrency is not None:
        check_count(concurrency, "concurrency", least=1)
    if isinstance(dataset, datasets.DatasetDict | datasets.IterableDatasetDict):
        raise TypeError(_told_splits(dataset))
    if isinstance(dataset, datasets.IterableDataset):
        task = ReadTask(functools.partial(_stream, dataset), BlockMetadata())
        return read_datasource(Pieces("HuggingFace", lambda _: [task]))
    if not isinstance(dataset, datasets.Dataset):
        raise TypeError(
            f"from_huggingface takes a datasets.Dataset or datasets.IterableDataset, not {type(dataset).__name__}"
        )
    if dataset._indices is None:
        return from_arrow(_with_tensors(dataset.data.table), override_num_blocks=blocks or None)
    row_bytes = dataset.data.nbytes / max(len(dataset.data), 1)

    def tasks(count: int) -> list[ReadTask]:
        return [
            ReadTask(
                functools.partial(_picked, dataset, rows, row_bytes),
                BlockMetadata(len(rows), int(len(rows) * row_bytes)),
            )
            for rows in row_ranges(len(dataset), count)
        ]

    return read_datasource(
        Pieces("HuggingFace", tasks, int(len(dataset) * row_bytes)),
        override_num_blocks=blocks or None,
        concurrency=concurrency,
    )


def _told_splits(splits: Any) -> str:
    kind = type(splits).__name__
    names = list(splits)
    if not names:
        return f"from_huggingface takes one data set, and this {kind} holds none"
    return (
        f"from_huggingface takes one data set, and this {kind} holds several; name a split: "
        f"from_huggingface(dataset[{names[0]!r}]). It has {', '.join(map(repr, names))}"
    )


def _picked(dataset: Any, rows: range, row_bytes: float) -> Iterator[pyarrow.Table]:
    stored = dataset.with_format("arrow")
    for part in block_ranges(rows, row_bytes):
        yield _with_tensors(stored[part.start : part.stop])


def _stream(dataset: Any) -> Iterator[Any]:
    if dataset._ex_iterable.iter_arrow:
        for table in dataset.with_format("arrow").iter(batch_size=_STREAMED_BLOCK_ROWS):
            yield _with_tensors(table)
        return
    # Rows that Python makes: as tables datasets gives them in the types that some first ones seem to have.
    dataset, features = dataset.with_format(None), dataset.features
    if features is not None:
        dataset = dataset.decode(False)
    rows = iter(dataset)
    while block := list(itertools.islice(rows, _STREAMED_BLOCK_ROWS)):
        yield rows_to_batch(block, where="ReadHuggingFace") if features is None else _typed(block, dataset.features)


def _typed(rows: list[Any], features: Any) -> pyarrow.Table:
    datasets = library("datasets", "huggingface")
    return _with_tensors(datasets.Dataset.from_list(rows, features=features).data.table)


def _with_tensors(table: pyarrow.Table) -> pyarrow.Table:
    """The table with tensors of Arrow in place of datasets' own Array2D and so on, over the same memory."""
    import pyarrow

    for index, field in enumerate(table.schema):
        kind = field.type
        if isinstance(kind, pyarrow.BaseExtensionType) and kind.extension_name.startswith("datasets."):
            chunks = table.column(index).chunks or [kind.wrap_array(pyarrow.array([], kind.storage_type))]
            table = table.set_column(
                index, field.name, pyarrow.chunked_array([_tensors(field.name, chunk) for chunk in chunks])
            )
    return table


def _tensors(name: str, array: pyarrow.ExtensionArray) -> pyarrow.Array:
    """Lists where the type does not tell the first side of the shape."""
    import numpy
    import pyarrow

    shape = array.type.shape
    if None in shape:
        return array.storage
    values = array.storage.drop_null()
    for side in shape:
        if (values.value_lengths().to_numpy(zero_copy_only=False) != side).any():
            raise ValueError(f"column {name!r} holds an array that is not of the shape {shape} of its type")
        values = values.flatten()
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    if not valid.all():
        known = values.to_numpy(zero_copy_only=False).reshape(-1, *shape)
        filled = numpy.zeros((len(array), *shape), known.dtype)
        filled[valid] = known
        values = pyarrow.array(filled.reshape(-1))
    return fixed_shape_column(name, values, shape, valid)[1]
