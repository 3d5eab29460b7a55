"""One pass over a data set: batches of the engine, in the form the consumer asked for."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from millstream import _core
from millstream.converted_batches import ConvertedBatch, ConvertedBatches, ConvertingThread
from millstream.pass_record import PassRecord
from millstream.resume_state import Position

if TYPE_CHECKING:
    from millstream.progress import PassProgress

# A thread that converts ahead is begun once it is known what it would hide: handing a batch over costs 0.1 ms, so where
# both conversion and step take much longer.
_BATCHES_BEFORE_THREAD = 8
_SECONDS_WORTH_HIDING = 0.5e-3


@dataclass(frozen=True)
class PassOptions:
    """What a pass delivers."""

    batch_size: int
    drop_last: bool = False
    prefetch_batches: int = 1
    local_shuffle_buffer_size: int | None = None
    local_shuffle_seed: int | None = None


@dataclass
class OpenPass:
    """A pass that has begun."""

    stream: _core.Stream
    record: PassRecord
    progress: PassProgress | None
    ahead_bytes_max: int = 0  # of batches that are converted ahead, which no budget counts


class Transfer(Protocol):
    """Moves converted batches somewhere, `ahead` of them before the first is handed on."""

    ahead: int

    def begin(self, value: Any) -> Any: ...
    def finish(self, begun: Any) -> Any: ...


class DataPass(Iterator[Any]):
    """Begins at the first `next`; ends at the last batch, at an error, on Ctrl-C, when closed and when dropped:
    threads, memory and files go at once.

    Where conversions turn out to take long, up to `convert_ahead` batches are converted ahead on a thread of their
    own; `thread_state`, called on the consumer's thread, gives what to call first on that one.

    One thread at a time. In a forked child RuntimeError.
    """

    def __init__(
        self,
        begin: Callable[[], OpenPass],
        convert: Callable[[_core.Batch], Any],
        transfer: Transfer | None = None,
        *,
        convert_ahead: int = 0,
        thread_state: Callable[[], Callable[[], None]] = lambda: lambda: None,
    ) -> None:
        self._begin = begin
        self._convert = convert
        self._transfer = transfer
        self._convert_ahead = convert_ahead
        self._thread_state = thread_state
        self._open: OpenPass | None = None
        self._batches: ConvertedBatches | None = None
        self._thread: ConvertingThread | None = None
        self._ended = False
        self._at_end = False
        self._begun: deque[ConvertedBatch] = deque()  # on their way to a device
        self._handed_over_at = 0.0
        self._process_id = os.getpid()

    def begin(self) -> PassRecord:
        """Begins now instead of at the first batch."""
        self._check_process()
        if self._open is None:
            self._open = self._begin()
            progress = self._open.progress
            self._batches = ConvertedBatches(
                self._open.stream, self._convert, None if progress is None else progress.show
            )
            # Not before it is kept here, for whoever can read the stages keeps the stream open.
            self._open.record.read_stages = self._open.stream.stages
            self._open.record.read_letters = self._open.stream.dead_letters
        return self._open.record

    def __next__(self) -> Any:
        self._check_process()
        if self._ended:
            raise StopIteration
        if self._open is not None and self._handed_over_at:
            self._open.record.times.step += perf_counter() - self._handed_over_at
        try:
            record = self.begin() if self._open is None else self._open.record
            delivered = self._pull() if self._transfer is None else self._moved(self._transfer)
        except BaseException:
            self.close()
            raise
        if delivered is None:
            record.finished = True
            self.close()
            raise StopIteration
        value, record.position, rows, _ = delivered
        record.batches += 1
        record.rows += rows
        self._handed_over_at = perf_counter()
        return value

    def close(self) -> None:
        """Stops the pass where it is. Idempotent."""
        if self._ended or self._process_id != os.getpid():
            return
        self._ended = True
        self._begun.clear()
        if self._open is None:
            return
        opened, self._open = self._open, None
        if self._thread is None or self._thread.close():
            opened.stream.close()
        opened.record.end()
        if opened.progress is not None:
            opened.progress.close()

    def __del__(self) -> None:
        if hasattr(self, "_ended"):
            self.close()

    def __reduce__(self) -> Any:
        raise TypeError(
            "a pass under way cannot be pickled; pickle its DataIterator, which goes on from the same place"
        )

    def _check_process(self) -> None:
        if self._process_id != os.getpid():
            raise RuntimeError(
                f"this pass belongs to process {self._process_id}, which forked this one; make a fresh iterator here "
                "with dataset.iterator()"
            )

    def _moved(self, transfer: Transfer) -> ConvertedBatch | None:
        """The next batch where it was to go, None at the end."""
        while not self._at_end and len(self._begun) <= transfer.ahead:
            pulled = self._pull()
            if pulled is None:
                self._at_end = True
            else:
                self._begun.append(pulled._replace(value=transfer.begin(pulled.value)))
        if not self._begun:
            return None
        begun = self._begun.popleft()
        return begun._replace(value=transfer.finish(begun.value))

    def _pull(self) -> ConvertedBatch | None:
        assert self._open is not None
        record = self._open.record
        times = record.times
        if record.batches == _BATCHES_BEFORE_THREAD and self._thread is None:
            self._begin_thread(self._open)
        batches = self._batches if self._thread is None else self._thread
        assert batches is not None
        asked = perf_counter()
        batch = batches.take()
        waited = perf_counter() - asked
        if times.wait == 0.0:
            times.first_wait = waited
        # A thread converts last what is waited for.
        converting = 0.0 if batch is None else min(batch.seconds, waited)
        times.wait += waited - converting
        times.convert += converting
        return batch

    def _begin_thread(self, opened: OpenPass) -> None:
        """Begins to convert ahead where that pays."""
        assert self._batches is not None
        times = opened.record.times
        if (
            self._convert_ahead == 0
            or min(times.convert - self._batches.first_seconds, times.step)
            < (_BATCHES_BEFORE_THREAD - 1) * _SECONDS_WORTH_HIDING
            or self._batches.first_bytes * self._convert_ahead > opened.ahead_bytes_max
        ):
            return
        # Where the system has no thread left, the favour is not done.
        with suppress(RuntimeError):
            self._thread = ConvertingThread(self._batches, self._convert_ahead, self._thread_state())


class RowPass(Iterator[dict[str, Any]]):
    """The rows of a pass whose batches are lists of rows; its record stands after the row handed out last."""

    def __init__(self, batches: DataPass) -> None:
        self._batches = batches
        self._record: PassRecord | None = None
        self._base: Position | None = None  # before the rows in hand
        self._end: Position | None = None  # after them
        self._rows: list[dict[str, Any]] = []
        self._next = 0

    def __next__(self) -> dict[str, Any]:
        if self._record is None:
            self._begin()
        while self._next >= len(self._rows):
            self._take_batch()
        row = self._rows[self._next]
        self._next += 1
        self._tell_position()
        return row

    def close(self) -> None:
        """Stops the pass where it is."""
        self._batches.close()

    def _begin(self) -> None:
        self._record = self._batches.begin()
        start = self._record.position
        if start is not None:
            self._next = start.skip
            self._end = start._replace(skip=0)

    def _take_batch(self) -> None:
        assert self._record is not None
        stands, self._base = self._record.position, self._end
        self._next -= len(self._rows)
        self._rows = next(self._batches)
        self._end = self._record.position
        self._record.position = stands  # until a row of it is handed out

    def _tell_position(self) -> None:
        assert self._record is not None
        if self._next == len(self._rows):
            self._record.position = self._end
        else:
            self._record.position = (self._base or Position(0, 0, 0))._replace(skip=self._next)
