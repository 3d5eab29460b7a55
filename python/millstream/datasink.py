"""Where rows go: sinks of the user's own, and how a data set is written into one."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from millstream import _core
from millstream.arguments import check_count
from millstream.batch_format import pyarrow_batch
from millstream.dead_letters import ExecutionLetters
from millstream.execution import batches_once, fetched_schema

if TYPE_CHECKING:
    import pyarrow

WriteReturnType = TypeVar("WriteReturnType")

_TASK_BYTES = 128 << 20  # of a call of `write` whose sink asks for nothing else
_BLOCK_ROWS = 1 << 14


@dataclass
class WriteResult(Generic[WriteReturnType]):
    """What was written: rows, their bytes in memory, and what each call of `write` returned, in order."""

    num_rows: int
    size_bytes: int
    write_returns: list[WriteReturnType]


@dataclass(frozen=True)
class TaskContext:
    """Of one call of `write`: its number, from 0, and the name of its stage."""

    task_idx: int
    op_name: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)


class Datasink(Generic[WriteReturnType]):
    """Where rows go: to be subclassed, and given to `Dataset.write_datasink`."""

    def on_write_start(self, schema: pyarrow.Schema | None = None) -> None:
        """Called once, before the first `write`."""

    def write(self, blocks: Iterable[pyarrow.Table], ctx: TaskContext) -> WriteReturnType:
        """Writes blocks, which come as a stream: take them one by one. Called for about 128 MB of rows at a time, or
        for `min_rows_per_write` rows; in the order of the rows, one call after the other.
        """
        raise NotImplementedError(f"{type(self).__name__} needs write(blocks, ctx)")

    def on_write_complete(self, write_result: WriteResult[WriteReturnType]) -> None:
        """Called once, when all rows are written."""

    def on_write_failed(self, error: Exception) -> None:
        """Called with the first error of all else, `on_write_complete` included, before it is raised."""

    def get_name(self) -> str:
        """As its stage is called: "Table" of a TableDatasink."""
        return type(self).__name__.removeprefix("_").removesuffix("Datasink")

    @property
    def supports_distributed_writes(self) -> bool:
        """Taken as in ray.data; there is one machine."""
        return True

    @property
    def min_rows_per_write(self) -> int | None:
        """Rows of a call of `write`, but for the last one; None for about 128 MB of them."""
        return None


class DummyOutputDatasink(Datasink[int]):
    """An example that counts: `rows_written`, and jobs that ended well (`num_ok`) and otherwise (`num_failed`).

    With `enabled` set to False each `write` fails.
    """

    def __init__(self) -> None:
        self.rows_written = 0
        self.num_ok = 0
        self.num_failed = 0
        self.enabled = True

    def write(self, blocks: Iterable[pyarrow.Table], ctx: TaskContext) -> int:
        if not self.enabled:
            raise ValueError("this DummyOutputDatasink is disabled")
        rows = sum(int(block.num_rows) for block in blocks)
        self.rows_written += rows
        return rows

    def on_write_complete(self, write_result: WriteResult[int]) -> None:
        self.num_ok += 1

    def on_write_failed(self, error: Exception) -> None:
        self.num_failed += 1


def write_datasink(
    engine: _core.Engine, plan: _core.Plan, sink: Datasink[Any], *, preserve_order: bool, letters: ExecutionLetters
) -> None:
    """Runs the plan and gives its rows to the sink, a stream that is never held as a whole.

    TypeError for what is no Datasink. What the sink raises is raised.
    """
    if not isinstance(sink, Datasink):
        raise TypeError(f"write_datasink takes a Datasink, not {type(sink).__name__}")
    batches = batches_once(engine, plan, batch_size=_BLOCK_ROWS, preserve_order=preserve_order, letters=letters)
    blocks = map(pyarrow_batch, batches)
    try:
        _write(sink, blocks, engine, plan)
    except BaseException as error:
        batches.close()
        _tell_failure(sink, error)
        raise


def _write(sink: Datasink[Any], blocks: Iterator[pyarrow.Table], engine: _core.Engine, plan: _core.Plan) -> None:
    first = next(blocks, None)
    _start(sink, _schema_of(plan, engine) if first is None else first.schema)
    written: WriteResult[Any] = WriteResult(0, 0, [])
    share = _Share(first, blocks, sink.min_rows_per_write)
    while share.has_more():
        context = TaskContext(len(written.write_returns), sink.get_name())
        written.write_returns.append(sink.write(share.blocks(), context))
        share.finish()
    written.num_rows, written.size_bytes = share.rows, share.bytes
    sink.on_write_complete(written)


class _Share:
    """Cuts a stream of blocks into what each call of `write` is given."""

    def __init__(self, first: pyarrow.Table | None, rest: Iterator[pyarrow.Table], rows_asked: int | None) -> None:
        self._next = first
        self._rest = rest
        self._rows_asked = None if rows_asked is None else check_count(rows_asked, "min_rows_per_write", least=1)
        self._blocks: Iterator[pyarrow.Table] = iter(())
        self.rows = 0  # so far
        self.bytes = 0

    def has_more(self) -> bool:
        return self._next is not None

    def blocks(self) -> Iterator[pyarrow.Table]:
        """Those of the next call."""
        self._blocks = self._cut()
        return self._blocks

    def finish(self) -> None:
        """Passes over what the call left."""
        for _ in self._blocks:
            pass

    def _cut(self) -> Iterator[pyarrow.Table]:
        rows = size = 0
        while self._next is not None and not self._is_full(rows, size):
            block = self._next
            wanted = block.num_rows if self._rows_asked is None else min(block.num_rows, self._rows_asked - rows)
            part = block.slice(0, wanted)
            self._next = block.slice(wanted) if wanted < block.num_rows else next(self._rest, None)
            rows += part.num_rows
            size += part.nbytes
            self.rows += part.num_rows
            self.bytes += part.nbytes
            yield part

    def _is_full(self, rows: int, size: int) -> bool:
        return size >= _TASK_BYTES if self._rows_asked is None else rows >= self._rows_asked


def _schema_of(plan: _core.Plan, engine: _core.Engine) -> pyarrow.Schema:
    import pyarrow

    return pyarrow.schema(plan.schema() or fetched_schema(engine, plan))


def _start(sink: Datasink[Any], schema: pyarrow.Schema) -> None:
    """Older sinks of ray.data take no schema."""
    try:
        inspect.signature(sink.on_write_start).bind(schema)
    except TypeError:
        sink.on_write_start()
    else:
        sink.on_write_start(schema)


def _tell_failure(sink: Datasink[Any], error: BaseException) -> None:
    try:
        sink.on_write_failed(error)  # type: ignore[arg-type]
    except Exception as second:
        error.add_note(f"{sink.get_name()}.on_write_failed raised {type(second).__name__} too: {second}")
