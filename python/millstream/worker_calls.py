"""Calls of a stage that one worker process runs."""

from __future__ import annotations

from typing import Any

from millstream import _core
from millstream.function_place import FunctionPlace, is_stateless
from millstream.function_watch import timeout_error
from millstream.region_pool import PooledRegion, RegionPool
from millstream.skipped_errors import SkippedErrors, SkippedOfCall
from millstream.user_code_error import ErrorReport, WorkerTraceback, told_error, told_report
from millstream.user_function import CallOrigin, UserFunction
from millstream.worker_process import (
    CallDropped,
    CallTooLong,
    Death,
    FunctionFailed,
    Reply,
    WorkerDeath,
    WorkerDiedError,
    WorkerProcess,
)


class WorkerRefusedError(RuntimeError):
    """No worker process could be begun, or it could not load the function. Nothing of the call has been done."""


class WorkerCalls:
    """Hands calls to a process, which it begins at the first one. For one thread, which must outlive it."""

    def __init__(self, function: UserFunction, calls: _core.Calls, place: FunctionPlace) -> None:
        self._function = function
        self._calls = calls
        self._place = place
        self._pool = RegionPool(calls.spare_bytes // function.workers)
        self._worker: WorkerProcess | None = None

    def run(self, call: _core.Call) -> None:
        """Gives the call's result, or its error. WorkerRefusedError where threads will do instead."""
        try:
            self._begin()
        except CallDropped:
            return
        except WorkerRefusedError as refused:
            if self._place.may_stay:
                raise
            remedy = "processes=False runs it on threads of this process"
            self._calls.fail(call.number, WorkerRefusedError(f"{refused}; {remedy}"))
            return
        origin = CallOrigin(call)
        try:
            self._give(call)
        except CallDropped:
            return
        except WorkerRefusedError:
            raise
        except FunctionFailed as failure:
            origin.row = failure.row
            skipped = failure.skipped
            more = skipped.too_many_said if skipped.too_many else ""
            told = told_report(self._function.name, str(origin), failure.report, more)
            self._calls.fail(call.number, told, skipped.for_calls(None))
        except CallTooLong as late:
            timeout_s = self._function.timeout_s or 0.0
            self._calls.fail(call.number, timeout_error(self._function.name, call, timeout_s, late.line))
        except WorkerDeath as ended:
            self._calls.fail(call.number, self._told_death(str(origin), ended.death))
        except BaseException as error:
            self._calls.fail(call.number, told_error(self._function.name, str(origin), error))

    def close(self) -> None:
        """Ends the process."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _give(self, call: _core.Call) -> None:
        source, target = self._pool.take(), self._pool.take()
        keeps_source = True
        try:
            reply = self._reply(call, source, self._moved(call, source), target)
            keeps_source = reply.keeps_source
            self._calls.add_cpu_time(reply.cpu_seconds)
            skipped = SkippedErrors(self._function.skips, reply.skipped)
            if reply.error is not None:
                raise FunctionFailed(ErrorReport(*reply.error), reply.row, skipped)
            results = target.memory.read(reply.bytes, validate=True)
            self._calls.give(call.number, results, self._skipped(call, skipped, reply.last))
        finally:
            self._pool.give_back(source, reusable=not keeps_source)
            self._pool.give_back(target)

    def _skipped(self, call: _core.Call, skipped: SkippedErrors, last: list[Any] | None) -> SkippedOfCall | None:
        if last is None:
            return skipped.for_calls(None)
        name = self._function.name
        told = told_report(name, call.origin(skipped.last_row), ErrorReport(*last), skipped.too_many_said)
        return skipped.for_calls(told)

    def _moved(self, call: _core.Call, source: PooledRegion) -> int:
        try:
            return call.move_to(source.memory)
        except TypeError as error:
            if not self._place.may_stay:
                raise
            raise WorkerRefusedError(str(error)) from error

    def _reply(self, call: _core.Call, source: PooledRegion, source_bytes: int, target: PooledRegion) -> Reply:
        """Of a function whose calls do not depend on one another a call is tried again where its worker dies: once."""
        try:
            return self._reply_once(call, source, source_bytes, target)
        except WorkerDeath:
            if not is_stateless(self._function.fn):
                raise
        self._place.count_death()
        try:
            self._begin()
        except WorkerRefusedError as refused:  # for threads it is too late
            raise RuntimeError(str(refused)) from refused
        return self._reply_once(call, source, source_bytes, target)

    def _reply_once(self, call: _core.Call, source: PooledRegion, source_bytes: int, target: PooledRegion) -> Reply:
        worker = self._begin()
        try:
            return worker.call(source, source_bytes, target, self._pool.forgotten(), call, self._function.timeout_s)
        except (CallDropped, CallTooLong, WorkerDeath):  # which leave no process
            self._worker = None
            raise

    def _begin(self) -> WorkerProcess:
        if self._worker is None:
            name = self._function.name
            try:
                self._worker = WorkerProcess(self._place.shipment.descriptor, lambda: self._calls.closed)
            except OSError as error:
                raise WorkerRefusedError(f"{name}: no worker process could be begun ({error})") from error
            except WorkerDeath as ended:
                raise WorkerRefusedError(f"{name}: the worker process {ended} while it loaded the function") from None
            except FunctionFailed as failure:
                raise WorkerRefusedError(
                    f"{name}: a worker process cannot load the function ({failure.report.said})"
                ) from None
        return self._worker

    def _told_death(self, origin: str, death: Death) -> WorkerDiedError:
        tried = " (so did the one before it)" if is_stateless(self._function.fn) else ""
        error = WorkerDiedError(
            f"{self._function.name}: the worker process that ran the function {death}{tried}, on {origin}"
        )
        if death.dump:
            error.__cause__ = WorkerTraceback(death.dump)
        return error
