"""Whether calls of a function on several threads hold one another up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_LOOKED_AT_S = 0.5  # of calls beside one another
_BUSY_LEAST = 0.7  # CPUs; below it the calls wait for something else
_SHARE_MOST = 0.6  # of the CPUs that they might use; above it they run side by side


class CallOverlap:
    """Adds up what calls compute while others are under way too.

    Threads that hold the GIL use one CPU together, however many they are; those that let go of it, as numpy's larger
    operations do, use several; those that wait for a disk or a network use none.
    """

    def __init__(
        self,
        cpus: int,
        wall: Callable[[], float] = time.monotonic,
        cpu_of: Callable[[int], float] | None = None,
    ) -> None:
        """`cpus`: the most that the calls can use. The clocks are for tests."""
        self._cpus = cpus
        self._wall = wall
        self._cpu_of = cpu_of or _cpu_seconds
        self._lock = threading.Lock()
        self._threads: dict[int, float] = {}  # in a call, with the CPU seconds at which each was looked at last
        self._looked = 0.0
        self._beside_seconds = 0.0
        self._beside_cpu_seconds = 0.0

    def begin(self) -> None:
        """This thread begins a call."""
        with self._lock:
            self._look()
            thread = threading.get_ident()
            self._threads[thread] = self._cpu_of(thread)

    def end(self) -> bool | None:
        """This thread's call is over. Whether calls hold one another up, once that is known."""
        with self._lock:
            self._look()
            self._threads.pop(threading.get_ident(), None)
            if self._beside_seconds < _LOOKED_AT_S:
                return None
            cpus = self._beside_cpu_seconds / self._beside_seconds
            return _BUSY_LEAST <= cpus <= _SHARE_MOST * self._cpus

    def _look(self) -> None:
        now = self._wall()
        beside = len(self._threads) > 1
        for thread, before in self._threads.items():
            used = self._cpu_of(thread)
            self._threads[thread] = used
            if beside:
                self._beside_cpu_seconds += used - before
        if beside:
            self._beside_seconds += now - self._looked
        self._looked = now


def _cpu_seconds(thread: int) -> float:
    return time.clock_gettime(time.pthread_getcpuclockid(thread))
