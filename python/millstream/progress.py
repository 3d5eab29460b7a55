"""A bar a stage, drawn by the consumer's own thread: no thread of its own that a fork would lose."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING

from millstream import _core

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

_SECONDS_BETWEEN_DRAWINGS = 0.2


def progress_of(stream: _core.Stream, epoch: int) -> PassProgress | None:
    """Bars for a pass; None where standard error is not a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    from rich.console import Console

    return PassProgress(stream, epoch, Console(stderr=True))


class PassProgress:
    """The bars of one pass. `show` is cheap when called often."""

    def __init__(self, stream: _core.Stream, epoch: int, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._stream = stream
        self._bars = Progress(
            TextColumn(f"epoch {epoch}"),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("rows"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
        )
        self._tasks: list[TaskID] = []
        self._drawn_at = 0.0
        self._bars.start()

    def show(self) -> None:
        """Draws the figures of now, unless that was done a moment ago."""
        now = monotonic()
        if now - self._drawn_at >= _SECONDS_BETWEEN_DRAWINGS:
            self._drawn_at = now
            self._draw()

    def close(self) -> None:
        """Draws the last figures and leaves the bars on the screen. The stream may be closed by then."""
        self._draw()
        self._bars.stop()

    def _draw(self) -> None:
        for index, stage in enumerate(self._stream.stages()):
            if index == len(self._tasks):
                self._tasks.append(self._bars.add_task(stage["name"], total=None))
            self._bars.update(self._tasks[index], completed=stage["rows"], total=stage["rows_expected"] or None)
        self._bars.refresh()
