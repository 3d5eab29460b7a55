"""One pass over a data set: batches of the engine, in the form the consumer asked for."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
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
        self._begun: deque[tuple[Any, Position, int]] = deque()
        self._handed_over_at = 0.0
        self._batch_bytes = 0  # of the batch taken last
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
        return self._open.record

    def __next__(self) -> Any:
        self._check_process()
        if self._ended:
            raise StopIteration
        if self._open is not None and self._handed_over_at:
            self._open.record.times.step += perf_counter() - self._handed_over_at
        try:
            record = self.begin()
            delivered = self._deliver()
        except BaseException:
            self.close()
            raise
        if delivered is None:
            record.finished = True
            self.close()
            raise StopIteration
        value, record.position, rows = delivered
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

    def _deliver(self) -> tuple[Any, Position, int] | None:
        """The next batch in its final form, and where the pass stands after it. None at the end."""
        if self._transfer is None:
            return self._pull()
        while not self._at_end and len(self._begun) <= self._transfer.ahead:
            pulled = self._pull()
            if pulled is None:
                self._at_end = True
            else:
                self._begun.append((self._transfer.begin(pulled[0]), *pulled[1:]))
        if not self._begun:
            return None
        begun, position, rows = self._begun.popleft()
        return self._transfer.finish(begun), position, rows

    def _pull(self) -> tuple[Any, Position, int] | None:
        assert self._open is not None
        times = self._open.record.times
        if self._thread is None:
            self._begin_thread()
        asked = perf_counter()
        batch = self._take()
        waited = perf_counter() - asked
        if times.wait == 0.0:
            times.first_wait = waited
        if batch is None:
            times.wait += waited
            return None
        # A thread converts last what is waited for.
        converting = min(batch.seconds, waited)
        times.wait += waited - converting
        times.convert += converting
        self._batch_bytes = batch.bytes
        return batch[:3]

    def _take(self) -> ConvertedBatch | None:
        if self._thread is not None:
            return self._thread.take()
        assert self._batches is not None
        return self._batches.take()

    def _begin_thread(self) -> None:
        """Begins to convert ahead where that pays."""
        assert self._open is not None
        assert self._batches is not None
        record, times = self._open.record, self._open.record.times
        if (
            self._convert_ahead == 0
            or record.batches < _BATCHES_BEFORE_THREAD
            or min(times.convert, times.step) < record.batches * _SECONDS_WORTH_HIDING
            or self._batch_bytes * self._convert_ahead > self._open.ahead_bytes_max
        ):
            return
        try:
            self._thread = ConvertingThread(self._batches, self._convert_ahead, self._thread_state())
        except RuntimeError:  # the system has none left, and this is but a favour
            self._convert_ahead = 0


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
