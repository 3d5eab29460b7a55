"""How the tasks of a Datasource are read: a stage's function over their numbers, whose results come in parts."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from time import thread_time
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.bad_files import BadFiles, PassedOver
from millstream.compute_strategy import asked_workers
from millstream.function_results import batch_from_result
from millstream.stores import shown
from millstream.user_code_error import forget_batches, from_user_code, user_code_error

if TYPE_CHECKING:
    import pyarrow

    from millstream.datasource import Datasource, ReadTask

_TASK_BYTES = 64 << 20
_ROW_BYTES_GUESS = 32
_TASKS_MIN = 8
_TASKS_MAX = 1 << 12
_TASKS_WITHOUT_SIZE = 64
_READERS_MAX = 4


def datasource_plan(
    source: Datasource, tasks_asked: int, compute: Any, concurrency: Any, bad_files: BadFiles | None = None
) -> _core.Plan:
    """The plan of all rows, in the order of the tasks. `tasks_asked` is 0 where the size decides."""
    size_bytes = source.estimate_inmemory_data_size()
    tasks = source.get_read_tasks(tasks_asked or _task_count(size_bytes))
    checked = tuple(_checked_task(source, task) for task in tasks)
    asked = compute is not None or concurrency is not None
    readers = asked_workers(compute, concurrency).count if asked else min(_READERS_MAX, len(os.sched_getaffinity(0)))
    workers = max(1, min(readers, len(checked)))
    reader = ReadTasks(source.get_name(), checked, workers, _rows_expected(checked, size_bytes), bad_files)
    return _core.Plan.range(len(checked), max(1, len(checked))).map_batches(reader, 1)


def _task_count(size_bytes: int | None) -> int:
    """The same on every machine, for the order of the rows may depend on it."""
    return _TASKS_WITHOUT_SIZE if size_bytes is None else min(max(size_bytes // _TASK_BYTES, _TASKS_MIN), _TASKS_MAX)


def _rows_expected(tasks: Sequence[ReadTask], size_bytes: int | None) -> int:
    """Rows, about: of tasks that do not tell, as many as others have, or as the bytes make."""
    known = [rows for task in tasks if (rows := task.metadata.num_rows) is not None]
    if known:
        return sum(known) * len(tasks) // len(known)
    sizes = [size for task in tasks if (size := task.metadata.size_bytes) is not None]
    if size_bytes is None:
        size_bytes = sum(sizes) * len(tasks) // len(sizes) if sizes else _TASK_BYTES * len(tasks)
    return size_bytes // _ROW_BYTES_GUESS


def _checked_task(source: Datasource, task: Any) -> ReadTask:
    from millstream.datasource import ReadTask

    if not isinstance(task, ReadTask):
        raise TypeError(f"{type(source).__name__}.get_read_tasks gives ReadTasks, and one is {type(task).__name__}")
    return task


@dataclass(frozen=True)
class ReadTasks:
    """A function of a stage, as Plan.map_batches takes it: a batch is the number of a task."""

    source_name: str
    tasks: tuple[ReadTask, ...]
    workers: int
    rows_expected: int
    skips: BadFiles | None

    @property
    def name(self) -> str:
        return f"Read{self.source_name}"

    def describe_workers(self) -> str:
        """What `explain` says of them."""
        return f"{self.workers} at a time, on threads of this process"

    def serve(self, calls: _core.Calls) -> None:
        """Starts the threads that read, which end when the stage does."""
        for number in range(self.workers):
            thread = threading.Thread(target=_run, args=(self, calls), name=f"ms-function-{number}", daemon=True)
            thread.start()

    def __reduce__(self) -> tuple[Any, ...]:
        import cloudpickle

        parts = (self.source_name, self.tasks, self.workers, self.rows_expected, self.skips)
        return _loaded, (cloudpickle.dumps(parts),)


def _loaded(parts: bytes) -> ReadTasks:
    import cloudpickle

    return ReadTasks(*cloudpickle.loads(parts))


def _run(reader: ReadTasks, calls: _core.Calls) -> None:
    while (call := calls.take()) is not None:
        began = thread_time()
        (number,) = call.batch.pylist(0)
        passed: list[PassedOver] = []
        try:
            _read(reader, calls, call.number, number, passed)
        except BaseException as error:
            calls.fail(call.number, _told(reader, number, error), _skipped(reader, passed))
            forget_batches(error)
        else:
            calls.give(call.number, [], _skipped(reader, passed))
        calls.add_cpu_time(thread_time() - began)
        del call
    # The frame lives on in the traceback of an error that somebody keeps.
    del calls


def _skipped(reader: ReadTasks, passed: list[PassedOver]) -> tuple[list[tuple[Any, ...]], int | None, Exception] | None:
    """As a SkippedOfCall, of files."""
    if reader.skips is None or not passed:
        return None
    errors = [(-1, -1, str(each.error), "", shown(each.path), reader.skips.is_recorded) for each in passed]
    return errors, reader.skips.max_errors, passed[-1].error


def _read(reader: ReadTasks, calls: _core.Calls, call_number: int, number: int, passed: list[PassedOver]) -> None:
    batches = _batches(reader.tasks[number], reader.name, passed)
    try:
        for batch in batches:
            if not calls.give_part(call_number, [batch]):
                return
    finally:
        batches.close()  # the user's own iterator with it, where nothing more is wanted


def _batches(task: ReadTask, where: str, passed: list[PassedOver]) -> Generator[pyarrow.RecordBatch]:
    left = task.per_task_row_limit
    for block in _checked_blocks(task.read_fn(), where):
        if isinstance(block, PassedOver):
            passed.append(block)
            continue
        batch = batch_from_result(block, where=where)
        batch = batch if left is None else batch.slice(0, left)
        left = None if left is None else left - batch.num_rows
        yield batch
        if left == 0:
            break


def _checked_blocks(result: Any, where: str) -> Any:
    if isinstance(result, Mapping) or hasattr(result, "__arrow_c_stream__") or not hasattr(result, "__iter__"):
        raise TypeError(
            f"{where}: read_fn returned {type(result).__name__}, and must give an iterable of blocks: yield each, or "
            "return [block]"
        )
    return result


def _told(reader: ReadTasks, number: int, error: BaseException) -> BaseException:
    where = f"read task {number} of {len(reader.tasks)}"
    files = reader.tasks[number].metadata.input_files
    if files:
        where += f" ({', '.join(files[:3])}{'' if len(files) <= 3 else f' and {len(files) - 3} more'})"
    if from_user_code(error):
        return user_code_error(reader.name, where, error)
    told = type(error)(f"{error}, on {where}") if type(error) in (TypeError, ValueError, ImportError) else error
    told.__traceback__ = None
    return told
