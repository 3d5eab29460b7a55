"""Preprocessors that the engine computes: their results are expressions, which reach into the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.arguments import refuse_placement
from millstream.dataset import Dataset
from millstream.expressions import Expr
from millstream.preprocessor import Preprocessor

if TYPE_CHECKING:
    import pyarrow


class ExpressionPreprocessor(Preprocessor):
    """A subclass gives the expressions of its output columns."""

    def _expressions(self, ds: Dataset) -> dict[str, Expr]:
        """By name of the column. `ds` tells names and types where they matter."""
        raise NotImplementedError

    def _transform(
        self,
        ds: Dataset,
        batch_size: int | None,
        num_cpus: float | None = None,
        memory: float | None = None,
        concurrency: int | None = None,
    ) -> Dataset:
        refuse_placement("transform", {"num_cpus": num_cpus, "memory": memory})
        return ds.with_columns(self._expressions(ds))

    def _transform_arrow(self, table: pyarrow.Table) -> pyarrow.Table:
        from millstream.read_api import from_arrow

        return self._transform(from_arrow(table), None).to_arrow()

    def _transform_batch(self, data: Any) -> Any:
        from millstream.preprocessors.batches import transformed

        return transformed(self, data)
