"""Data sets of blocks as they are given, and of tensors that are made up."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from millstream import _core
from millstream.arguments import check_count
from millstream.block import BlockMetadata
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.function_results import batch_from_result
from millstream.libraries import Pieces, block_ranges, row_ranges
from millstream.materialized_dataset import MaterializedDataset
from millstream.read_api import read_datasource

_INT64_BYTES = 8


def from_blocks(blocks: list[Any]) -> MaterializedDataset:
    """Rows of blocks one after the other, which stay the blocks of the data set; those without rows are none.

    A block is a table or record batch of pyarrow, a frame of pandas or polars, or a dict of columns. A column that one
    lacks is null there. TypeError for another, and for columns whose types do not go together.
    """
    import pyarrow

    if not isinstance(blocks, list | tuple):
        raise TypeError(f"from_blocks takes a list of blocks, not {type(blocks).__name__}; give a list of one: [block]")
    tables = [pyarrow.Table.from_batches([_batch(block)]) for block in blocks] or [pyarrow.table({})]
    try:
        table = pyarrow.concat_tables(tables, promote_options="default")
    except pyarrow.ArrowTypeError as error:
        raise TypeError(f"from_blocks: the columns of the blocks do not go together ({error}); cast them") from error
    return MaterializedDataset(_core.Plan.from_arrow(table))


def range_tensor(
    n: int,
    *,
    shape: Sequence[int] = (1,),
    parallelism: int = -1,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
) -> Dataset:
    """One column "data" of `n` tensors of int64 of that shape: tensor i is full of i.

    `parallelism`, `concurrency` and `override_num_blocks` are as in `read_datasource`. ValueError for less than 0.
    """
    rows = check_count(n, "n")
    if isinstance(shape, str | bytes) or not isinstance(shape, Sequence):
        raise TypeError(f"shape must be a tuple of whole numbers, such as (2, 3), not {shape!r}")
    sides = tuple(check_count(side, "each number of shape") for side in shape)
    row_bytes = _INT64_BYTES * math.prod(sides)

    def tasks(count: int) -> list[ReadTask]:
        return [
            ReadTask(functools.partial(_tensors, part, sides), BlockMetadata(len(part), len(part) * row_bytes))
            for part in row_ranges(rows, count)
        ]

    return read_datasource(
        Pieces("RangeTensor", tasks, rows * row_bytes),
        parallelism=parallelism,
        override_num_blocks=override_num_blocks,
        concurrency=concurrency,
    )


def _batch(block: Any) -> Any:
    if not isinstance(block, Mapping) and not hasattr(block, "columns"):
        raise TypeError(
            f"from_blocks takes blocks, not {type(block).__name__}: each is an Arrow table, a DataFrame or a dict of "
            "columns"
        )
    return batch_from_result(block, where="from_blocks")


def _tensors(rows: range, shape: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    import numpy

    for part in block_ranges(rows, _INT64_BYTES * math.prod(shape)):
        block = numpy.empty((len(part), *shape), numpy.int64)
        block[...] = numpy.arange(part.start, part.stop).reshape(-1, *(1 for _ in shape))
        block.flags.writeable = False  # so that it is taken as it is
        yield {"data": block}
