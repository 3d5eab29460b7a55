"""Where a function runs: on threads of this process, or in worker processes."""

from __future__ import annotations

import functools
import inspect
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from millstream.call_overlap import CallOverlap

if TYPE_CHECKING:
    from millstream.user_function import UserFunction


@dataclass
class PlaceFound:
    """What executions have found out of a function, for the next one to begin with."""

    in_processes: bool | None = None  # None: not known yet
    reason: str = ""  # why threads run it that processes should have


class FunctionPlace:
    """Of one execution. Any thread.

    What is asked for is done. Else one worker is a thread. Several begin as threads too, and become processes once
    it shows that they wait for one another, as those of a function that holds the GIL do; instances of classes, which
    cannot move, are in processes from the start. What cannot be pickled stays. Rows do not depend on any of it.
    """

    def __init__(self, function: UserFunction, tell: Callable[[str], None]) -> None:
        """`tell` is given what statistics say, whenever that changes.

        TypeError where processes are asked for, and the function cannot be sent there.
        """
        self._function = function
        self._tell = tell
        self._lock = threading.Lock()
        self._shipment: FunctionShipment | None = None
        self._died = 0
        self._refused = 0
        self.in_processes = False
        self.overlap: CallOverlap | None = None
        if function.asked.processes:
            self._shipment = FunctionShipment(function)
            self.in_processes = True
        elif decides_itself(function):
            if begins_in_processes(function):
                self._move()
            elif function.found.in_processes is None and is_stateless(function.fn):
                self.overlap = CallOverlap(min(function.workers, _cpus()))
        tell(str(self))

    @property
    def may_stay(self) -> bool:
        """Whether threads will do where processes cannot be had."""
        return not self._function.asked.processes

    @property
    def shipment(self) -> FunctionShipment:
        """The function as it is sent; only where it runs in processes."""
        assert self._shipment is not None
        return self._shipment

    def decide(self, hold_up: bool) -> None:
        """By what `overlap` has found out, whether calls hold one another up. The first to know decides, for good."""
        with self._lock:
            if self.overlap is None:
                return
            if hold_up:
                self._move()
            else:
                self._stay("")
            self._tell(str(self))

    def refuse(self, reason: str) -> None:
        """One of the threads got no process, so that it runs the function itself."""
        with self._lock:
            self._refused += 1
            if self._refused < self._function.workers:
                self._function.found.reason = reason
            else:
                self._stay(reason)
            self._tell(str(self))

    def _move(self) -> None:
        try:
            self._shipment = FunctionShipment(self._function)
        except TypeError as error:
            self._stay(str(error))
            return
        self.overlap = None
        self.in_processes = True
        self._function.found.in_processes = True

    def _stay(self, reason: str) -> None:
        self.overlap = None
        self.in_processes = False
        self._function.found.in_processes = False
        self._function.found.reason = reason

    def count_death(self) -> None:
        """A worker died, and another was begun in its place."""
        with self._lock:
            self._died += 1
            self._tell(str(self))

    def close(self) -> None:
        if self._shipment is not None:
            self._shipment.close()

    def __str__(self) -> str:
        """As statistics have it."""
        count = self._function.workers
        died = f", {self._died} begun anew after one died" if self._died else ""
        reason = f"; {self._function.found.reason}" if self._function.found.reason else ""
        if self.in_processes:
            return f"in {count - self._refused} worker process{'es' if count > 1 else ''}{died}{reason}"
        return f"on {count} thread{'s' if count > 1 else ''} of this process{reason}"


class FunctionShipment:
    """A function pickled into memory without a name, for workers to read. TypeError where it cannot be pickled."""

    def __init__(self, function: UserFunction) -> None:
        try:
            pickled = function.shipped()
        except Exception as error:
            raise TypeError(
                f"{function.name}: the function cannot be sent to a worker process ({type(error).__name__}: {error})"
            ) from error
        self.descriptor = os.memfd_create("millstream function")
        with open(self.descriptor, "wb", closefd=False) as file:
            file.write(pickled)

    def close(self) -> None:
        os.close(self.descriptor)


def decides_itself(function: UserFunction) -> bool:
    """Whether it is for us to say where the function runs, and there is a choice."""
    return function.asked.processes is None and function.workers > 1 and _cpus() > 1


def begins_in_processes(function: UserFunction) -> bool:
    """Of one that decides itself."""
    if function.found.in_processes is not None:
        return function.found.in_processes
    return inspect.isclass(function.fn)


def is_stateless(fn: object) -> bool:
    """Functions, as opposed to classes, and to objects and their methods, which may keep a state unless they say so."""
    if isinstance(fn, functools.partial):
        return is_stateless(fn.func)
    if getattr(type(fn), "keeps_no_state", False):
        return True
    return inspect.isroutine(fn) and (not inspect.ismethod(fn) or inspect.isclass(fn.__self__))


def described_workers(function: UserFunction) -> str:
    """What `explain` says."""
    count = f"{function.workers} at a time"
    if function.asked.processes or (decides_itself(function) and begins_in_processes(function)):
        return f"{count}, in worker processes"
    moving = decides_itself(function) and function.found.in_processes is None and is_stateless(function.fn)
    return f"{count}, on threads of this process{', or in worker processes if it holds the GIL' if moving else ''}"


def _cpus() -> int:
    return len(os.sched_getaffinity(0))
