"""Threads of this process that see to a stage's calls: each runs the function, or has a worker process run it."""

from __future__ import annotations

import threading
from time import thread_time

from millstream import _core
from millstream.call_random import enter_call
from millstream.function_place import FunctionPlace
from millstream.function_watch import FunctionWatch
from millstream.skipped_errors import SkippedErrors, SkippedOfCall
from millstream.user_code_error import forget_batches, told_error
from millstream.user_function import BatchCall, CallOrigin, UserFunction
from millstream.worker_calls import WorkerCalls, WorkerRefusedError


def serve_on_threads(function: UserFunction, calls: _core.Calls) -> None:
    """Starts the function's workers, which end when the stage does.

    TypeError for a function that cannot go where it was asked to, RuntimeError where the system gives no thread.
    """
    stage = _Stage(function, calls)
    for number in range(function.workers):
        # Daemons: an iterator that is never closed must not keep the interpreter from ending.
        thread = threading.Thread(target=_run, args=(stage,), name=f"ms-function-{number}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            stage.leave(function.workers - number)
            raise


class _Stage:
    """What the threads of one stage share."""

    def __init__(self, function: UserFunction, calls: _core.Calls) -> None:
        self.function = function
        self.calls = calls
        self.place = FunctionPlace(function, calls.set_place)
        self.watch = None if function.timeout_s is None else FunctionWatch(function.name, calls, function.timeout_s)
        self._lock = threading.Lock()
        self._threads = function.workers

    def leave(self, threads: int = 1) -> None:
        """So many of the threads end, or never began."""
        with self._lock:
            self._threads -= threads
            last = self._threads == 0
        if last:
            self.place.close()
            if self.watch is not None:
                self.watch.close()


def _run(stage: _Stage) -> None:
    here = _CallsHere(stage)
    there: WorkerCalls | None = None
    refused = False
    while (call := stage.calls.take()) is not None:
        began = thread_time()
        if there is None and not refused and stage.place.in_processes:
            there = WorkerCalls(stage.function, stage.calls, stage.place)
        try:
            (there or here).run(call)
        except WorkerRefusedError as error:
            stage.place.refuse(str(error))
            if there is not None:
                there.close()
            there, refused = None, True
            here.run(call)
        stage.calls.add_cpu_time(thread_time() - began)
        del call
    if there is not None:
        there.close()
    stage.leave()
    # The frame lives on in the traceback of an error that somebody keeps, as does that of `run`.
    del stage, here, there


class _CallsHere:
    """Runs the function on this thread."""

    def __init__(self, stage: _Stage) -> None:
        self._stage = stage
        self._call_batch: BatchCall | None = None

    def run(self, call: _core.Call) -> None:
        watch, overlap = self._stage.watch, self._stage.place.overlap
        origin = CallOrigin(call, self._stage.function.skips)
        if watch is not None:
            watch.begin(call)
        if overlap is not None:
            overlap.begin()
        try:
            if self._call_batch is None:
                self._call_batch = self._stage.function.open()
            enter_call(call)  # not for the constructor of a class, which any call may happen to run
            self._stage.calls.give(
                call.number, self._call_batch(call.batch, origin), self._skipped(call, origin.skipped)
            )
        except BaseException as error:
            skipped = origin.skipped
            more = skipped.too_many_said if skipped.too_many else ""
            told = told_error(self._stage.function.name, str(origin), error, more)
            self._stage.calls.fail(call.number, told, skipped.for_calls(None))
            forget_batches(error)
            del skipped, told
        origin.skipped.last = None
        if overlap is not None and (hold_up := overlap.end()) is not None:
            self._stage.place.decide(hold_up)
        enter_call(None)
        if watch is not None:
            watch.end(call)
        del self, call, origin, watch

    def _skipped(self, call: _core.Call, skipped: SkippedErrors) -> SkippedOfCall | None:
        if not skipped.may_be_too_many or skipped.last is None:
            return skipped.for_calls(None)
        name = self._stage.function.name
        told = told_error(name, call.origin(skipped.last_row), skipped.last, skipped.too_many_said)
        forget_batches(skipped.last)
        return skipped.for_calls(told)
