"""One execution of a plan: batches and rows of its first epoch."""

from collections.abc import Generator
from typing import Any

from millstream import _core
from millstream.batch_format import is_tensor, numpy_column
from millstream.dead_letters import ExecutionLetters
from millstream.seeds import run_seed

BATCH_ROWS = 4096


def batches_once(
    engine: _core.Engine,
    plan: _core.Plan,
    *,
    batch_size: int = BATCH_ROWS,
    preserve_order: bool = True,
    letters: ExecutionLetters | None = None,
) -> Generator[_core.Batch]:
    """Batches of epoch 0. Touches no iterator's epoch; ends the execution when dropped. `letters` follow it."""
    stream = _core.execute(
        engine,
        plan,
        seed=run_seed(plan),
        epoch=0,
        batch_size=batch_size,
        drop_last=False,
        prefetch_batches=1,
        preserve_order=preserve_order,
    )
    if letters is not None:
        letters.follow(stream)
    try:
        while (batch := stream.next()) is not None:
            yield batch
    finally:
        stream.close()
        if letters is not None:
            letters.end()


def fetched_schema(engine: _core.Engine, plan: _core.Plan) -> _core.Schema:
    """The schema of a plan whose functions decide it, from the first batch. No columns where there is no row."""
    stream = _core.execute(
        engine,
        plan.limit(1),
        seed=run_seed(plan),
        epoch=0,
        batch_size=1,
        drop_last=False,
        prefetch_batches=0,
        preserve_order=True,
    )
    try:
        stream.next()
        schema = stream.schema()
        assert schema is not None
        return schema
    finally:
        stream.close()


def rows_of(batch: _core.Batch) -> list[dict[str, Any]]:
    """The batch's rows as dicts of Python values, and of numpy arrays where the column holds tensors."""
    names = batch.names
    if not names:
        return [{} for _ in range(batch.num_rows)]
    columns = [
        numpy_column(batch, index) if is_tensor(batch, index) else batch.pylist(index)
        for index in range(batch.num_columns)
    ]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
