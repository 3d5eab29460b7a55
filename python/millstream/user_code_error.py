"""The error of a user's function, with the stage and the rows that it was about."""

from __future__ import annotations

import contextlib
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from millstream.old_habits import habit_remedy

_LINE_SHOWN_MAX = 80
_PACKAGE = str(Path(__file__).parent)


class UserCodeError(RuntimeError):
    """A function given to a transform raised; what it raised is `__cause__`.

    It is also an instance of that error's class where Python lets a class inherit from both, so that
    `except ValueError` works as it would in a loop.
    """


def user_code_error(stage: str, origin: str, error: BaseException) -> BaseException:
    """The error to raise for `error`, which the stage's function raised on the rows `origin`."""
    remedy = habit_remedy(stage, type(error), str(error))
    text = f"{stage}: the function raised {_said(error)}{_line(error)}, on {origin}{remedy}"
    raised: BaseException = _like(error)(text)
    raised.__cause__ = error
    return raised


def _said(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line(error: BaseException) -> str:
    """Where in the user's own code: the last frame outside this package that the package called."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)]
    if not own:
        return ""
    frame = own[0]  # the function itself; what it calls is in the traceback
    line = frame.line or ""
    code = f": {line if len(line) <= _LINE_SHOWN_MAX else line[:_LINE_SHOWN_MAX] + '…'}" if line else ""
    return f" ({frame.filename}, line {frame.lineno}{code})"


def _like(error: BaseException) -> Any:
    kind = type(error)
    # A StopIteration would end the loop that it is raised in, as if there were no more rows.
    if isinstance(error, RuntimeError | StopIteration | StopAsyncIteration) or not isinstance(error, Exception):
        return UserCodeError
    try:
        both = type("UserCodeError", (UserCodeError, kind), {"__module__": __name__, "__str__": RuntimeError.__str__})
        both("")
    except Exception:  # classes that do not mix, or take other arguments
        return UserCodeError
    return both


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
