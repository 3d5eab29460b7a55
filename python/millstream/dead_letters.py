"""What `on_error="skip"`, and `on_bad_file` and `on_bad_row` of readers, left out, as a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from millstream import _core
from millstream.stores import shown

if TYPE_CHECKING:
    from millstream.context import DataContext
    from millstream.dataset import Dataset

# stage, source, first row, last row, offset, error, traceback; numbers that nobody knows are negative
LetterTuple = tuple[str, str, int, int, int, str, str]


class HasLetters(Protocol):
    """An execution, or all those of an iterator."""

    def _letters(self) -> list[tuple[int, list[LetterTuple]]]:
        """By epoch."""


class ExecutionLetters:
    """Those of one execution of epoch 0, under way or ended."""

    def __init__(self) -> None:
        self._read: Callable[[], list[LetterTuple]] | None = None
        self.kept: list[LetterTuple] = []

    def follow(self, stream: _core.Stream) -> None:
        """The execution begins."""
        self._read = stream.dead_letters

    def end(self) -> None:
        """Keeps the letters and lets go of the stream that they came from."""
        if self._read is not None:
            self.kept, self._read = self._read(), None

    def _letters(self) -> list[tuple[int, list[LetterTuple]]]:
        return [(0, self.kept if self._read is None else self._read())]


def letters_dataset(executions: Iterable[HasLetters], plan: _core.Plan, context: DataContext) -> Dataset:
    """The letters as rows: files that the plan left out when it was made; then by epoch, by stage, in the order of the
    rows that they tell of.
    """
    import pyarrow

    from millstream.dataset import Dataset

    schema = pyarrow.schema(
        [
            ("stage", pyarrow.string()),
            ("source", pyarrow.string()),
            ("first_row", pyarrow.int64()),
            ("last_row", pyarrow.int64()),
            ("offset", pyarrow.int64()),
            ("error", pyarrow.string()),
            ("traceback", pyarrow.string()),
            ("epoch", pyarrow.int64()),
        ]
    )
    epochs = (each for execution in executions for each in execution._letters())
    left_out = [
        (reader, shown(path), None, None, None, error, "", None) for reader, path, error in plan.left_out_files()
    ]
    rows: list[tuple[Any, ...]] = left_out + [
        (*_known(letter), epoch) for epoch, letters in epochs for letter in letters
    ]
    columns = list(zip(*rows, strict=True)) or [() for _ in schema]
    arrays = [pyarrow.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return Dataset(_core.Plan.from_arrow(pyarrow.Table.from_arrays(arrays, schema=schema)), context)


def _known(letter: LetterTuple) -> tuple[Any, ...]:
    return tuple(None if isinstance(value, int) and value < 0 else value for value in letter)
