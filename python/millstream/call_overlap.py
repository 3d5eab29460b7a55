"""Whether calls of a function on several threads hold one another up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_LOOKED_AT_S = 0.5  # of calls beside one another
_BUSY_LEAST = 0.7  # threads; below it the calls wait for something else
_SHARE_MOST = 0.75  # of the threads that might run; above it they run side by side


class CallOverlap:
    """Adds up for how long calls run, or could if a CPU were free, while others are under way too.

    Of threads that hold the GIL one does at a time, however many they are; of those that let go of it, as numpy's
    larger operations do, all; of those that wait for a disk or a network none. How busy the machine is changes nothing.
    """

    def __init__(
        self,
        cpus: int,
        wall: Callable[[], float] = time.monotonic,
        runnable: Callable[[int], float] | None = None,
    ) -> None:
        """`cpus`: the most that the calls can use. The clocks, the second one of a thread by its id, are for tests."""
        self._cpus = cpus
        self._wall = wall
        self._runnable = runnable or _runnable_seconds
        self._lock = threading.Lock()
        self._threads: dict[int, float] = {}  # in a call, as each was when looked at last
        self._looked = 0.0
        self._beside_seconds = 0.0
        self._beside_runnable_seconds = 0.0

    def begin(self) -> None:
        """This thread begins a call."""
        with self._lock:
            self._look()
            thread = threading.get_native_id()
            self._threads[thread] = self._runnable(thread)

    def end(self) -> bool | None:
        """This thread's call is over. Whether calls hold one another up, once that is known."""
        with self._lock:
            self._look()
            self._threads.pop(threading.get_native_id(), None)
            if self._beside_seconds < _LOOKED_AT_S:
                return None
            running = self._beside_runnable_seconds / self._beside_seconds
            return _BUSY_LEAST <= running <= _SHARE_MOST * self._cpus

    def _look(self) -> None:
        now = self._wall()
        beside = len(self._threads) > 1
        for thread, before in self._threads.items():
            self._threads[thread] = now_runnable = self._runnable(thread)
            if beside:
                self._beside_runnable_seconds += now_runnable - before
        if beside:
            self._beside_seconds += now - self._looked
        self._looked = now


def _runnable_seconds(thread: int) -> float:
    """On a CPU, or on the queue for one; 0 where the system does not tell."""
    try:
        with open(f"/proc/self/task/{thread}/schedstat") as file:
            ran, waited, _ = file.read().split()
    except (OSError, ValueError):
        return 0.0
    return (int(ran) + int(waited)) / 1e9
