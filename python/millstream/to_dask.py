"""A data set as a dask DataFrame."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.arguments import check_flag
from millstream.execution import batches_once
from millstream.libraries import library, pandas_frame

if TYPE_CHECKING:
    import pandas

    from millstream.dataset import Dataset

_BATCH_ROWS = 1 << 14


def to_dask(dataset: Dataset, meta: Any = None, verify_meta: bool = True) -> Any:
    """A dask DataFrame with a partition a block, of equally many rows, whose index counts all rows.

    Rows are read when it is computed. Partitions are parts of one pass, which hands them over in order, each as its
    turn comes: a computation is one pass, and a partition alone is one up to its rows. Where a partition is computed in
    another process than the one before it, a pass of its own leaves the rows before out.

    Args:
        meta: As dask takes it, in place of the columns and types of `to_pandas`.
        verify_meta: Whether each partition is compared with it.

    Where only a run tells how many rows there are, they are counted first, by a pass that keeps nothing.
    """
    dask, frames = library("dask", "dask"), library("dask.dataframe", "dask")
    check_flag(verify_meta, "verify_meta")
    rows = dataset.count()
    parts = max(1, min(dataset.num_blocks(), rows))
    # The last part has whatever is left, so that no row is lost where they have become more.
    bounds = [*(rows * part // parts for part in range(parts)), None]
    begun = dask.delayed(_Pass, pure=False)(dataset)
    read = dask.delayed(_read, pure=False)
    made: list[Any] = []
    for first, end in itertools.pairwise(bounds):
        made.append(read(begun, first, end, made[-1] if made else None))
    if meta is None:
        utils = library("dask.dataframe.utils", "dask")
        meta = utils.clear_known_categories(pandas_frame(dataset._core_schema, []))  # each part has its own
    return frames.from_delayed(made, meta=meta, verify_meta=verify_meta)


class _Pass:
    """Gives the rows of a data set part by part; begins anew where it does not stand where they begin."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._at: int | None = None  # None: nothing has begun
        self._batches: Iterator[_core.Batch] = iter(())
        self._rest: _core.Batch | None = None  # of the batch that the last part ended in

    def rows(self, first: int, end: int | None) -> pandas.DataFrame:
        """Of those numbers, up to the last one for None."""
        if first != self._at:
            self._begin(first)
        self._at = None  # where reading fails
        frame = pandas_frame(self._dataset._core_schema, self._take(None if end is None else end - first))
        self._at = first + len(frame)
        frame.index += first
        return frame

    def _begin(self, first: int) -> None:
        (_, plan) = self._dataset._plan.split_at_indices([first])
        # In order always: a pass that begins anew goes on where another one stopped.
        self._batches = batches_once(self._dataset._engine(), plan, batch_size=_BATCH_ROWS)
        self._rest = None

    def _take(self, left: int | None) -> Iterator[_core.Batch]:
        while left != 0 and (batch := next(self._batches, None) if self._rest is None else self._rest) is not None:
            rows = batch.num_rows if left is None else min(left, batch.num_rows)
            self._rest = batch.slice(rows, batch.num_rows - rows) if rows < batch.num_rows else None
            left = None if left is None else left - rows
            yield batch.slice(0, rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Pass, (self._dataset,)


def _read(begun: _Pass, first: int, end: int | None, before: Any) -> pandas.DataFrame:
    """`before`: the part before it, only that it is read before."""
    return begun.rows(first, end)
