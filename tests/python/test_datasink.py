"""Sinks of the user's own: rows as a stream, and what is called when."""

import pyarrow as pa
import pytest

import millstream as ms
from millstream.datasource import Datasink, DummyOutputDatasink, WriteResult, WriteReturnType


class Kept(Datasink[int]):
    """Keeps what it is given, and what was called."""

    def __init__(self, rows_asked=None):
        self.rows_asked = rows_asked
        self.called = []
        self.tables = []
        self.result = None

    @property
    def min_rows_per_write(self):
        return self.rows_asked

    def on_write_start(self, schema=None):
        self.called.append("start")
        self.schema = schema

    def write(self, blocks, ctx):
        self.called.append(f"write {ctx.task_idx}")
        written = list(blocks)
        self.tables.append(pa.concat_tables(written))
        return sum(block.num_rows for block in written)

    def on_write_complete(self, write_result):
        self.called.append("complete")
        self.result = write_result

    def on_write_failed(self, error):
        self.called.append(f"failed: {error}")


def test_rows_are_written_in_order_with_their_schema(rows, expected):
    sink = Kept()
    rows.write_datasink(sink)
    assert sink.called == ["start", "write 0", "complete"]
    assert sink.tables[0].to_pylist() == expected
    assert sink.schema.names == rows.columns()
    assert sink.result == WriteResult(1000, sink.result.size_bytes, [1000])
    assert sink.result.size_bytes > 8000


def test_a_sink_is_given_as_many_rows_as_it_asks_for(rows):
    sink = Kept(rows_asked=300)
    rows.write_datasink(sink, concurrency=2)
    assert sink.called == ["start", "write 0", "write 1", "write 2", "write 3", "complete"]
    assert sink.result.write_returns == [300, 300, 300, 100]
    assert pa.concat_tables(sink.tables).column("key").to_pylist() == list(range(1000))


def test_no_rows_are_no_calls_of_write(rows):
    for nothing in (rows.filter(expr="key < 0"), rows.map_batches(lambda batch: batch).limit(0)):
        sink = Kept()
        nothing.write_datasink(sink)
        assert sink.called == ["start", "complete"]
        assert sink.result == WriteResult(0, 0, [])
    assert sink.schema is not None


def test_rows_come_as_a_stream():
    made = []

    def counted(batch):
        made.append(len(batch["id"]))
        return {"id": batch["id"]}

    class Watching(Datasink[int]):
        def write(self, blocks, ctx):
            written = 0
            for block in blocks:
                written += block.num_rows
                ahead.append(sum(made) - written)
            return written

    ahead = []
    rows = ms.range(4_000_000).map_batches(counted, batch_size=10_000)
    rows.write_datasink(Watching())
    assert sum(made) == 4_000_000
    # Calls that the stage makes ahead, the batch that is cut of their results, and one that is prefetched.
    assert max(ahead) <= 10 * 16_384 + 10 * 10_000


def test_what_a_call_of_write_leaves_is_passed_over(rows):
    class First(Kept):
        def write(self, blocks, ctx):
            return next(iter(blocks)).num_rows

    sink = First(rows_asked=400)
    rows.write_datasink(sink)
    assert sink.result.num_rows == 1000
    assert len(sink.result.write_returns) == 3


def test_a_failing_sink_is_told_and_its_error_raised(rows):
    class Full(Kept):
        def write(self, blocks, ctx):
            next(iter(blocks))
            raise OSError("the table is full")

    sink = Full()
    with pytest.raises(OSError, match="the table is full"):
        rows.write_datasink(sink)
    assert sink.called == ["start", "failed: the table is full"]

    class Incomplete(Kept):
        def on_write_complete(self, write_result):
            raise ValueError("not committed")

    sink = Incomplete()
    with pytest.raises(ValueError, match="not committed"):
        rows.write_datasink(sink)
    assert sink.called == ["start", "write 0", "failed: not committed"]


def test_rows_that_fail_are_told_to_the_sink(rows):
    def picky(row):
        if row["key"] == 700:
            raise ValueError("seven hundred")
        return row

    sink = Kept()
    with pytest.raises(ms.UserCodeError, match="seven hundred"):
        rows.map(picky).write_datasink(sink)
    assert sink.called[-1].startswith("failed: Map(picky): ")
    assert "complete" not in sink.called


def test_an_error_of_the_report_does_not_hide_the_first(rows):
    class Worse(Kept):
        def write(self, blocks, ctx):
            raise OSError("first")

        def on_write_failed(self, error):
            raise ValueError("second")

    with pytest.raises(OSError, match="first") as caught:
        rows.write_datasink(Worse())
    assert caught.value.__notes__ == ["Worse.on_write_failed raised ValueError too: second"]


def test_older_sinks_take_no_schema(rows):
    class Older(Kept):
        def on_write_start(self):
            self.called.append("start")

    sink = Older()
    rows.write_datasink(sink)
    assert sink.called == ["start", "write 0", "complete"]


def test_what_is_no_sink_is_refused(rows):
    with pytest.raises(TypeError, match="takes a Datasink, not str"):
        rows.write_datasink("a path")
    with pytest.raises(NotImplementedError, match=r"Plain needs write\(blocks, ctx\)"):
        rows.write_datasink(type("Plain", (Datasink,), {})())
    with pytest.raises(ValueError, match="concurrency"):
        rows.write_datasink(Kept(), concurrency=0)
    with pytest.raises(NotImplementedError, match="ray_remote_args"):
        rows.write_datasink(Kept(), ray_remote_args={"num_cpus": 2})


def test_the_dummy_counts(rows):
    sink = DummyOutputDatasink()
    rows.write_datasink(sink)
    sink.enabled = False
    with pytest.raises(ValueError, match="disabled"):
        rows.write_datasink(sink)
    assert (sink.rows_written, sink.num_ok, sink.num_failed) == (1000, 1, 1)
    assert sink.get_name() == "DummyOutput"
    assert sink.supports_distributed_writes


def test_a_sink_may_be_of_any_return_type(rows):
    class Named(Datasink[WriteReturnType]):
        def write(self, blocks, ctx):
            return f"{ctx.op_name} {ctx.task_idx}: {sum(block.num_rows for block in blocks)}"

        def on_write_complete(self, write_result: WriteResult[WriteReturnType]):
            told.extend(write_result.write_returns)

    told: list[str] = []
    rows.write_datasink(Named[str]())
    assert told == ["Named 0: 1000"]
