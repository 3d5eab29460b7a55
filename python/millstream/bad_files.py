"""What readers that are written in Python do about files that they find damaged: `on_bad_file` and `max_errors`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from millstream.arguments import check_count
from millstream.user_code_error import from_user_code

Block = TypeVar("Block")

_MODES = ("raise", "skip", "record")


@dataclass(frozen=True)
class BadFiles:
    """That they are passed over."""

    is_recorded: bool
    max_errors: int | None

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> BadFiles | None:
        """Of a reader's arguments, which lose them; None where the first bad file is an error."""
        mode, most = options.pop("on_bad_file", "raise"), options.pop("max_errors", None)
        if not isinstance(mode, str):
            raise TypeError(f"on_bad_file must be 'raise', 'skip' or 'record', not {type(mode).__name__}")
        if mode not in _MODES:
            raise ValueError(f"on_bad_file must be 'raise', 'skip' or 'record', not {mode!r}")
        most = None if most is None else check_count(most, "max_errors")
        return None if mode == "raise" else cls(mode == "record", most)


class PassedOver(NamedTuple):
    """A file, or the rest of it; what a read task gives among its blocks, where its stage was told of BadFiles."""

    path: str
    error: Exception


def blocks_of_file(path: str, blocks: Iterable[Block], bad_files: BadFiles | None) -> Iterator[Block | PassedOver]:
    """The blocks, and the first error that is the file's fault behind them; it is raised where `bad_files` is None."""
    try:
        yield from blocks
    except (ValueError, TypeError) as error:
        if bad_files is None or from_user_code(error):
            raise
        yield PassedOver(path, error)
