"""A data set whose rows are in memory."""

from __future__ import annotations

from millstream import _core
from millstream.dataset import Dataset
from millstream.dataset_text import describe_dataset

_PREVIEW_ROWS = 10


class MaterializedDataset(Dataset):
    """Rows held in memory by `Dataset.materialize` or `from_arrow`.

    It pickles with its rows up to 16 MiB; ValueError for more: write them to Parquet and read that.
    """

    def __repr__(self) -> str:
        rows = self.take(_PREVIEW_ROWS)
        return describe_dataset(self, rows, f"(Showing {len(rows)} of {self.count()} rows)")


def materialize(dataset: Dataset) -> MaterializedDataset:
    """Runs the plan and holds its rows."""
    batches = list(dataset._batches_once(dataset._plan, batch_size=1 << 16))
    schema = batches[0].schema if batches else dataset._core_schema()
    assert schema is not None
    plan = _core.Plan.from_batches(schema, batches)
    return MaterializedDataset(plan, dataset._context, dataset._name)
