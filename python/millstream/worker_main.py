"""What a worker process does: it runs one function on the batches that it is told of, one after the other, until its
parent is gone or has enough. See worker_process.py for the other side.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import importlib
import mmap
import os
import signal
import socket
import sys
from time import process_time
from typing import Any, NamedTuple

from millstream import _core
from millstream.call_random import enter_call
from millstream.skipped_errors import SkippedErrors
from millstream.user_code_error import ErrorReport, forget_batches
from millstream.user_function import BatchCall, CallOrigin, UserFunction
from millstream.worker_messages import DUMP_SIGNAL, receive_message, send_message


class WorkerCall(NamedTuple):
    """A call as the parent told of it."""

    group_starts: list[int]
    random_key: int

    def origin(self, row: int) -> str:
        """Only the parent knows what the rows are of."""
        return f"row {row}"


class Worker:
    """The function, and the memory that the parent has sent."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._regions: dict[int, _core.SharedRegion] = {}
        self._function: UserFunction | None = None
        self._call_batch: BatchCall | None = None

    def load(self) -> bool:
        """Takes the function. False where it cannot be made here, which is told."""
        message, (function, dump) = receive_message(self._connection)
        faulthandler.enable(dump, all_threads=False)  # kept open: what a crash writes there the parent reads
        faulthandler.register(DUMP_SIGNAL, dump, all_threads=False)
        sys.argv[:] = message["argv"]
        try:
            self._function = _unpickled(function)
            _import_for(self._function)
        except BaseException as error:
            send_message(self._connection, {"error": ErrorReport.of(error)})
            return False
        send_message(self._connection, {})
        return True

    def serve_one(self) -> None:
        """Takes a call and answers it. EOFError where there are no more."""
        message, descriptors = receive_message(self._connection)
        for number, descriptor in zip(message["new"], descriptors, strict=True):
            self._regions[number] = _core.SharedRegion.adopt(descriptor)
        for number in message["forget"]:
            self._regions.pop(number, None)
        source = self._regions[message["source"]]
        began = process_time()
        answer = self._answer(message, source)
        _flush()
        answer |= {"keeps_source": source.in_use, "cpu_seconds": process_time() - began}
        send_message(self._connection, answer)

    def _answer(self, message: dict[str, Any], source: _core.SharedRegion) -> dict[str, Any]:
        assert self._function is not None
        call = WorkerCall(message["group_starts"], message["random_key"])
        origin = CallOrigin(call, self._function.skips)
        try:
            if self._call_batch is None:
                self._call_batch = self._function.open()
            enter_call(call)
            (batch,) = source.read(message["source_bytes"], validate=False)
            results = self._call_batch(batch, origin)
            return {"bytes": self._regions[message["target"]].write(results), **_told(origin.skipped)}
        except BaseException as error:
            report = ErrorReport.of(error)
            forget_batches(error)
            return {"error": report, "row": origin.row, "skipped": origin.skipped.errors}
        finally:
            origin.skipped.last = None  # whose frames hold the batch
            enter_call(None)


def _told(skipped: SkippedErrors) -> dict[str, Any]:
    last = None
    if skipped.may_be_too_many and skipped.last is not None:
        last = ErrorReport.of(skipped.last)
        forget_batches(skipped.last)
    return {"skipped": skipped.errors, "last": last}


def _unpickled(descriptor: int) -> UserFunction:
    import cloudpickle

    with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as pickled:
        function: UserFunction = cloudpickle.loads(memoryview(pickled)[:])
    os.close(descriptor)
    return function


def _import_for(function: UserFunction) -> None:
    """So that the first call takes no longer than the others."""
    for package in ("pyarrow", function.batch_format):
        if package in ("pyarrow", "pandas", "polars"):
            with contextlib.suppress(ImportError):  # told by the call
                importlib.import_module(package)


def main(descriptor: str, parent: str) -> None:
    """The process: its end of the connection, and its parent's id, as texts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends us
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    _core.end_with_parent(int(parent))
    connection = socket.socket(fileno=int(descriptor))
    connection.setblocking(True)
    connection.set_inheritable(False)
    with contextlib.suppress(EOFError, OSError):
        _serve(connection)
    # Taking the interpreter down takes long, and frees what the system frees anyway; the user's threads may never end.
    atexit._run_exitfuncs()
    _flush()
    os._exit(0)


def _serve(connection: socket.socket) -> None:
    worker = Worker(connection)
    if worker.load():
        while True:
            worker.serve_one()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # None, closed, or a full disk: theirs to find out
            stream.flush()
