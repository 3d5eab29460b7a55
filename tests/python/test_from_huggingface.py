"""Data sets of Hugging Face's datasets: tables as they are, picked rows in blocks, streams."""

import pickle

import datasets
import numpy as np
import pyarrow as pa
import pytest
from datasets import Array2D, ClassLabel, Dataset, Features, Image, IterableDataset, Sequence, Value

import millstream as ms

ROWS = 1000
FEATURES = Features({"n": Value("int64"), "label": ClassLabel(names=["even", "odd"]), "tags": Sequence(Value("int32"))})


@pytest.fixture(scope="module", autouse=True)
def quiet():
    datasets.disable_progress_bars()


def row(number):
    return {"n": number, "label": number % 2, "tags": [number] * (number % 3)}


@pytest.fixture
def dataset():
    return Dataset.from_list([row(number) for number in range(ROWS)], features=FEATURES)


def numbers(rows):
    return [row["n"] for row in rows.take_all()]


def test_a_table_is_taken_as_it_is(each_engine, dataset):
    rows = ms.from_huggingface(dataset)
    assert isinstance(rows, ms.MaterializedDataset)
    assert rows.take_all() == [row(number) for number in range(ROWS)]
    assert rows.schema().types == [pa.int64(), pa.int64(), pa.list_(pa.int32())]
    assert ms.from_huggingface(dataset, override_num_blocks=7).num_blocks() == 7
    assert ms.from_huggingface(dataset, parallelism=3, concurrency=2).num_blocks() == 3


def test_a_table_is_not_copied():
    memory = np.arange(ROWS)
    column = pa.Array.from_buffers(pa.int64(), ROWS, [None, pa.py_buffer(memory)])
    rows = ms.from_huggingface(Dataset(datasets.table.InMemoryTable(pa.table({"n": column}))))
    memory[7] = -1  # which nobody should do, but it shows
    assert numbers(rows) == memory.tolist()


def test_tables_in_files_are_read_from_there(tmp_path, dataset):
    dataset.save_to_disk(tmp_path / "stored", num_shards=3)
    rows = ms.from_huggingface(datasets.load_from_disk(tmp_path / "stored"))
    assert rows.take_all() == [row(number) for number in range(ROWS)]


@pytest.mark.parametrize(
    "pick",
    [
        lambda dataset: dataset.shuffle(seed=7),
        lambda dataset: dataset.filter(lambda row: row["n"] % 3 == 0),
        lambda dataset: dataset.select([5, 3, 999, 5]),
        lambda dataset: dataset.sort("n", reverse=True),
        lambda dataset: dataset.select(range(10, 20)),
        lambda dataset: dataset.train_test_split(0.1, seed=1)["test"],
        lambda dataset: dataset.select([]),
        lambda dataset: datasets.concatenate_datasets([dataset.select([1]), dataset.select([2, 7])]),
    ],
)
def test_picked_rows_come_in_their_order(dataset, pick):
    picked = pick(dataset)
    rows = ms.from_huggingface(picked)
    assert rows.take_all() == [row(number) for number in picked["n"]]
    assert pickle.loads(pickle.dumps(rows)).count() == len(picked)


def test_picked_rows_are_read_in_as_many_blocks_as_asked_for(dataset):
    picked = dataset.shuffle(seed=7)
    for blocks in ({"override_num_blocks": 7}, {"parallelism": 7, "concurrency": 3}):
        rows = ms.from_huggingface(picked, **blocks)
        assert rows.num_blocks() == 7
        assert numbers(rows) == picked["n"][:]


def test_columns_that_were_changed_come_as_they_are_now(dataset):
    changed = dataset.remove_columns(["label", "tags"]).map(lambda row: {"twice": row["n"] * 2}).rename_column("n", "m")
    assert ms.from_huggingface(changed).take(2) == [{"m": 0, "twice": 0}, {"m": 1, "twice": 2}]
    formatted = dataset.with_format("numpy", columns=["n"])
    assert ms.from_huggingface(formatted).columns() == ["n", "label", "tags"]


@pytest.mark.parametrize("form", [None, "numpy", "torch"])
def test_streams_come_as_they_are_given(dataset, form):
    stream = dataset.to_iterable_dataset(num_shards=4)
    stream = stream if form is None else stream.with_format(form)
    rows = ms.from_huggingface(stream)
    assert rows.num_blocks() == 1
    assert rows.take_all() == rows.take_all() == [row(number) for number in range(ROWS)]
    assert numbers(ms.from_huggingface(stream.filter(lambda row: row["n"] % 100 == 0))) == list(range(0, ROWS, 100))


def late_texts():
    for number in range(700):
        yield {"n": number, "text": "late" if number > 600 else None}


def endless():
    number = 0
    while True:
        yield {"n": number}
        number += 1


def failing():
    yield {"n": 1}
    raise OSError("no such shard")


def test_streams_of_unknown_types():
    rows = ms.from_huggingface(IterableDataset.from_generator(late_texts))
    assert rows.take_all() == list(late_texts())
    assert rows.schema().types == [pa.int64(), pa.string()]
    mapped = IterableDataset.from_generator(late_texts).map(lambda row: {"twice": row["n"] * 2})
    assert ms.from_huggingface(mapped).sum("twice") == 699 * 700
    assert numbers(ms.from_huggingface(IterableDataset.from_generator(endless)).limit(300)) == list(range(300))


@pytest.mark.parametrize("by_python", [False, True])
def test_pictures_and_arrays_of_streams_come_as_they_are_stored(by_python):
    features = Features({"image": Image(), "array": Array2D((1, 2), "float32"), "text": Value("string")})
    rows = [{"image": {"bytes": b"of a file", "path": None}, "array": [[n, n]], "text": None} for n in range(3)]
    if by_python:
        stream = IterableDataset.from_generator(lambda: iter(rows), features=features)
    else:
        stream = Dataset.from_list(rows, features=features).to_iterable_dataset()
    read = ms.from_huggingface(stream)
    assert read.schema().types[1:] == [pa.fixed_shape_tensor(pa.float32(), [1, 2]), pa.string()]
    assert [{**row, "array": row["array"].tolist()} for row in read.take_all()] == rows


def test_what_a_stream_raises_is_the_users():
    with pytest.raises(ms.UserCodeError, match=r"OSError: no such shard.*read task 0 of 1"):
        ms.from_huggingface(IterableDataset.from_generator(failing)).take_all()


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("picked", [False, True])
def test_arrays_are_tensors(picked, nulls):
    arrays = [None if nulls and number == 1 else np.full((2, 3), number).tolist() for number in range(5)]
    dataset = Dataset.from_dict({"a": arrays}, features=Features({"a": Array2D((2, 3), "int64")}))
    rows = ms.from_huggingface(dataset.select([4, 1, 0, 2, 3]) if picked else dataset)
    assert rows.schema().types == [pa.fixed_shape_tensor(pa.int64(), [2, 3])]
    order = [4, 1, 0, 2, 3] if picked else range(5)
    for number, read in zip(order, rows.take_all(), strict=True):
        if arrays[number] is None:
            assert read["a"] is None
        else:
            assert read["a"].tolist() == arrays[number]


def test_arrays_of_several_lengths_are_lists():
    arrays = [[[number] * 2] * (number + 1) for number in range(3)]
    dataset = Dataset.from_dict({"a": arrays}, features=Features({"a": Array2D((None, 2), "int64")}))
    assert ms.from_huggingface(dataset).take_all() == [{"a": array} for array in arrays]
    wrong = Dataset.from_dict({"a": [[[1, 2, 3]]]}, features=Features({"a": Array2D((1, 2), "int64")}))
    with pytest.raises(ValueError, match=r"column 'a' holds an array that is not of the shape \(1, 2\)"):
        ms.from_huggingface(wrong)


def test_one_split_is_to_be_named(dataset):
    splits = datasets.DatasetDict(train=dataset, test=dataset)
    with pytest.raises(
        TypeError,
        match=r"this DatasetDict holds several; name a split: from_huggingface\(dataset\['train'\]\)\. It has ",
    ) as caught:
        ms.from_huggingface(splits)
    assert str(caught.value).endswith("It has 'train', 'test'")
    with pytest.raises(TypeError, match="this IterableDatasetDict holds several"):
        ms.from_huggingface(datasets.IterableDatasetDict(train=dataset.to_iterable_dataset()))
    with pytest.raises(TypeError, match="this DatasetDict holds none"):
        ms.from_huggingface(datasets.DatasetDict())


def test_wrong_arguments_are_refused(dataset):
    with pytest.raises(TypeError, match=r"takes a datasets\.Dataset or datasets\.IterableDataset, not list"):
        ms.from_huggingface([1])
    with pytest.raises(ValueError, match="override_num_blocks must be at least 1"):
        ms.from_huggingface(dataset, override_num_blocks=0)
    with pytest.raises(ValueError, match="concurrency must be at least 1"):
        ms.from_huggingface(dataset, concurrency=0)
