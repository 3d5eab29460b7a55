"""Errors of a function that are passed over: the rows in hand are left out, and told of in a letter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from millstream.user_code_error import ErrorReport, own_frames

if TYPE_CHECKING:
    import pyarrow

MAX_ERRORS = 1000
_ERROR_TEXT_MAX = 1000
_TRACEBACK_TEXT_MAX = 4000


@dataclass(frozen=True)
class SkippedMost:
    """That errors are skipped, and how many of an execution; None for any number."""

    max_errors: int | None

    def __str__(self) -> str:
        """As `explain` has it."""
        return "skips what it fails on" + ("" if self.max_errors is None else f", {self.max_errors:,} times at most")


class SkippedError(NamedTuple):
    """One error. Rows are those of the call's batch, -1 where all of it is left out."""

    first_row: int
    last_row: int
    error: str
    traceback: str


# As _core.Calls takes it: the errors, how many there may be of all calls, and what is raised where there are more.
SkippedOfCall = tuple[list[SkippedError], int | None, BaseException | None]


class SkippedErrors:
    """What one call has skipped."""

    def __init__(self, most: SkippedMost | None, errors: Iterable[Sequence[Any]] = ()) -> None:
        """`most` is None where nothing is to be skipped."""
        self.last: Exception | None = None
        self.errors = [SkippedError(*error) for error in errors]
        self._most = most

    def skip(self, error: Exception, first_row: int = -1, last_row: int = -1) -> bool:
        """Whether the error is passed over, which then has its letter; else it is to be raised.

        What there is no memory for is no fault of a row. An error that is one too many has a letter too.
        """
        if self._most is None or isinstance(error, MemoryError):
            return False
        said, frames = _utf8(ErrorReport.of(error).said), _utf8(own_frames(error))
        self.errors.append(SkippedError(first_row, last_row, said[:_ERROR_TEXT_MAX], frames[-_TRACEBACK_TEXT_MAX:]))
        self.last = error
        return not self.too_many

    @property
    def too_many(self) -> bool:
        """Whether they are more than may be of all calls."""
        return self.may_be_too_many and len(self.errors) > self._errors_max

    @property
    def may_be_too_many(self) -> bool:
        """Whether the last one may have to be raised, for what other calls skip."""
        return bool(self.errors) and self._most is not None and self._most.max_errors is not None

    @property
    def too_many_said(self) -> str:
        """What the error that is one too many says behind its own text."""
        most = f"{self._errors_max:,}"
        return f". There are more errors now than the {most} that max_errors lets pass; dead_letters() tells of each"

    @property
    def last_row(self) -> int:
        """Where the last one was, -1 for all of the batch."""
        return self.errors[-1].first_row

    def for_calls(self, raised: BaseException | None) -> SkippedOfCall | None:
        """For _core.Calls, by row: those of results that did not go together were found last.

        `raised`: the last one, where it may be too many.
        """
        if not self.errors or self._most is None:
            return None
        return sorted(self.errors, key=lambda error: error.first_row), self._most.max_errors, raised

    @property
    def _errors_max(self) -> int:
        assert self._most is not None
        return self._most.max_errors or 0


Made = list[tuple[int, list[Any]]]  # the numbers of rows, and what the function made of each


def batch_that_fits(
    made: Made, convert: Callable[[list[Any]], pyarrow.RecordBatch], skip: Callable[[Exception, int], bool]
) -> pyarrow.RecordBatch | None:
    """A batch of the rows that go together, where `convert` makes none of all; None where there are none.

    What was made of one row stays or goes as a whole. Types that most rows have are kept. `skip` is told of the others'
    errors; those that it does not pass over are raised.
    """
    kept = _fitting(made, convert, skip, beside_all=False)
    try:
        return convert(_rows(kept)) if kept else None
    except Exception:  # one of a kind does not tell, such as a negative number beside very large ones
        kept = _fitting(kept, convert, skip, beside_all=True)
    return convert(_rows(kept)) if kept else None


def _fitting(
    made: Made,
    convert: Callable[[list[Any]], pyarrow.RecordBatch],
    skip: Callable[[Exception, int], bool],
    beside_all: bool,
) -> Made:
    """Those that can be converted beside the others, or beside one of each of their kinds, which takes much less."""
    kinds: dict[Any, Made] = {}
    for each in made:
        kinds.setdefault(_kind(each), []).append(each)
    waiting = sorted(kinds.values(), key=len, reverse=True)[::-1]  # the first of the most frequent is the last
    kept: Made = []
    witnesses: dict[Any, tuple[int, list[Any]]] = {}
    while waiting:
        group = waiting.pop()
        try:
            convert(_rows([*(kept if beside_all else witnesses.values()), *group]))
        except Exception as error:
            if len(group) > 1:
                middle = len(group) // 2
                waiting += [group[middle:], group[:middle]]
            elif not skip(error, group[0][0]):
                raise
        else:
            kept += group
            witnesses.setdefault(_kind(group[0]), group[0])
    return sorted(kept, key=lambda each: each[0])


def _kind(made: tuple[int, list[Any]]) -> Any:
    """The names and types of the first row."""
    return tuple((str(name), type(value)) for row in made[1][:1] for name, value in row.items())


def _rows(made: Made) -> list[Any]:
    return [row for _, rows in made for row in rows]


def _utf8(text: str) -> str:
    """Errors about files may hold what UTF-8 has not."""
    return text.encode(errors="replace").decode()
