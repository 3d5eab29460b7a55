"""The categories of a column: found by the engine, and looked up in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from millstream.aggregate import AggregateFn, ApproximateTopK, Unique
from millstream.arguments import check_count
from millstream.dataset import Dataset
from millstream.preprocessors.columns import column_types, is_float, nan_as_null
from millstream.result_columns import one_chunk

if TYPE_CHECKING:
    import numpy
    import pyarrow


def checked_max_categories(max_categories: Any, columns: list[str]) -> dict[str, int]:
    """As a dict. ValueError for a column that is not one of `columns`."""
    if max_categories is None:
        return {}
    if not isinstance(max_categories, Mapping):
        raise TypeError(
            f"max_categories takes a dict of columns and numbers, such as {{'x': 10}}, not "
            f"{type(max_categories).__name__}"
        )
    for column in max_categories:
        if column not in columns:
            raise ValueError(f"max_categories has column {column!r}, which is not one of {columns}")
    return {column: check_count(most, f"max_categories[{column!r}]") for column, most in max_categories.items()}


def fitted_categories(
    ds: Dataset,
    columns: list[str],
    user: Any,
    *,
    max_categories: Mapping[str, int] | None = None,
    items: bool = False,
    drop_missing: bool = False,
) -> dict[str, dict[Any, int]]:
    """For each column its values and their numbers, in the order of the values. A list as a value is a tuple.

    Of more than `max_categories` the most frequent, and of those that come equally often the least. `items` takes lists
    apart. ValueError for a column with missing values, unless they are to be dropped; KeyError for an unknown column.
    """
    if not columns:
        return {}
    types = column_types(ds, fetch=True)
    rows = ds.select_columns(columns)
    rows = rows.with_columns({name: nan_as_null(name) for name in columns if is_float(types.get(name, ""))})
    lists = [name for name in columns if items and is_list(types.get(name, ""))]
    scalars = [name for name in columns if name not in lists]
    limits = max_categories or {}
    missing_user = None if drop_missing else user
    found = _values(rows.select_columns(scalars), scalars, limits, missing_user) if scalars else {}
    for name in lists:
        apart = rows.select_columns([name]).map_batches(_ListItems(name), batch_format="pyarrow")
        found |= _values(apart, [name], limits, missing_user)
    return {name: _numbered(found[name]) for name in columns}


def is_list(kind: str) -> bool:
    return kind.startswith(("list<", "large_list<", "list_view<", "large_list_view<", "fixed_size_list<"))


def _values(rows: Dataset, columns: list[str], limits: Mapping[str, int], user: Any) -> dict[str, list[Any]]:
    """ValueError, in the name of `user`, for missing values; None drops them."""
    aggregates: list[AggregateFn] = [Unique(column, alias_name=f"unique({column})") for column in columns]
    limited = [column for column in columns if limits.get(column, 0) > 0]
    aggregates += [ApproximateTopK(column, limits[column], alias_name=f"top({column})") for column in limited]
    result = rows.aggregate(*aggregates) or {}
    found = {}
    for column in columns:
        values = result[f"unique({column})"]
        if user is not None and None in values:
            raise ValueError(
                f"{type(user).__name__}: column {column!r} has missing values, which are no category; fill them with "
                f"SimpleImputer first, or leave them out with filter(expr=col({column!r}).is_not_null())"
            )
        if column in limits:
            values = [top[column] for top in result[f"top({column})"]] if column in limited else []
        found[column] = [value for value in values if value is not None]
    return found


def _numbered(values: Iterable[Any]) -> dict[Any, int]:
    keys = [tuple(value) if isinstance(value, list) else value for value in values]
    return {key: number for number, key in enumerate(sorted(keys))}


class _ListItems:
    """The items of a batch's lists, one a row; null lists have none."""

    def __init__(self, column: str) -> None:
        self._column = column

    def __call__(self, table: pyarrow.Table) -> Iterator[pyarrow.Table]:
        import pyarrow
        import pyarrow.compute

        items = pyarrow.compute.list_flatten(table.column(self._column))
        yield pyarrow.table({self._column: items})


# ---- looking up ----
def refuse_missing(table: pyarrow.Table, columns: list[str], user: Any) -> None:
    """ValueError for a column with a null or NaN, saying in which row of the batch."""
    import pyarrow.compute

    for column in columns:
        values = table.column(column)
        nan = pyarrow.types.is_floating(values.type)
        missing = pyarrow.compute.is_null(values, nan_is_null=nan)
        row = pyarrow.compute.index(missing, True).as_py()
        if row >= 0:
            raise ValueError(
                f"{type(user).__name__}: column {column!r} has a missing value (row {row} of a batch), which is no "
                "category; fill them with SimpleImputer first"
            )


class CategoryNumbers:
    """The numbers of categories, made ready once for each type of column that is looked up."""

    def __init__(self, categories: Mapping[Any, int]) -> None:
        self._categories = categories
        self._keys: dict[Any, pyarrow.Array | None] = {}

    def of(self, values: Any) -> pyarrow.Array:
        """The number of each value, null where it is no category. Takes an Arrow array; lists are looked up whole."""
        import pyarrow
        import pyarrow.compute

        if pyarrow.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if is_list(str(values.type)):
            found = [None if value is None else self._categories.get(tuple(value)) for value in values.to_pylist()]
            return pyarrow.array(found, pyarrow.int64())
        if values.type not in self._keys:
            self._keys[values.type] = _as_type(list(self._categories), values.type)
        keys = self._keys[values.type]
        if keys is None:
            return pyarrow.array([self._categories.get(value) for value in values.to_pylist()], pyarrow.int64())
        return self._numbers.take(one_chunk(pyarrow.compute.index_in(values, keys)))

    @cached_property
    def _numbers(self) -> pyarrow.Array:
        import pyarrow

        return pyarrow.array(list(self._categories.values()), pyarrow.int64())


def _as_type(categories: list[Any], kind: Any) -> pyarrow.Array | None:
    """The categories as the column's type; None where they do not fit it, as text among numbers."""
    import pyarrow

    try:
        return pyarrow.array(categories, kind)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError, OverflowError):
        return None


def flat_lists(values: Any) -> tuple[pyarrow.Array, numpy.ndarray[Any, Any]]:
    """All items of the lists, and for each the row of its list."""
    import pyarrow.compute

    array = one_chunk(values)
    return pyarrow.compute.list_flatten(array), pyarrow.compute.list_parent_indices(array).to_numpy()
