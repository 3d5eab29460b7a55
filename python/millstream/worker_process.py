"""A worker process that runs a function, as this process sees it.

The worker is a fresh interpreter that never imports the user's main script: the function comes by cloudpickle. They
speak over a pair of sockets (worker_messages.py), batches lie in memory without a name (_core.SharedRegion) that both
map. So there is nothing to clean up, whoever dies: the system kills the worker with the thread that began it, and frees
the memory with the last of both.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple

from millstream import _core
from millstream.region_pool import PooledRegion
from millstream.skipped_errors import SkippedErrors
from millstream.user_code_error import ErrorReport, line_in_call
from millstream.worker_messages import DUMP_SIGNAL, receive_message, send_message

_LOOKS_EVERY_MS = 50  # whether the results are still wanted
_LEAVES_WITHIN_S = 2.0  # a worker that has been told to
_PACKAGES = str(Path(__file__).parents[1])
_MAIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from millstream.worker_main import main; "
    "main(*sys.argv[2:])"
)
_DUMPED_FRAME = re.compile(r'^  File "(.*)", line (\d+) in ', re.MULTILINE)
_DUMP_READ_MAX = 1 << 16
_DUMPS_WITHIN_S = 0.5
_DUMP_GROWS_WITHIN_S = 0.01


class WorkerDiedError(RuntimeError):
    """The process that ran a function ended in the middle of a call: by a signal, or because the function ended it."""


class CallDropped(Exception):  # noqa: N818
    """Nobody waits for the result any more."""


class FunctionFailed(Exception):  # noqa: N818
    """The call ended with an error, `report`, while the function was at `row` of its batch."""

    def __init__(self, report: ErrorReport, row: int | None, skipped: SkippedErrors) -> None:
        super().__init__(report.text)
        self.report = report
        self.row = row
        self.skipped = skipped  # before it


class Death(NamedTuple):
    """How a worker process ended."""

    exit_code: int  # negative: the signal's number
    dump: str  # what it could still write of where it was

    def __str__(self) -> str:
        if self.exit_code >= 0:
            return f"ended with exit code {self.exit_code}{self.line}"
        try:
            name = f" ({signal.Signals(-self.exit_code).name})"
        except ValueError:
            name = ""
        return f"died of signal {-self.exit_code}{name}{self.line}"

    @property
    def line(self) -> str:
        """Where in the user's code it was, as messages have it."""
        frames = reversed(_DUMPED_FRAME.findall(self.dump))
        return line_in_call((file, int(number)) for file, number in frames)


class CallTooLong(Exception):  # noqa: N818
    """The call took longer than it may; `line` is where the function was."""

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.line = line


class WorkerDeath(Exception):  # noqa: N818
    """The worker is gone."""

    def __init__(self, death: Death) -> None:
        super().__init__(str(death))
        self.death = death


class WorkerProcess:
    """One process with one function. For one thread, which must outlive it."""

    def __init__(self, function_descriptor: int, unwanted: Callable[[], bool]) -> None:
        """Begins the process and has it load the function.

        `function_descriptor` is that of a file with the pickled function; `unwanted` tells that nobody waits for
        results.
        Raises OSError where the system gives no process, FunctionFailed, WorkerDeath, CallDropped.
        """
        self._unwanted = unwanted
        self._known: set[int] = set()  # regions that the worker has
        self._connection, theirs = socket.socketpair()
        self._connection.setblocking(True)  # whatever the default timeout of the user's sockets
        self._dump = os.memfd_create("millstream crash")
        try:
            with theirs:
                self._process = _start(theirs.fileno())
            self._end = os.pidfd_open(self._process.pid)
        except BaseException:
            self._connection.close()
            os.close(self._dump)
            raise
        self._poll = select.poll()
        self._poll.register(self._connection, select.POLLIN)
        self._poll.register(self._end, select.POLLIN)
        self._load(function_descriptor)

    def call(
        self,
        source: PooledRegion,
        source_bytes: int,
        target: PooledRegion,
        forget: list[int],
        call: _core.Call,
        timeout_s: float | None,
    ) -> Reply:
        """Runs the function on the batch in `source`; its results lie in `target`.

        Raises FunctionFailed, WorkerDeath, CallDropped, and CallTooLong after `timeout_s`; the last three leave no
        process.
        """
        new = [region for region in (source, target) if region.number not in self._known]
        self._known.update(region.number for region in new)
        message = {
            "source": source.number,
            "source_bytes": source_bytes,
            "target": target.number,
            "new": [region.number for region in new],
            "forget": forget,
            "group_starts": call.group_starts,
            "random_key": call.random_key,
        }
        self._send(message, [region.memory.descriptor for region in new])
        return Reply(**self._receive(None if timeout_s is None else monotonic() + timeout_s))

    def close(self) -> None:
        """Lets the worker end by itself, and kills it where it does not."""
        self._bury()

    def kill(self) -> Death:
        """Ends the worker wherever it is."""
        self._process.kill()
        return self._bury()

    def _interrupted(self) -> Death:
        """Ends the worker once it has written down where it is, unless it does not come to that."""
        self._process.send_signal(DUMP_SIGNAL)
        deadline = monotonic() + _DUMPS_WITHIN_S
        written = -1
        while monotonic() < deadline and not 0 < written == os.fstat(self._dump).st_size:
            written = os.fstat(self._dump).st_size
            sleep(_DUMP_GROWS_WITHIN_S)
        return self.kill()

    def _load(self, function_descriptor: int) -> None:
        self._send({"argv": sys.argv}, [function_descriptor, self._dump])
        reply = self._receive(None)
        if reply.get("error") is not None:
            self.close()
            raise FunctionFailed(ErrorReport(*reply["error"]), None, SkippedErrors(None))

    def _send(self, message: Any, descriptors: list[int]) -> None:
        try:
            send_message(self._connection, message, descriptors)
        except OSError:
            raise WorkerDeath(self._bury()) from None

    def _receive(self, deadline: float | None) -> Any:
        while True:
            wait_ms = _LOOKS_EVERY_MS if deadline is None else min(_LOOKS_EVERY_MS, (deadline - monotonic()) * 1000)
            ready = {descriptor for descriptor, _ in self._poll.poll(max(wait_ms, 0))}
            if self._connection.fileno() in ready:
                break
            if ready:  # a process that the worker began may hold the connection open
                raise WorkerDeath(self._bury())
            if self._unwanted():
                self.kill()
                raise CallDropped
            if deadline is not None and monotonic() >= deadline:
                raise CallTooLong(self._interrupted().line)
        try:
            message, _ = receive_message(self._connection)
        except EOFError:
            raise WorkerDeath(self._bury()) from None
        return message

    def _bury(self) -> Death:
        """Waits for the end of one that is dying, or sees now that it is to end; for long enough, then kills it."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # a fork of this process may hold the connection open
        self._connection.close()
        ends = select.poll()
        ends.register(self._end, select.POLLIN)
        if not ends.poll(_LEAVES_WITHIN_S * 1000):
            self._process.kill()
        exit_code = self._process.wait()
        dump = os.pread(self._dump, _DUMP_READ_MAX, 0).decode(errors="replace")
        os.close(self._end)
        os.close(self._dump)
        return Death(exit_code, dump)


class Reply(NamedTuple):
    """What a worker answers to a call."""

    bytes: int = 0  # of the results
    keeps_source: bool = False  # the function has kept something of its batch
    cpu_seconds: float = 0.0
    error: list[Any] | None = None  # an ErrorReport
    row: int | None = None  # that the function was at
    skipped: Sequence[list[Any]] = ()  # SkippedErrors
    last: list[Any] | None = None  # of them, an ErrorReport, where it may have to be raised


def _start(connection: int) -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise OSError("this Python does not know its own executable: sys.executable is empty")
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    path = json.dumps([*sys.path, _PACKAGES])
    # -P: files of the working directory must not be taken for Python's own modules.
    command = [sys.executable, *flags, "-P", "-c", _MAIN, path, str(connection), str(os.getpid())]
    # A Ctrl-C must not reach the worker before it has said that it does not listen: the mask is inherited.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        return subprocess.Popen(command, pass_fds=[connection], stdin=subprocess.DEVNULL)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
