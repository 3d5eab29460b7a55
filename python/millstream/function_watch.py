"""The time that one call of a function may take."""

from __future__ import annotations

import sys
import threading
import traceback
from time import monotonic
from typing import NamedTuple

from millstream import _core
from millstream.user_code_error import line_in_call

_LOOKS_A_TIMEOUT = 4


class FunctionWatch:
    """Fails calls that take longer than `timeout_s`, from a thread of its own that ends with `close`.

    The thread that such a call occupies cannot be ended: it goes on until the function returns, and what that returns
    is dropped.
    """

    def __init__(self, stage: str, calls: _core.Calls, timeout_s: float) -> None:
        self._stage = stage
        self._calls = calls
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._begun: dict[int, _Begun] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="ms-function-watch", daemon=True).start()

    def begin(self, call: _core.Call) -> None:
        """Any worker, when it begins the call."""
        with self._lock:
            self._begun[call.number] = _Begun(monotonic(), threading.get_ident(), call)

    def end(self, call: _core.Call) -> None:
        """The same worker, when the function has returned or raised."""
        with self._lock:
            self._begun.pop(call.number, None)

    def close(self) -> None:
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(min(self._timeout_s / _LOOKS_A_TIMEOUT, 1.0)):
            with self._lock:
                late = [begun for begun in self._begun.values() if monotonic() - begun.at > self._timeout_s]
                for begun in late:
                    del self._begun[begun.call.number]
            for begun in late:
                line = _line_of_thread(begun.thread)
                self._calls.fail(begun.call.number, timeout_error(self._stage, begun.call, self._timeout_s, line))


class _Begun(NamedTuple):
    at: float
    thread: int
    call: _core.Call


def timeout_error(stage: str, call: _core.Call, timeout_s: float, line: str) -> TimeoutError:
    """The error of a call that took longer, and was at `line` then."""
    return TimeoutError(
        f"{stage}: the function has not returned within {timeout_s:g} s, on {call.origin(-1)}{line}; give it smaller "
        "batches, or more time with DataContext.get_current().function_timeout_s"
    )


def _line_of_thread(thread: int) -> str:
    frame = sys._current_frames().get(thread)
    stack = [(each.f_code.co_filename, number) for each, number in traceback.walk_stack(frame)] if frame else []
    return line_in_call(reversed(stack))
