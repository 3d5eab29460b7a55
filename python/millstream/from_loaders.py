"""Data sets of torch and of tensorflow."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from millstream.arguments import check_flag
from millstream.block import BlockMetadata
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.item_blocks import item_blocks
from millstream.libraries import Pieces, library, row_ranges
from millstream.read_api import read_datasource

_TASK_ITEMS_MIN = 256  # so that a block's items tell their type


def from_torch(dataset: Any, local_read: bool = False) -> Dataset:
    """Rows of a torch.utils.data.Dataset, one an item, in the column "item".

    Tensors are Arrow's tensors. A tuple such as (image, label) or a dict with tensors in it has a column a part,
    "item_0" and "item_1": Arrow has no type for it, and ray.data pickles it.

    Nothing is read yet. A pass asks for one item at a time, dataset[0], dataset[1] and so on, on a thread of its own;
    an IterableDataset is looped over once a pass, and its rows come as it gives them.

    Args:
        dataset: One with __len__ and __getitem__, or an IterableDataset. It pickles with the data set.
        local_read: Taken as in ray.data; there is one machine.

    Raises:
        TypeError: for what is no data set; while rows are read, for items that Arrow has no type for.
        UserCodeError: the data set raised; a note of its cause says at which item.
    """
    check_flag(local_read, "local_read")
    torch_data = library("torch.utils.data", "torch")
    if isinstance(dataset, torch_data.DataLoader):
        raise TypeError("from_torch takes a data set, not a DataLoader; give it loader.dataset")
    if isinstance(dataset, torch_data.IterableDataset):
        return _streamed("Torch", functools.partial(iter, dataset))
    if not hasattr(dataset, "__getitem__"):
        raise TypeError(f"from_torch takes a torch.utils.data.Dataset, not {type(dataset).__name__}")
    if not hasattr(dataset, "__len__"):
        raise TypeError(
            f"{type(dataset).__name__} has no __len__, so that nobody knows its items; add it, or make it an "
            "IterableDataset"
        )

    def tasks(count: int) -> list[ReadTask]:
        return [
            ReadTask(functools.partial(_read_items, dataset, rows), BlockMetadata(len(rows)))
            for rows in row_ranges(len(dataset), min(count, -(-len(dataset) // _TASK_ITEMS_MIN)))
        ]

    # Data sets are made for DataLoader's processes: few may be asked by several threads at a time.
    return read_datasource(Pieces("Torch", tasks), concurrency=1)


def from_tf(dataset: Any) -> Dataset:
    """Rows of a tf.data.Dataset, one an element; a dict has its keys as columns, all else is as in `from_torch`.

    It is looped over once a pass, and its rows come as it gives them. Texts are bytes, as in tensorflow. The data set
    does not pickle, for tensorflow's do not.
    """
    tensorflow = library("tensorflow", "tensorflow")
    if not isinstance(dataset, tensorflow.data.Dataset):
        raise TypeError(f"from_tf takes a tf.data.Dataset, not {type(dataset).__name__}")
    return _streamed("TF", dataset.as_numpy_iterator, dicts_are_rows=True)


def _streamed(name: str, items: Callable[[], Iterator[Any]], *, dicts_are_rows: bool = False) -> Dataset:
    def read() -> Iterator[Any]:
        return item_blocks(items(), where=f"Read{name}", dicts_are_rows=dicts_are_rows)

    return read_datasource(Pieces(name, lambda _: [ReadTask(read, BlockMetadata())]))


def _read_items(dataset: Any, rows: range) -> Iterator[Any]:
    return item_blocks(_items(dataset, rows), where="ReadTorch")


def _items(dataset: Any, rows: range) -> Iterator[Any]:
    for index in rows:
        try:
            yield dataset[index]
        except Exception as error:
            error.add_note(f"at item {index} of the data set")
            raise
