"""What the readers of tables share: blocks that a library gives, its errors, and data sets of its tasks."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.bad_files import BadFiles
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.expressions import Expr
from millstream.libraries import Pieces
from millstream.read_tasks import datasource_plan
from millstream.user_code_error import library_error

if TYPE_CHECKING:
    import pyarrow


def dataset_of_tasks(
    name: str, tasks: list[ReadTask], schema: pyarrow.Schema, concurrency: Any, bad_files: BadFiles | None = None
) -> Dataset:
    """The rows of the tasks, in their order. Where there are none, no rows of `schema`."""
    if not tasks:
        return Dataset(_core.Plan.from_arrow(schema.empty_table(), blocks=1))
    return Dataset(datasource_plan(Pieces(name, lambda _: tasks), len(tasks), None, concurrency, bad_files))


def grouped(parts: list[Any], groups: int) -> list[list[Any]]:
    """The parts, in order, in at most so many groups whose numbers differ by at most one; 0: each by itself."""
    count = min(groups or len(parts), len(parts))
    return [parts[len(parts) * group // count : len(parts) * (group + 1) // count] for group in range(count)]


def check_known(names: Iterable[str], known: Sequence[str], where: str) -> None:
    """KeyError for a column that is not there, naming a near one or all."""
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(known)}"
            raise KeyError(f"{where}: no column {name!r}; {hint}")


def arrow_filter(row_filter: Any) -> Any:
    """A filter as pyarrow's, where it is an expression of this package."""
    return row_filter.to_pyarrow() if isinstance(row_filter, Expr) else row_filter


def told_blocks(what: str, blocks: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    """The blocks that a library gives when `blocks` is called; its errors are raised with `what` before them."""
    try:
        iterator = iter(blocks())
    except Exception as error:
        raise library_error(what, error) from error
    while True:
        try:
            block = next(iterator)
        except StopIteration:
            return
        except Exception as error:
            raise library_error(what, error) from error
        yield block
