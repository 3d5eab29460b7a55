"""Threads of this process that see to a stage's calls: each runs its functions, or has a worker process run the one."""

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


def serve_chain_on_threads(chain: _core.Chain) -> None:
    """Starts the thread that runs the functions of the chain, and begins others where that helps.

    RuntimeError where the system gives no thread.
    """
    _ChainThreads(chain).start()


class _ChainThreads:
    """Those that run a chain of functions: one, and where calls are long as many as may have one at a time."""

    def __init__(self, chain: _core.Chain) -> None:
        self._chain = chain
        self._lock = threading.Lock()
        self._threads = 0

    def start(self) -> None:
        """Begins one more, if that is not too many."""
        with self._lock:
            number = self._threads
            if number >= self._chain.servers_most:
                return
            self._threads += 1
        self._chain.set_place(f"on {number + 1} thread{'s' if number else ''} of this process")
        thread = threading.Thread(target=self._run, args=(number == 0,), name=f"ms-function-{number}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._end()
            if number == 0:
                raise

    def _run(self, is_first: bool) -> None:
        server = _core.ChainServer(self._chain, is_first)
        while (asked := server.next()) is not None:
            run, call = asked
            server.answer(*run(call))
            del asked, run, call
            if server.take_need():
                self.start()
        self._end()
        del self, server  # as in `_CallsHere.run`

    def _end(self) -> None:
        with self._lock:
            self._threads -= 1


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
        self._function = FunctionHere(stage.function)

    def run(self, call: _core.Call) -> None:
        watch, overlap = self._stage.watch, self._stage.place.overlap
        if watch is not None:
            watch.begin(call)
        if overlap is not None:
            overlap.begin()
        batches, error, skipped = self._function.run(call)
        if error is None:
            self._stage.calls.give(call.number, batches, skipped)
        else:
            self._stage.calls.fail(call.number, error, skipped)
        if overlap is not None and (hold_up := overlap.end()) is not None:
            self._stage.place.decide(hold_up)
        if watch is not None:
            watch.end(call)
        # The frame lives on in the traceback of an error that somebody keeps, as does that of who calls it.
        del self, call, watch, overlap, batches, error, skipped


# The batches, or the error to raise, and what was skipped.
Answer = tuple[list["_core.Batch"], BaseException | None, SkippedOfCall | None]


class FunctionHere:
    """Runs a function on the thread that asks: one call at a time."""

    def __init__(self, function: UserFunction) -> None:
        self._function = function
        self._call_batch: BatchCall | None = None

    def run(self, call: _core.Call) -> Answer:
        """What the function gives for the call. Raises nothing."""
        origin = CallOrigin(call, self._function.skips)
        try:
            if self._call_batch is None:
                self._call_batch = self._function.open()
            enter_call(call)  # not for the constructor of a class, which any call may happen to run
            batches = _core.imported(self._call_batch(call.batch, origin))
            return batches, None, self._skipped(call, origin.skipped)
        except BaseException as error:
            return self._failed(origin, error)
        finally:
            origin.skipped.last = None
            enter_call(None)
            del self, call, origin  # as in `_CallsHere.run`

    def _failed(self, origin: CallOrigin, error: BaseException) -> Answer:
        skipped = origin.skipped
        more = skipped.too_many_said if skipped.too_many else ""
        told = told_error(self._function.name, str(origin), error, more)
        forget_batches(error)
        return [], told, skipped.for_calls(None)

    def _skipped(self, call: _core.Call, skipped: SkippedErrors) -> SkippedOfCall | None:
        if not skipped.may_be_too_many or skipped.last is None:
            return skipped.for_calls(None)
        told = told_error(self._function.name, call.origin(skipped.last_row), skipped.last, skipped.too_many_said)
        forget_batches(skipped.last)
        return skipped.for_calls(told)
