"""What is known of one pass over a data set, while it runs and after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from millstream.dead_letters import LetterTuple
from millstream.resume_state import Position


@dataclass(slots=True)
class PassTimes:
    """Where the consumer's thread spent its time, in seconds."""

    first_wait: float = 0.0  # for the first batch, in `wait` too
    wait: float = 0.0  # for batches to come
    convert: float = 0.0  # making arrays, frames or tensors of them
    step: float = 0.0  # in the consumer's own loop

    @property
    def total(self) -> float:
        return self.wait + self.convert + self.step


@dataclass(slots=True)
class PassRecord:
    """Written by the pass as it delivers; read by the iterator's `state_dict` and `stats`."""

    epoch: int
    position: Position | None = None  # after what was delivered last
    finished: bool = False
    under_way: bool = True  # False: loaded from a state, or closed
    obstacle: str | None = None  # why an unfinished pass cannot be taken up again
    batches: int = 0
    rows: int = 0
    times: PassTimes = field(default_factory=PassTimes)
    read_stages: Callable[[], list[dict[str, Any]]] | None = None  # of the running pass
    last_stages: list[dict[str, Any]] = field(default_factory=list)
    read_letters: Callable[[], list[LetterTuple]] | None = None
    last_letters: list[LetterTuple] = field(default_factory=list)

    def stages(self) -> list[dict[str, Any]]:
        """The engine's figures a stage, in order of flow: as they are now, or were at the end."""
        return self.read_stages() if self.read_stages is not None else self.last_stages

    def letters(self) -> list[LetterTuple]:
        """Of rows that were skipped so far."""
        return self.read_letters() if self.read_letters is not None else self.last_letters

    def end(self) -> None:
        """Keeps the figures and the letters, and lets go of the stream they came from."""
        if self.read_stages is not None:
            self.last_stages = self.read_stages()
        self.last_letters = self.letters()
        self.read_stages = self.read_letters = None
        self.under_way = False
