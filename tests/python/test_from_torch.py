"""Data sets of torch: items by number or as a stream, tensors, tuples and plain values."""

import pickle
import threading

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

import millstream as ms


class Made(Dataset):
    """Items that a function makes of their numbers; remembers what it was asked for."""

    def __init__(self, items, make):
        self.items = items
        self.make = make
        self.asked = []

    def __len__(self):
        return self.items

    def __getitem__(self, index):
        self.asked.append(index)
        return self.make(index)


class Counting(IterableDataset):
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(range(self.items))


class Picture:
    """As Pillow's: numpy alone makes an array of it."""

    def __init__(self, pixels):
        self.pixels = pixels
        self.__array_interface__ = pixels.__array_interface__


def items(dataset):
    return [row["item"] for row in dataset.take_all()]


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda index: index, pa.int64()),
        (lambda index: index / 2, pa.float64()),
        (lambda index: f"text {index}", pa.string()),
        (lambda index: b"x" * index, pa.binary()),
        (lambda index: None if index == 1 else index, pa.int64()),
        (lambda index: (index, index + 1), pa.list_(pa.int64())),
        (lambda index: [index] * (index + 1), pa.list_(pa.int64())),
        (lambda index: {"a": index, "b": "x"}, pa.struct([("a", pa.int64()), ("b", pa.string())])),
    ],
)
def test_plain_items_are_the_column_item(each_engine, make, kind):
    rows = ms.from_torch(Made(1000, make))
    assert rows.schema().types == [kind]
    assert items(rows) == [list(item) if isinstance(item := make(n), tuple) else item for n in range(1000)]


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda index: torch.full((2, 2), index), pa.fixed_shape_tensor(pa.int64(), [2, 2])),
        (lambda index: torch.full((3,), index, dtype=torch.uint8), pa.fixed_shape_tensor(pa.uint8(), [3])),
        (lambda index: np.full((3,), index, np.float32), pa.fixed_shape_tensor(pa.float32(), [3])),
        (lambda index: torch.nn.Parameter(torch.full((3,), float(index))), pa.fixed_shape_tensor(pa.float32(), [3])),
        (lambda index: torch.tensor(index), pa.int64()),
        (lambda index: Picture(np.full((2, 2), index, np.uint8)), pa.fixed_shape_tensor(pa.uint8(), [2, 2])),
    ],
)
def test_tensors_and_pictures_are_tensors(make, kind):
    rows = ms.from_torch(Made(100, make))
    assert rows.schema().types == [kind]
    for index, item in enumerate(items(rows)):
        assert np.array_equal(item, np.full(np.shape(item), index))


def test_tensors_of_several_shapes():
    rows = ms.from_torch(Made(100, lambda index: torch.arange(index % 5)))
    assert [item.tolist() for item in items(rows)] == [list(range(index % 5)) for index in range(100)]


def test_tuples_with_tensors_have_a_column_a_part():
    pairs = ms.from_torch(Made(600, lambda index: (torch.full((2,), float(index)), index)))
    assert pairs.schema().names == ["item_0", "item_1"]
    batches = list(pairs.iter_torch_batches(batch_size=200))
    assert torch.equal(torch.cat([batch["item_0"] for batch in batches])[:, 1], torch.arange(600.0))
    assert torch.equal(torch.cat([batch["item_1"] for batch in batches]), torch.arange(600))
    assert ms.from_torch(TensorDataset(torch.arange(3))).take_all() == [{"item_0": n} for n in range(3)]


@pytest.mark.parametrize(
    ("item", "row"),
    [
        (("text", 1), {"item_0": "text", "item_1": 1}),
        ({"image": torch.ones(1), "size": (3, 4)}, {"item_image": [1], "item_size": [3, 4]}),
        (((torch.ones(1), "a"), None), {"item_0_0": [1], "item_0_1": "a", "item_1": None}),
        ([torch.ones(1), torch.zeros(2)], {"item_0": [1], "item_1": [0, 0]}),
        ((Picture(np.ones(1)), 7), {"item_0": [1], "item_1": 7}),
    ],
)
def test_parts_of_items(item, row):
    (read,) = ms.from_torch(Made(1, lambda index: item)).take_all()
    assert {name: list(value) if isinstance(value, np.ndarray) else value for name, value in read.items()} == row


def test_items_are_read_when_they_are_asked_for():
    dataset = Made(10_000, lambda index: index)
    rows = ms.from_torch(dataset)
    assert dataset.asked == []
    assert rows.num_blocks() == 40
    assert ms.from_torch(Made(1_000_000, int)).num_blocks() == 64
    assert rows.take(3) == [{"item": 0}, {"item": 1}, {"item": 2}]
    assert len(dataset.asked) < 3000
    assert ms.from_torch(Subset(dataset, [5, 3]), local_read=True).take_all() == [{"item": 5}, {"item": 3}]
    assert ms.from_torch(Made(0, int)).take_all() == []


def test_one_item_is_asked_for_at_a_time():
    inside = threading.Lock()

    def make(index):
        assert inside.acquire(blocking=False), "two items at a time"
        try:
            return sum(range(2000)) + index
        finally:
            inside.release()

    assert ms.from_torch(Made(3000, make)).count() == 3000


def test_a_data_set_of_items_shuffles_and_pickles():
    rows = ms.from_torch(Made(2000, lambda index: index)).random_shuffle(seed=5)
    shuffled = items(rows)
    assert shuffled != list(range(2000)) == sorted(shuffled)
    assert items(pickle.loads(pickle.dumps(rows))) == shuffled


def test_iterable_data_sets_are_streamed():
    rows = ms.from_torch(Counting(5000))
    assert rows.num_blocks() == 1
    assert items(rows) == items(rows) == list(range(5000))
    assert items(ms.from_torch(Counting(1 << 62)).limit(5)) == list(range(5))


def test_what_an_item_raises_names_it():
    with pytest.raises(ms.UserCodeError, match=r"ZeroDivisionError.*on read task 2 of 4") as caught:
        ms.from_torch(Made(1000, lambda index: 1 / (index - 700))).count()
    assert caught.value.__cause__.__notes__ == ["at item 700 of the data set"]


def test_items_that_do_not_fit_are_refused():
    with pytest.raises(TypeError, match=r"ReadTorch: column 'item' has values of type object.*read task 0 of 1"):
        ms.from_torch(Made(3, lambda index: object())).take_all()
    with pytest.raises(TypeError, match="BFloat16"):
        ms.from_torch(Made(3, lambda index: torch.ones(2, dtype=torch.bfloat16))).take_all()
    with pytest.raises(ValueError, match=r"'item' has the parts \[0\] in one item and \[0, 1\] in another; give all"):
        ms.from_torch(Made(3, lambda index: [torch.ones(1)] * (index + 1))).take_all()
    with pytest.raises(ValueError, match=r"has the parts \['a'\] in one item and the value of type int in another"):
        ms.from_torch(Made(3, lambda index: index if index else {"a": torch.ones(1)})).take_all()


def test_what_is_no_data_set_is_refused():
    with pytest.raises(TypeError, match=r"not a DataLoader; give it loader\.dataset"):
        ms.from_torch(DataLoader(Counting(3)))
    with pytest.raises(TypeError, match=r"takes a torch\.utils\.data\.Dataset, not int"):
        ms.from_torch(3)
    with pytest.raises(TypeError, match="Dataset has no __len__"):
        ms.from_torch(Dataset())
    with pytest.raises(TypeError, match="local_read must be True or False"):
        ms.from_torch(Counting(3), local_read="no")


def test_without_torch_it_says_what_to_install(run_python):
    source = """
import sys
sys.modules["torch"] = None
import millstream as ms
try:
    ms.from_torch([1])
except ImportError as error:
    print(error)
"""
    assert "pip install 'millstream[torch]'" in run_python(source)
