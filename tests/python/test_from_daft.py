"""Daft's frames: from them and to them, as streams."""

import numpy as np
import pyarrow as pa
import pytest

import millstream as ms

daft = pytest.importorskip("daft")


def numbers(rows):
    return [row["n"] for row in rows.take_all()]


@pytest.fixture
def frame():
    return daft.from_pydict({"n": list(range(1000)), "s": [None if n % 3 == 0 else f"row {n}" for n in range(1000)]})


def test_rows_come_in_the_frames_order(each_engine, frame):
    rows = ms.from_daft(frame)
    assert rows.take_all() == [{"n": n, "s": None if n % 3 == 0 else f"row {n}"} for n in range(1000)]
    assert numbers(rows.random_shuffle(seed=1).sort("n")) == list(range(1000))


def test_the_plan_runs_when_rows_are_asked_for(frame):
    rows = ms.from_daft(frame.where(daft.col("n") >= 998).with_column("twice", daft.col("n") * 2).exclude("s"))
    for _ in range(2):
        assert rows.take_all() == [{"n": 998, "twice": 1996}, {"n": 999, "twice": 1998}]
    assert ms.from_daft(frame.where(daft.col("n") < 0)).take_all() == []
    assert ms.from_daft(frame.collect()).count() == 1000


def test_partitions_keep_their_order():
    rows = ms.from_daft(daft.range(500_000, partitions=7))
    ids = np.concatenate([batch["id"] for batch in rows.iter_batches(batch_size=4096)])
    assert np.array_equal(ids, np.arange(500_000))


def test_a_frame_is_an_arrow_stream_too(frame):
    assert numbers(ms.from_arrow(frame)) == list(range(1000))


def test_tensors_and_other_types_of_daft():
    tensors = daft.from_pydict({"a": [np.ones((2, 2)), np.zeros((2, 2))], "b": [np.ones(1), np.ones(3)]})
    of_one_shape = daft.DataType.tensor(daft.DataType.float64(), (2, 2))
    rows = ms.from_daft(tensors.with_column("a", daft.col("a").cast(of_one_shape)))
    assert rows.schema().types[0] == pa.fixed_shape_tensor(pa.float64(), [2, 2])
    read = rows.take_all()
    assert [row["a"].tolist() for row in read] == [[[1, 1], [1, 1]], [[0, 0], [0, 0]]]
    assert [row["b"] for row in read] == [{"data": [1.0], "shape": [1]}, {"data": [1.0] * 3, "shape": [3]}]


def test_what_would_be_pickled_is_refused():
    with pytest.raises(TypeError, match=r"column 'o' .* holds Python objects.*leave it out: df\.exclude\('o'\)"):
        ms.from_daft(daft.from_pydict({"o": [object()]}))
    with pytest.raises(TypeError, match=r"takes a daft\.DataFrame, not dict"):
        ms.from_daft({"n": [1]})


def test_what_daft_raises_is_raised(frame):
    @daft.func(return_dtype=daft.DataType.int64())
    def fail(number):
        raise ValueError("not today")

    with pytest.raises(ms.UserCodeError, match="not today"):
        ms.from_daft(frame.with_column("m", fail(daft.col("n")))).take_all()


# ---- to Daft ----
def test_a_frame_has_the_rows_of_the_data_set(each_engine):
    frame = ms.range(100_000).to_daft()
    assert frame.column_names == ["id"]
    assert frame.sum("id").to_pydict() == {"id": [sum(range(100_000))]}
    assert frame.where(daft.col("id") % 25_000 == 7).to_pydict() == {"id": [7, 25_007, 50_007, 75_007]}
    assert frame.to_pydict() == {"id": list(range(100_000))}


def test_rows_are_read_when_it_is_computed(use_engine):
    engine = use_engine(num_cpus=2)
    calls = []
    frame = ms.range(10_000_000).map_batches(lambda batch: calls.append(1) or batch, batch_size=10_000).to_daft()
    calls.clear()  # the schema was asked for
    assert frame.limit(3).to_pydict() == {"id": [0, 1, 2]}
    assert 0 < len(calls) < 500
    assert engine.memory_used() == 0
    joined = ms.range(1000).to_daft().join(ms.range(100).to_daft(), on="id")
    assert joined.count_rows() == 100


@pytest.mark.parametrize(
    "query",
    [
        lambda frame: frame.limit(3),
        lambda frame: frame.offset(5).limit(3),
        lambda frame: frame.where(daft.col("n") > 6).limit(3),
        lambda frame: frame.limit(8).where(daft.col("n") > 6),
        lambda frame: frame.where(daft.col("kind") == "b").select("n"),
        lambda frame: frame.select("twice", "n"),
        lambda frame: frame.select((daft.col("n") + 1).alias("next")).limit(2),
        lambda frame: frame.select(daft.lit(1).alias("one")),
        lambda frame: frame.sort("n", desc=True).limit(2),
        lambda frame: frame.groupby("kind").agg(daft.col("n").sum()).sort("kind"),
        lambda frame: frame.limit(0),
        lambda frame: frame.count(),
    ],
)
def test_what_daft_leaves_to_its_sources_is_done(query):
    table = pa.table({"n": range(10), "twice": range(0, 20, 2), "kind": list("abcabcabca")})
    rows = ms.from_arrow(table.set_column(2, "kind", table["kind"].dictionary_encode()))
    assert query(rows.to_daft()).to_pydict() == query(daft.from_arrow(table)).to_pydict()


def test_columns_of_all_types():
    table = pa.table(
        {
            "text": ["x", None],
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "view": pa.array(["a", None], pa.string_view()),
            "list": [[1], None],
            "struct": [{"a": 1}, {"a": 2}],
            "time": pa.array([1, None], pa.timestamp("us", "UTC")),
            "flag": [True, None],
        }
    )
    read = ms.from_arrow(table).to_daft()
    assert read.to_pydict() == table.to_pydict()
    assert ms.from_daft(read).take_all() == table.to_pylist()
    tensors = ms.range_tensor(3, shape=(2, 2)).to_daft().to_pydict()["data"]
    assert [tensor.tolist() for tensor in tensors] == [[[n, n], [n, n]] for n in range(3)]
    with pytest.raises(
        TypeError, match=r"column 't' is of the type time32\[s\], which Daft does not have; cast it, or"
    ):
        ms.from_arrow(pa.table({"t": pa.array([1], pa.time32("s"))})).to_daft()


def test_what_a_function_raises_comes_out_of_daft():
    def fail(batch):
        if batch["id"][0] >= 50_000:
            raise ValueError("not today")
        return batch

    with pytest.raises(Exception, match="not today"):
        ms.range(100_000).map_batches(fail, batch_size=1000).to_daft().collect()
