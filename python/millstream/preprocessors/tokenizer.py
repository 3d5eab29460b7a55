"""Texts as lists of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.arguments import refuse_placement
from millstream.dataset import Dataset
from millstream.expressions import col
from millstream.preprocessors.columns import checked_names, checked_outputs, column_types
from millstream.preprocessors.table_preprocessor import TablePreprocessor
from millstream.preprocessors.tokens import (
    TEXTS,
    TokenizationFn,
    checked_tokenizer,
    simple_split_tokenizer,
    token_lists,
)

if TYPE_CHECKING:
    import pyarrow


class Tokenizer(TablePreprocessor):
    """Each text as the list of its tokens; null for a null.

    Args:
        columns: Of texts.
        tokenization_fn: Takes a text and returns its tokens; None splits at each space, which the engine does.
        output_columns: Names of the results; None writes over the columns.
    """

    _is_fittable = False

    def __init__(
        self,
        columns: list[str],
        tokenization_fn: TokenizationFn | None = None,
        output_columns: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        self.tokenization_fn = checked_tokenizer(tokenization_fn)
        self.output_columns = checked_outputs(self.columns, output_columns)

    def _transform(self, ds: Dataset, batch_size: int | None, *args: Any, **placement: Any) -> Dataset:
        types = column_types(ds)
        in_engine = self.tokenization_fn is simple_split_tokenizer and all(
            types.get(column) in TEXTS for column in self.columns
        )
        if not in_engine:
            return super()._transform(ds, batch_size, *args, **placement)
        refuse_placement("transform", {name: placement.get(name) for name in ("num_cpus", "memory")})
        columns = zip(self.columns, self.output_columns, strict=True)
        return ds.with_columns({output: col(column).str.split(" ") for column, output in columns})

    def _new_columns(self, table: pyarrow.Table) -> dict[str, Any]:
        return {
            output: token_lists(table.column(column), self.tokenization_fn, column, self)
            for column, output in zip(self.columns, self.output_columns, strict=True)
        }
