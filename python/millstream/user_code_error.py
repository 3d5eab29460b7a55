"""The error of a user's function, with the stage and the rows that it was about."""

from __future__ import annotations

import contextlib
import itertools
import linecache
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from millstream.old_habits import habit_remedy

_LINE_SHOWN_MAX = 80
_TEXT_SENT_MAX = 1 << 16
_PACKAGE = str(Path(__file__).parent)


class UserCodeError(RuntimeError):
    """A function given to a transform raised; what it raised is `__cause__`.

    It is also an instance of that error's class where Python lets a class inherit from both, so that
    `except ValueError` works as it would in a loop. Where the function ran in a worker process the cause is a
    WorkerTraceback: the text of what was raised there.
    """


class WorkerTraceback(Exception):  # noqa: N818
    """The traceback of an error in a worker process, as text."""

    def __str__(self) -> str:
        return f"in a worker process:\n\n{self.args[0]}"


class ErrorReport(NamedTuple):
    """What is to be said of an error: what comes of one out of a worker process."""

    from_user: bool  # raised by the user's function, rather than by this package on what it returned
    kinds: list[str]  # its class and those above it, as "module:name"
    text: str
    file: str  # of the function's own line; empty where there is none
    line_number: int
    line: str
    traceback: str

    @classmethod
    def of(cls, error: BaseException) -> ErrorReport:
        file, line_number, line = _own_line(error)
        return cls(
            from_user_code(error),
            [f"{kind.__module__}:{kind.__qualname__}" for kind in type(error).__mro__],
            _text_of(error),
            file,
            line_number,
            line,
            "".join(traceback.format_exception(error))[-_TEXT_SENT_MAX:],
        )

    @property
    def said(self) -> str:
        """As the last line of a traceback: the error's class, and its text."""
        name = self.kinds[0].split(":")[1].rpartition(".")[2]
        return f"{name}: {self.text}" if self.text else name

    @property
    def kind(self) -> Any:
        """The nearest class that this process knows of; it is looked for among what is imported already."""
        for kind in self.kinds:
            module, name = kind.split(":")
            found = getattr(sys.modules.get(module), name, None)
            if isinstance(found, type) and issubclass(found, BaseException):
                return found
        return Exception


def told_error(stage: str, origin: str, error: BaseException, more: str = "") -> BaseException:
    """The error to raise for `error`, which a call of the stage's function on the rows `origin` ended with.

    `more` is said behind it.
    """
    if from_user_code(error):
        return user_code_error(stage, origin, error, more)
    told = error
    if _may_be_told_again(type(error)):
        told = type(error)(_with_origin(stage, origin, str(error)) + more)
    elif more:
        told.add_note(more.removeprefix(". "))
    told.__traceback__ = None
    return told


def told_report(stage: str, origin: str, report: ErrorReport, more: str = "") -> BaseException:
    """The same of an error that was raised in a worker process."""
    kind = report.kind
    told: BaseException
    if report.from_user:
        told = _like(kind)(_user_text(stage, origin, report) + more)
    elif _may_be_told_again(kind):
        told = kind(_with_origin(stage, origin, report.text) + more)
    else:
        told = _plain(kind)(report.text + more)
    told.__cause__ = WorkerTraceback(report.traceback)
    return told


def user_code_error(stage: str, origin: str, error: BaseException, more: str = "") -> BaseException:
    """The error to raise for `error`, which the stage's function raised on the rows `origin`."""
    raised: BaseException = _like(type(error))(_user_text(stage, origin, ErrorReport.of(error)) + more)
    raised.__cause__ = error
    return raised


def library_error(what: str, error: BaseException, text: str | None = None) -> BaseException:
    """The error to raise for `error`, which a library raised when `what` was asked of it.

    `text` is said in place of the error's own where that may hold a secret; then it is no cause either.
    """
    said = str(error) if text is None else text
    raised: BaseException = _like(type(error))(f"{what}: {type(error).__name__}: {said}")
    raised.__cause__ = error if text is None else None
    return raised


def own_frames(error: BaseException) -> str:
    """The error's traceback, of the frames outside this package; empty where the user's code did not raise it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    return "".join(traceback.format_list(frames))


def shown_line(file: str, line_number: int, line: str = "") -> str:
    """A place in the user's code, as messages have it; empty without a file."""
    if not file:
        return ""
    line = line or linecache.getline(file, line_number).strip()
    code = f": {line if len(line) <= _LINE_SHOWN_MAX else line[:_LINE_SHOWN_MAX] + '…'}" if line else ""
    return f" ({file}, line {line_number}{code})"


def line_in_call(stack: Iterable[tuple[str, int]]) -> str:
    """Where a function is, as `shown_line`, by the files and lines of its thread's stack, the outermost first."""
    frames = list(stack)
    inside = itertools.dropwhile(lambda frame: _is_users(frame[0]), frames)
    own = next((frame for frame in inside if _is_users(frame[0])), None)
    return shown_line(*own) if own is not None else ""


def _is_users(file: str) -> bool:
    return not file.startswith(_PACKAGE)


def _user_text(stage: str, origin: str, report: ErrorReport) -> str:
    line = shown_line(report.file, report.line_number, report.line)
    remedy = habit_remedy(stage, report.kind, report.text)
    return f"{stage}: the function raised {report.said}{line}, on {origin}{remedy}"


def _with_origin(stage: str, origin: str, text: str) -> str:
    # A text of Python itself, where a function does not take what it is given, does not name the stage.
    return f"{text if text.startswith(stage) else f'{stage}: {text}'}, on {origin}"


def _may_be_told_again(kind: Any) -> bool:
    return kind in (TypeError, ValueError, ImportError)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:_TEXT_SENT_MAX]
    except Exception:  # a __str__ of the user's own
        return ""


def _own_line(error: BaseException) -> tuple[str, int, str]:
    """Where in the user's own code: the last frame outside this package that the package called."""
    for frame in traceback.extract_tb(error.__traceback__):
        if _is_users(frame.filename):
            return frame.filename, frame.lineno or 0, frame.line or ""  # what it calls is in the traceback
    return "", 0, ""


def _like(kind: type[BaseException]) -> Any:
    # A StopIteration would end the loop that it is raised in, as if there were no more rows.
    if issubclass(kind, RuntimeError | StopIteration | StopAsyncIteration) or not issubclass(kind, Exception):
        return UserCodeError
    try:
        both = type("UserCodeError", (UserCodeError, kind), {"__module__": __name__, "__str__": RuntimeError.__str__})
        both("")
    except Exception:  # classes that do not mix, or take other arguments
        return UserCodeError
    return both


def _plain(kind: type[BaseException]) -> Any:
    """A class to raise with a text alone."""
    try:
        kind("")
    except Exception:
        return RuntimeError
    return kind if issubclass(kind, Exception) else RuntimeError


def forget_batches(error: BaseException) -> None:
    """Empties this package's frames in the error's traceback: who keeps the error must not keep the engine's memory."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            with contextlib.suppress(RuntimeError):  # of the one that runs
                trace.tb_frame.clear()
        trace = trace.tb_next


def from_user_code(error: BaseException) -> bool:
    """Whether the user's function raised it, rather than this package on what the function returned."""
    last: TracebackType | None = error.__traceback__
    filename = ""
    while last is not None:
        filename = last.tb_frame.f_code.co_filename
        if not filename.startswith(_PACKAGE):
            return True
        last = last.tb_next
    return not filename.startswith(_PACKAGE)
