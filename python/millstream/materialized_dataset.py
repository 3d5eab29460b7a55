"""A data set whose rows are in memory."""

from __future__ import annotations

from millstream import _core
from millstream.dataset import Dataset


class MaterializedDataset(Dataset):
    """Rows held in memory by `Dataset.materialize` or `from_arrow`.

    It pickles with its rows up to 16 MiB; ValueError for more: write them to Parquet and read that.
    """

    def _kind_text(self) -> str:
        return "(rows are in memory)"


def materialize(dataset: Dataset) -> MaterializedDataset:
    """Runs the plan and holds its rows."""
    schema = dataset._plan.schema()
    batches = list(dataset._batches_once(dataset._plan, batch_size=1 << 16))
    plan = _core.Plan.from_batches(schema, batches)
    return MaterializedDataset(plan, dataset._context, dataset._name)
