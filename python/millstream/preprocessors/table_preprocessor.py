"""Preprocessors that Python computes, batch by batch, over Arrow's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.dataset import Dataset
from millstream.preprocessor import Preprocessor
from millstream.preprocessors.categories import CategoryNumbers

if TYPE_CHECKING:
    import pyarrow


class TablePreprocessor(Preprocessor):
    """A subclass gives the output columns of a batch."""

    def _new_columns(self, table: pyarrow.Table) -> dict[str, Any]:
        """By name, as `map_batches` takes columns."""
        raise NotImplementedError

    def _gone_columns(self) -> list[str]:
        """Input columns that the result does not have."""
        return []

    def _numbers_of(self, stat: str) -> CategoryNumbers:
        """Of the categories in `stats_`, made ready at the first batch that needs them."""
        known = self.__dict__.setdefault("_ready", {})
        categories = self.stats_[stat]
        if stat not in known or known[stat][0] is not categories:
            known[stat] = (categories, CategoryNumbers(self._numbered(categories)))
        numbers: CategoryNumbers = known[stat][1]
        return numbers

    def _numbered(self, categories: Any) -> dict[Any, int]:
        """The numbers of the categories of `stats_`: its own, unless a subclass says otherwise."""
        return dict(categories)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_ready"}

    def _transform(
        self,
        ds: Dataset,
        batch_size: int | None,
        num_cpus: float | None = None,
        memory: float | None = None,
        concurrency: int | None = None,
    ) -> Dataset:
        ds.select_columns(self.get_input_columns())  # KeyError where the plan knows that one is not there
        return super()._transform(ds, batch_size, num_cpus, memory, concurrency)

    def _transform_arrow(self, table: pyarrow.Table) -> dict[str, Any]:
        if not set(self.get_input_columns()) <= set(table.column_names):
            from millstream.read_api import from_arrow

            from_arrow(table).select_columns(self.get_input_columns())  # KeyError with the near names
        gone = self._gone_columns()
        columns = zip(table.column_names, table.columns, strict=True)
        return {name: column for name, column in columns if name not in gone} | self._new_columns(table)

    def _transform_batch(self, data: Any) -> Any:
        from millstream.preprocessors.batches import transformed

        return transformed(self, data)
