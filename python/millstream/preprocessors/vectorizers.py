"""Texts as vectors of how often tokens are in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from millstream.aggregate import Sum
from millstream.arguments import check_count
from millstream.dataset import Dataset
from millstream.preprocessor import Preprocessor
from millstream.preprocessors.categories import flat_lists
from millstream.preprocessors.columns import checked_names, checked_outputs
from millstream.preprocessors.table_preprocessor import TablePreprocessor
from millstream.preprocessors.tokens import TokenizationFn, checked_tokenizer, simple_hash, token_lists
from millstream.preprocessors.vectors import batch_rows, counted, vector_column

if TYPE_CHECKING:
    import pyarrow


class _Vectorizer(TablePreprocessor):
    """A subclass says where a token goes. The vectors are lists of int64 of a fixed size; null for a null."""

    columns: list[str]
    output_columns: list[str]
    tokenization_fn: TokenizationFn

    def _width(self, column: str) -> int:
        raise NotImplementedError

    def _places(self, column: str, tokens: pyarrow.Array) -> pyarrow.Array:
        """Of each token, null for one that has none."""
        raise NotImplementedError

    def _get_transform_config(self) -> dict[str, Any]:
        return batch_rows(sum(map(self._width, self.columns)), 8)

    def _new_columns(self, table: pyarrow.Table) -> dict[str, Any]:
        return {
            output: self._vectors(column, token_lists(table.column(column), self.tokenization_fn, column, self))
            for column, output in zip(self.columns, self.output_columns, strict=True)
        }

    def _vectors(self, column: str, lists: pyarrow.Array) -> pyarrow.Array:
        tokens, rows = flat_lists(lists)
        places = self._places(column, tokens)
        known = places.is_valid().to_numpy(zero_copy_only=False)
        matrix = counted(rows[known], places.drop_null().to_numpy(), len(lists), self._width(column), "int64")
        return vector_column(matrix, lists.is_null())


class HashingVectorizer(_Vectorizer):
    """Each text as a vector: at each place how many of its tokens hash to it.

    Args:
        columns: Of texts.
        num_features: Length of the vectors; several tokens may share a place.
        tokenization_fn: Takes a text and returns its tokens; None splits at each space.
        output_columns: Names of the results; None writes over the columns.

    The hash depends on the token alone, and is ray.data's.
    """

    _is_fittable = False

    def __init__(
        self,
        columns: list[str],
        num_features: int,
        tokenization_fn: TokenizationFn | None = None,
        *,
        output_columns: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        self.num_features = check_count(num_features, "num_features", least=1)
        self.tokenization_fn = checked_tokenizer(tokenization_fn)
        self.output_columns = checked_outputs(self.columns, output_columns)

    def _width(self, column: str) -> int:
        return self.num_features

    def _places(self, column: str, tokens: pyarrow.Array) -> pyarrow.Array:
        import pyarrow

        distinct = tokens.dictionary_encode()
        places = [simple_hash(token, self.num_features) for token in distinct.dictionary.to_pylist()]
        return pyarrow.array(places, pyarrow.int64()).take(distinct.indices)


class CountVectorizer(_Vectorizer):
    """Each text as a vector: how often it has each token of the vocabulary.

    Args:
        columns: Of texts.
        tokenization_fn: Takes a text and returns its tokens; None splits at each space.
        max_features: How many tokens the vocabulary has at most: the most frequent ones. None takes all.
        output_columns: Names of the results; None writes over the columns.

    The vocabulary is in the order of frequency; equally frequent tokens are in their own. `stats_` has
    "token_counts(x)", a Counter.
    """

    def __init__(
        self,
        columns: list[str],
        tokenization_fn: TokenizationFn | None = None,
        max_features: int | None = None,
        *,
        output_columns: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        self.tokenization_fn = checked_tokenizer(tokenization_fn)
        self.max_features = None if max_features is None else check_count(max_features, "max_features")
        self.output_columns = checked_outputs(self.columns, output_columns)

    def _fit(self, ds: Dataset) -> Preprocessor:
        ds.select_columns(self.columns)
        self.stats_ = {f"token_counts({column})": self._token_counts(ds, column) for column in self.columns}
        return self

    def _token_counts(self, ds: Dataset, column: str) -> Counter[str]:
        """Counted in each batch first, then by the engine, which spills what memory does not hold."""
        counts = ds.select_columns([column]).map_batches(_TokenCounts(self, column), batch_format="pyarrow")
        if counts.schema() is None or not counts.columns():
            return Counter()
        totals = counts.groupby("token").aggregate(Sum("count", alias_name="count"))
        ordered = totals.sort(["count", "token"], descending=[True, False])
        kept = ordered if self.max_features is None else ordered.limit(self.max_features)
        return Counter({row["token"]: row["count"] for row in kept.iter_rows()})

    def _numbered(self, categories: Counter[str]) -> dict[Any, int]:
        return {token: number for number, (token, _) in enumerate(categories.most_common())}

    def _width(self, column: str) -> int:
        return len(self.stats_[f"token_counts({column})"])

    def _places(self, column: str, tokens: pyarrow.Array) -> pyarrow.Array:
        return self._numbers_of(f"token_counts({column})").of(tokens)


class _TokenCounts:
    """How often each token is in a batch."""

    def __init__(self, vectorizer: CountVectorizer, column: str) -> None:
        self.__name__ = type(vectorizer).__name__
        self._vectorizer = vectorizer
        self._column = column

    def __call__(self, table: pyarrow.Table) -> Iterator[pyarrow.Table]:
        import pyarrow

        values, tokenize = table.column(self._column), self._vectorizer.tokenization_fn
        tokens, _ = flat_lists(token_lists(values, tokenize, self._column, self._vectorizer))
        found = tokens.value_counts()
        yield pyarrow.table({"token": found.field("values"), "count": found.field("counts")})
