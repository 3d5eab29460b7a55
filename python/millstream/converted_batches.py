"""Batches of a stream in the form asked for, made on the consumer's thread or ahead of it on one of their own."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from time import perf_counter
from typing import Any, NamedTuple

from millstream import _core
from millstream.resume_state import Position


class ConvertedBatch(NamedTuple):
    """A batch in its final form, and where the stream stands after it."""

    value: Any
    position: Position
    rows: int
    seconds: float  # that the conversion took


class ConvertedBatches:
    """Takes and converts one batch after the other. Any thread, but one at a time.

    Little is done here and in DataPass for a batch: a trainer waits for it, with cold caches.
    """

    def __init__(
        self,
        stream: _core.Stream,
        convert: Callable[[_core.Batch], Any],
        show_progress: Callable[[], None] | None,
    ) -> None:
        # Of the first batch: what it had before the conversion, and what that took, imports included.
        self.first_bytes = -1
        self.first_seconds = 0.0
        self._stream = stream
        self._convert = convert
        self._show_progress = show_progress

    def take(self) -> ConvertedBatch | None:
        """The next one, None at the end."""
        batch = self._stream.next(self._show_progress)
        if self._show_progress is not None:
            self._show_progress()
        if batch is None:
            return None
        began = perf_counter()
        value = self._convert(batch)
        seconds = perf_counter() - began
        if self.first_bytes < 0:
            self.first_bytes, self.first_seconds = batch.nbytes, seconds
        return ConvertedBatch(value, Position(*self._stream.position()), batch.num_rows, seconds)

    def stop(self) -> None:
        """Ends a `take` on another thread, by an exception."""
        self._stream.stop()

    def close(self) -> None:
        self._stream.close()


class ConvertingThread:
    """Makes up to `ahead` batches before they are asked for. Whoever drops it closes it before.

    `enter` is called first on the thread, to make there what is particular to the consumer's. RuntimeError where the
    system gives no thread.
    """

    def __init__(self, batches: ConvertedBatches, ahead: int, enter: Callable[[], None]) -> None:
        self._batches = batches
        self._enter = enter
        self._made: SimpleQueue[ConvertedBatch | _Failure | None] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(ahead):
            self._room.put(None)
        self._closed = False
        self._process_id = os.getpid()
        # Exit does not wait for a daemon, which would wait for room; `_close_at_exit` ends it.
        self._thread = threading.Thread(target=self._run, name="ms-convert", daemon=True)
        self._thread.start()
        _RUNNING.add(self)

    def take(self) -> ConvertedBatch | None:
        """The next batch, None at the end; raises what its making raised."""
        made = self._made.get()
        self._room.put(None)
        if isinstance(made, _Failure):
            raise made.error
        return made

    def close(self) -> bool:
        """Ends the thread. False when that is the one that calls, through the garbage collector: then it closes the
        batches itself when it ends.
        """
        if self._process_id != os.getpid():
            return True
        self._closed = True
        self._room.put(None)
        self._batches.stop()
        if threading.current_thread() is self._thread:
            return False
        self._thread.join()
        return True

    def _run(self) -> None:
        try:
            self._enter()
            while True:
                self._room.get()
                if self._closed:
                    break
                made = self._batches.take()
                self._made.put(made)
                if made is None:
                    break
        except BaseException as error:
            self._made.put(_Failure(error))
        finally:
            if self._closed:
                self._batches.close()


class _Failure(NamedTuple):
    error: BaseException


_RUNNING: weakref.WeakSet[ConvertingThread] = weakref.WeakSet()


@atexit.register
def _close_at_exit() -> None:
    """While the interpreter is taken down Python ends other threads wherever they are, in the middle of C++ too."""
    for thread in list(_RUNNING):
        thread.close()
