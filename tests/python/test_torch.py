"""Batches as torch tensors."""

import datetime
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import millstream as ms
from millstream.batch_format import numpy_batch
from millstream.collate_fn import ArrowBatchCollateFn, CollateFn, NumpyBatchCollateFn, PandasBatchCollateFn
from millstream.data_pass import DataPass
from millstream.execution import batches_once

torch = pytest.importorskip("torch")
torch_batch = pytest.importorskip("millstream.torch_batch").torch_batch


def one_batch(columns, **options):
    table = pa.table(columns) if isinstance(columns, dict) else pa.table({"column": columns})
    batch = next(iter(ms.from_arrow(table).iterator().iter_torch_batches(batch_size=16, **options)))
    return batch if isinstance(columns, dict) or not isinstance(batch, dict) else batch["column"]


@pytest.mark.parametrize(
    ("column", "dtype", "values"),
    [
        (pa.array([1, 2, 3], pa.int64()), torch.int64, [1, 2, 3]),
        (pa.array([1, 2, 3], pa.int8()), torch.int8, [1, 2, 3]),
        (pa.array([1, 2, 3], pa.uint16()), torch.uint16, [1, 2, 3]),
        (pa.array([1.5, 2.0], pa.float32()), torch.float32, [1.5, 2.0]),
        (pa.array(np.array([1, 2], np.float16)), torch.float16, [1, 2]),
        (pa.array([True, False]), torch.bool, [True, False]),
        (pa.array([5, 6, 5]).dictionary_encode(), torch.int64, [5, 6, 5]),
        (pa.array([[1, 2], [3, 4], [5, 6]]), torch.int64, [[1, 2], [3, 4], [5, 6]]),
        (pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2)), torch.float32, [[1, 2], [3, 4]]),
        (pa.array([[[1], [2]], [[3], [4]]]), torch.int64, [[[1], [2]], [[3], [4]]]),
        (pa.array([[True], [False]]), torch.bool, [[True], [False]]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else None,
)
def test_numbers_booleans_and_equal_lists_become_tensors(column, dtype, values):
    tensor = one_batch(column)
    assert tensor.dtype == dtype
    assert tensor.tolist() == values


def test_lists_of_a_slice_are_those_of_the_slice():
    column = pa.array([[1, 2], [3, 4], [5, 6], [7, 8]])
    batches = ms.from_arrow(pa.table({"column": column})).iterator().iter_torch_batches(batch_size=3)
    assert [batch["column"].tolist() for batch in batches] == [[[1, 2], [3, 4], [5, 6]], [[7, 8]]]


def test_nullable_numbers_become_nan():
    assert one_batch(pa.array([1, None], pa.int32())).dtype == torch.float64
    assert torch.equal(one_batch(pa.array([1, None], pa.int32())).isnan(), torch.tensor([False, True]))


def test_fixed_shape_tensors_keep_their_shape():
    values = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    assert torch.equal(one_batch(pa.FixedShapeTensorArray.from_numpy_ndarray(values)), torch.from_numpy(values))


def test_no_warning_of_read_only_memory_and_no_way_into_the_users_table():
    table = pa.table({"number": pa.array([1, 2, 3], pa.int64())})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batch = next(iter(ms.from_arrow(table).iterator().iter_torch_batches(batch_size=3)))
    batch["number"] += 1
    assert table.column("number").to_pylist() == [1, 2, 3]


def test_plain_numbers_of_a_shuffled_batch_are_not_copied(files):
    dataset = ms.read_parquet(str(files)).select_columns(["number"]).random_shuffle(seed=1)
    batch = next(batches_once(dataset._engine(), dataset._plan, batch_size=100))
    assert torch_batch(batch)["number"].data_ptr() == batch.numpy(0).__array_interface__["data"][0]


def test_dtypes_are_of_all_columns_or_by_column():
    columns = {"a": [1, 2], "b": [1.5, 2.5]}
    assert {t.dtype for t in one_batch(columns, dtypes=torch.float32).values()} == {torch.float32}
    by_column = one_batch(columns, dtypes={"a": torch.float16})
    assert (by_column["a"].dtype, by_column["b"].dtype) == (torch.float16, torch.float64)


def test_dtypes_of_an_unknown_column_are_refused():
    with pytest.raises(ValueError, match=r"dtypes names columns that the batch does not have: \['c'\]"):
        one_batch({"a": [1]}, dtypes={"c": torch.float32})


def test_a_null_cannot_silently_become_an_integer():
    with pytest.raises(TypeError, match=r"column 'column' has 1 nulls in a batch, which torch\.int64 cannot hold"):
        one_batch(pa.array([1, None], pa.int64()), dtypes=torch.int64)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array(["a"]), r"column 'column' of type string has no torch form; .*drop_columns\(\)"),
        (pa.array(["a"]).dictionary_encode(), "column 'column' of type dictionary"),
        (pa.array([b"a"]), "of type binary has no torch form"),
        (pa.array([datetime.datetime(2020, 1, 1)]), r"of type timestamp\[us\] has no torch form"),
        (pa.array([True, None]), "column 'column' of type bool has nulls"),
        (pa.array([[1], [2, 3]]), r"rows of different lengths, as \[\(1,\), \(2,\)\]; pad them in a collate_fn"),
        (pa.array([[1], None]), "has rows without a list; fill them in a collate_fn"),
        (pa.array([["a"], ["b"]]), "of type list<item: string> has no torch form"),
        (pa.array([{"a": 1}]), "of type struct<a: int64> has no torch form"),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else None,
)
def test_what_torch_cannot_hold_is_a_type_error_that_names_column_and_remedy(column, message):
    with pytest.raises(TypeError, match=message):
        one_batch(column)


def test_a_plain_collate_function_is_given_numpy_arrays():
    def collate(batch):
        assert isinstance(batch["a"], np.ndarray)
        return torch.as_tensor(batch["a"]) + 1, "kept as it is"

    assert [str(value) for value in one_batch({"a": [1]}, collate_fn=collate)] == ["tensor([2])", "kept as it is"]


@pytest.mark.parametrize(
    ("base", "form"),
    [(ArrowBatchCollateFn, pa.Table), (NumpyBatchCollateFn, dict), (PandasBatchCollateFn, pd.DataFrame)],
)
def test_a_collate_class_says_what_it_wants_to_be_given(base, form):
    class Collate(base):
        def __call__(self, batch):
            return type(batch)

    assert issubclass(Collate, CollateFn)
    assert one_batch({"a": [1]}, collate_fn=Collate()) is form


def test_collate_fn_and_dtypes_exclude_each_other():
    iterator = ms.range(3).iterator()
    with pytest.raises(ValueError, match="collate_fn cannot be used with dtypes"):
        iterator.iter_torch_batches(collate_fn=dict, dtypes=torch.float32)
    with pytest.raises(ValueError, match="collate_fn must be callable, got int"):
        iterator.iter_torch_batches(collate_fn=3)


def test_tensors_go_to_the_device_asked_for_also_out_of_a_collate_fn():
    assert one_batch({"a": [1]}, device="cpu")["a"].device.type == "cpu"
    assert one_batch({"a": [1]}, device=torch.device("meta"))["a"].device.type == "meta"
    tensor, text = one_batch({"a": [1]}, device="meta", collate_fn=lambda batch: (torch.as_tensor(batch["a"]), "text"))
    assert (tensor.device.type, text) == ("meta", "text")


def test_states_count_delivered_batches_of_tensors(files):
    def reseeded():
        return (
            ms.read_parquet(str(files))
            .select_columns(["number"])
            .random_shuffle(seed=ms.RandomSeedConfig(3))
            .iterator()
        )

    whole = [batch["number"].tolist() for batch in reseeded().iter_torch_batches(batch_size=100)]
    iterator = reseeded()
    batches = iter(iterator.iter_torch_batches(batch_size=100, prefetch_batches=8))
    next(batches)
    resumed = reseeded()
    resumed.load_state_dict(iterator.state_dict())
    assert [batch["number"].tolist() for batch in resumed.iter_torch_batches(batch_size=100)] == whole[1:]


def test_a_batch_of_no_rows_has_tensors_of_no_rows(files):
    empty = ms.read_parquet(str(files)).filter(expr=ms.col("number") < 0)
    assert list(empty.iterator().iter_torch_batches()) == []


class AheadTransfer:
    """Stands for a device that batches are sent to ahead of their use."""

    def __init__(self, ahead):
        self.ahead = ahead
        self.begun = 0

    def begin(self, value):
        self.begun += 1
        return value

    def finish(self, begun):
        return begun


def test_batches_on_their_way_to_a_device_do_not_count_as_delivered(files):
    iterator = ms.read_parquet(str(files)).iterator()
    options = iterator._options(100, False, 8, None, None)
    transfer = AheadTransfer(4)
    batches = DataPass(lambda: iterator._begin_pass(options), numpy_batch, transfer)
    seen = next(batches)["number"].tolist()
    assert transfer.begun == 5
    assert iterator.state_dict()["position"]["rows"] == 100
    seen.extend(number for batch in batches for number in batch["number"].tolist())
    assert seen == list(range(1000))
    assert iterator.state_dict()["finished"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("prefetch_batches", [0, 1, 4])
def test_batches_reach_a_cuda_device_unharmed_while_kernels_run(files, prefetch_batches):
    dataset = ms.read_parquet(str(files)).select_columns(["number"]).random_shuffle(seed=2)
    expected = [batch["number"].tolist() for batch in dataset.iterator().iter_torch_batches(batch_size=100)]
    found, work = [], torch.randn(1024, 1024, device="cuda")
    for batch in dataset.iterator().iter_torch_batches(
        batch_size=100, device="cuda", prefetch_batches=prefetch_batches
    ):
        assert batch["number"].is_cuda
        work = work @ work / 1024
        found.append(batch["number"].clone())
    assert [tensor.tolist() for tensor in found] == expected
    pinned = next(iter(dataset.iterator().iter_torch_batches(batch_size=100, pin_memory=True)))
    assert pinned["number"].is_pinned()
