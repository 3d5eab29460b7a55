"""A data set: a plan, and the ways to look at its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from millstream import _core
from millstream.arguments import check_columns, check_count, check_flag, check_text, refuse_placement
from millstream.context import DataContext
from millstream.dataset_text import describe_dataset
from millstream.dataset_writing import DatasetWriting
from millstream.dead_letters import ExecutionLetters
from millstream.execution import BATCH_ROWS, batches_once, fetched_schema, rows_of
from millstream.expression_from_pyarrow import from_pyarrow, is_pyarrow_expression
from millstream.expression_stages import FunctionSettings, is_staged, staged_filter
from millstream.expressions import Expr, UnnestExpr
from millstream.process_engine import PROCESS_ENGINE
from millstream.projections import dropped, named_columns, renamed, replaced, selected
from millstream.row_functions import mapped, with_added_column
from millstream.schema import Schema
from millstream.seeds import RandomSeedConfig, SeedState, run_seed, seed_state
from millstream.sort_keys import group_keys, sort_keys
from millstream.splitting import (
    checked_fraction,
    drawn_or,
    split,
    split_at_indices,
    split_proportionately,
    stratified_split,
    streaming_train_test_split,
    train_test_split,
)
from millstream.stores import file_systems_of, restore, shown

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from millstream.aggregate import AggregateFn
    from millstream.dead_letters import HasLetters
    from millstream.grouped_data import GroupedData
    from millstream.iterator import DataIterator
    from millstream.materialized_dataset import MaterializedDataset
    from millstream.mixing import MixStoppingCondition
    from millstream.summary import DatasetSummary


_ANALYZED_BATCH_ROWS = 1 << 14


class Dataset(DatasetWriting):
    """Rows of named columns, described by a plan that runs when rows are asked for.

    Made by `read_parquet`, `from_arrow` and the like. A method such as `filter` gives a new data set and leaves this
    one as it is. Rows come in the source's order unless they are shuffled. A data set pickles as its plan.
    """

    def __init__(self, plan: _core.Plan, context: DataContext | None = None, name: str | None = None) -> None:
        self._plan = plan
        self._context = DataContext.get_current().copy() if context is None else context
        self._name = name
        self._schema: _core.Schema | None = None
        self._epochs: DataIterator | None = None
        self._epochs_process = 0
        self._ran_last: HasLetters | None = None

    # ---- what the iterator asks for ----
    def _engine(self) -> _core.Engine:
        return PROCESS_ENGINE.get()

    @property
    def _seed_state(self) -> SeedState:
        return SeedState.of(self._plan)

    # ---- rows and columns ----
    def schema(self, fetch_if_missing: bool = True) -> Schema | None:
        """Names and types of the columns.

        Above a function they are known once it has run: its first batch is computed for them, or None is given where
        `fetch_if_missing` is false.
        """
        schema = self._core_schema(fetch_if_missing)
        return None if schema is None else Schema(schema)

    def columns(self, fetch_if_missing: bool = True) -> list[str] | None:
        """Names of the columns; as `schema`."""
        schema = self._core_schema(fetch_if_missing)
        return None if schema is None else schema.names

    def limit(self, limit: int) -> Dataset:
        """The first `limit` rows."""
        return self._with(self._plan.limit(check_count(limit, "limit")))

    def select_columns(self, cols: str | list[str], **ray_remote_args: Any) -> Dataset:
        """The columns named, in that order. KeyError for one that is not there, naming the near ones."""
        refuse_placement("select_columns", ray_remote_args)
        return self._with(selected(self._plan, cols))

    def drop_columns(self, cols: str | list[str], **ray_remote_args: Any) -> Dataset:
        """All columns but those named. KeyError for one that is not there."""
        refuse_placement("drop_columns", ray_remote_args)
        return self._with(dropped(self._plan, cols))

    def rename_columns(self, names: Mapping[str, str] | list[str], **ray_remote_args: Any) -> Dataset:
        """Columns under other names: {old: new}, or a list of new names, one a column.

        KeyError for an unknown column, ValueError where two columns would have the same name.
        """
        refuse_placement("rename_columns", ray_remote_args)
        return self._with(renamed(self._plan, names))

    def with_column(self, column_name: str, expr: Expr, **ray_remote_args: Any) -> Dataset:
        """One more column, computed from the others; in the place of the column of that name, if there is one.

        TypeError for what is not an expression, or whose types do not fit; KeyError for an unknown column.
        """
        return self.with_columns({column_name: expr}, **ray_remote_args)

    def with_columns(
        self,
        exprs: Mapping[str, Expr] | UnnestExpr | None = None,
        *more_exprs: Mapping[str, Expr] | UnnestExpr,
        **ray_remote_args: Any,
    ) -> Dataset:
        """As `with_column`, several at once; `unnest(expr)` is one column a field of a struct. All see the columns as
        they were before.

        Functions in the expressions (`millstream.expressions.udf`) take `compute`, as in `map`.
        """
        columns = named_columns(self._core_schema, more_exprs if exprs is None else (exprs, *more_exprs))
        compute = ray_remote_args.pop("compute", None) if any(map(is_staged, columns.values())) else None
        refuse_placement("with_columns", ray_remote_args)
        return self._with(replaced(self._plan, columns, self._function_settings(compute))) if columns else self

    def filter(
        self,
        fn: Callable[[dict[str, Any]], bool] | None = None,
        expr: str | Expr | pyarrow.compute.Expression | None = None,
        **arguments: Any,
    ) -> Dataset:
        """The rows for which `expr` is true; rows for which it is null are left out.

        `expr` is an expression, `col("delay") > 15`, its text, "delay > 15 and carrier in ('AA', 'UA')", or one of
        pyarrow, `pyarrow.compute.field("delay") > 15`, as far as Substrait can say it. ValueError for text that is not
        an expression, KeyError for an unknown column, TypeError for types that do not fit.

        A function `fn` is called with each row, a dict, and takes the arguments of `map`; an expression is much faster
        and reaches into the files.
        """
        if fn is not None and expr is None and not isinstance(fn, str | Expr):
            return self._with(mapped(self._plan, "filter", fn, arguments, timeout_s=self._context.function_timeout_s))
        compute = arguments.pop("compute", None) if is_staged(expr) else None
        if not arguments.keys().isdisjoint(("on_error", "max_errors")):
            raise TypeError("filter(expr=...) takes no on_error: it is of functions, as filter(fn)")
        refuse_placement("filter", arguments)
        if (fn is None) == (expr is None):
            raise ValueError(
                "filter takes expr=..., for instance filter(expr=\"delay > 15\") or filter(expr=col('delay') > 15)"
            )
        if isinstance(fn, str | Expr):
            raise TypeError("filter takes an expression by its name: filter(expr=...)")
        if isinstance(expr, str):
            return self._with(self._plan.filter(_core.parse_filter(expr)))
        if is_pyarrow_expression(expr):
            return self._with(self._plan.filter(from_pyarrow(expr, self._core_schema())))
        if not isinstance(expr, Expr):
            remedy = "; give a function of rows without its name: filter(fn)" if callable(expr) else ""
            raise TypeError(f"filter(expr=) takes an expression or its text, not {type(expr).__name__}{remedy}")
        if is_staged(expr):
            return self._with(staged_filter(self._plan, expr, self._function_settings(compute)))
        return self._with(self._plan.filter(expr.to_core()))

    def sort(
        self,
        key: str | list[str],
        descending: bool | list[bool] = False,
        boundaries: list[Any] | None = None,
        *,
        nulls_first: bool | list[bool] = False,
    ) -> Dataset:
        """All rows in the order of the columns `key`, the first one first; equal rows stay in their order.

        Args:
            key: A column, or several.
            descending: For all of them, or one a column.
            boundaries: Only cuts blocks in ray.data, and changes nothing here.
            nulls_first: Where nulls go, in either direction: for all columns, or one a column. NaN is greater than all
                other numbers.

        KeyError for an unknown column, TypeError for one whose values have no order.
        """
        return self._with(self._plan.sort(sort_keys(key, descending, nulls_first)))

    # ---- groups and aggregates ----
    def groupby(self, key: str | list[str] | None, num_partitions: int | None = None) -> GroupedData:
        """The rows by the values of the columns `key`; None takes all as one group.

        `num_partitions` changes nothing: how many there are follows from the memory. KeyError for an unknown column.
        """
        from millstream.grouped_data import GroupedData

        keys = group_keys(key)
        if (known := self._plan.schema()) is not None and keys:
            self._plan.change_columns("select", names=[name for name in keys if name not in known.names] or keys)
        return GroupedData(self, keys)

    def aggregate(self, *aggs: AggregateFn) -> dict[str, Any] | None:
        """The aggregations of all rows, by name. See `millstream.aggregate`."""
        from millstream.grouped_data import aggregated

        groups = self._batches_once(aggregated(self._plan, [], aggs))
        return next((row for batch in groups for row in rows_of(batch)), None)

    def sum(self, on: str | list[str] | None = None, ignore_nulls: bool = True) -> Any:
        """The sum of the column `on`, or a dict of sums where it names several, or None for all columns."""
        from millstream.aggregate import Sum

        return self._aggregate_each(Sum, on, ignore_nulls=ignore_nulls)

    def min(self, on: str | list[str] | None = None, ignore_nulls: bool = True) -> Any:
        """The least value; columns as in `sum`."""
        from millstream.aggregate import Min

        return self._aggregate_each(Min, on, ignore_nulls=ignore_nulls)

    def max(self, on: str | list[str] | None = None, ignore_nulls: bool = True) -> Any:
        """The greatest value; columns as in `sum`."""
        from millstream.aggregate import Max

        return self._aggregate_each(Max, on, ignore_nulls=ignore_nulls)

    def mean(self, on: str | list[str] | None = None, ignore_nulls: bool = True) -> Any:
        """The mean; columns as in `sum`."""
        from millstream.aggregate import Mean

        return self._aggregate_each(Mean, on, ignore_nulls=ignore_nulls)

    def std(self, on: str | list[str] | None = None, ddof: int = 1, ignore_nulls: bool = True) -> Any:
        """The standard deviation, divided by n - ddof; columns as in `sum`."""
        from millstream.aggregate import Std

        return self._aggregate_each(Std, on, ddof=ddof, ignore_nulls=ignore_nulls)

    def unique(self, column: str, ignore_nulls: bool = False) -> list[Any]:
        """The distinct values of a column, in their order, nulls last."""
        check_text(column, "column")
        groups = self._batches_once(self._plan.aggregate([column], []))
        values = [row[column] for batch in groups for row in rows_of(batch)]
        return [value for value in values if value is not None] if ignore_nulls else values

    def summary(
        self, columns: list[str] | None = None, override_dtype_agg_mapping: Mapping[Any, Any] | None = None
    ) -> DatasetSummary:
        """Statistics of the columns, all or those named, by type: see `millstream.summary`.

        `override_dtype_agg_mapping` gives for a type (of millstream.datatype, or pyarrow's) a function that makes a
        list of aggregations of a column's name.
        """
        from millstream.summary import summarise

        return summarise(self, columns, override_dtype_agg_mapping)

    # ---- functions ----
    def map(self, fn: Callable[[dict[str, Any]], dict[str, Any]], **arguments: Any) -> Dataset:
        """Each row, a dict of Python values, as the dict that `fn` returns for it.

        Args:
            fn: A function, or a class whose instances are called: each worker makes one of its own.
            arguments: `compute` (a TaskPoolStrategy or ActorPoolStrategy: how many workers, as threads or processes) or
                `concurrency` (their number), `fn_args`, `fn_kwargs`, `fn_constructor_args`, `fn_constructor_kwargs`;
                `on_error="skip"`, and `max_errors` (1000; None for any number): one more ends the job.

        A row costs microseconds: `map_batches` or an expression is much faster. What `fn` raises comes as a
        UserCodeError that names the row; with `on_error="skip"` the row is left out, and `dead_letters` tells of it.
        """
        return self._with(mapped(self._plan, "map", fn, arguments, timeout_s=self._context.function_timeout_s))

    def flat_map(self, fn: Callable[[dict[str, Any]], Iterable[dict[str, Any]]], **arguments: Any) -> Dataset:
        """The rows that `fn` returns, or yields, for each row. Arguments as in `map`."""
        return self._with(mapped(self._plan, "flat_map", fn, arguments, timeout_s=self._context.function_timeout_s))

    def map_batches(
        self,
        fn: Callable[[Any], Any],
        *,
        batch_size: int | None = None,
        batch_format: str | None = "default",
        zero_copy_batch: bool = True,
        udf_modifying_row_count: bool = True,
        **arguments: Any,
    ) -> Dataset:
        """What `fn` returns for each batch: a dict of arrays or lists, a DataFrame, a table, or several, yielded.

        Args:
            fn: A function, or a class whose instances are called: each worker makes one of its own.
            batch_size: Rows a batch; the last one of a file may have fewer. None takes blocks, in parts of about 4 MB.
            batch_format: What `fn` is given: "default" and "numpy" a dict of arrays, "pandas", "polars", "pyarrow".
            zero_copy_batch: Arrays are read-only views of the engine's memory. False gives copies that may be changed.
            udf_modifying_row_count: Taken as in ray.data; nothing depends on it.
            arguments: As in `map`.

        Batches are cut by file, in source order, or out of the global order after a shuffle: they do not depend on
        the machine. Results come in the order of the batches.
        """
        return self._with(
            mapped(
                self._plan,
                "map_batches",
                fn,
                arguments,
                batch_size=batch_size,
                batch_format=batch_format,
                zero_copy_batch=zero_copy_batch,
                timeout_s=self._context.function_timeout_s,
            )
        )

    def add_column(
        self, col: str, fn: Callable[[Any], Any], *, batch_format: str = "pandas", **arguments: Any
    ) -> Dataset:
        """One more column, or one in place of that of its name: what `fn` returns for each batch, one value a row."""
        timeout_s = self._context.function_timeout_s
        return self._with(with_added_column(self._plan, col, fn, batch_format, arguments, timeout_s))

    # ---- several data sets, parts of one ----
    def union(self, *other: Dataset) -> Dataset:
        """The rows of this one, then those of each other. TypeError for columns whose types do not go together."""
        return self._with(self._plan.union(_plans("union", other))) if other else self

    def zip(self, *other: Dataset) -> Dataset:
        """Row i of each side by side; a name that comes again gets _1, _2 and so on behind it.

        ValueError, when it runs, for data sets of unequal length.
        """
        return self._with(self._plan.zip(_plans("zip", other))) if other else self

    def join(
        self,
        ds: Dataset,
        join_type: str,
        num_partitions: int | None = None,
        on: Sequence[str] | str = ("id",),
        right_on: Sequence[str] | str | None = None,
        left_suffix: str | None = None,
        right_suffix: str | None = None,
        **placement: Any,
    ) -> Dataset:
        """Rows of this one beside those of `ds` whose keys are equal.

        Args:
            ds: The right side. Give the smaller one: where it does not fit in memory both are spilled by their keys.
            join_type: "inner", "left_outer", "right_outer", "full_outer", "left_semi", "right_semi", "left_anti" or
                "right_anti".
            num_partitions: Changes nothing: how many there are follows from the memory.
            on: The keys' columns, here and where `right_on` is None on the right too.
            right_on: The keys' columns on the right, as many.
            left_suffix: Put behind the names of columns, keys apart, that both sides have.
            right_suffix: The same for the right's.
            placement: `partition_size_hint` and `validate_schemas` change nothing; others place work on a cluster.

        Rows are in the order of the left, those of one left row in that of the right; rows of the right that an outer
        join keeps come at the end. Null keys match nothing.

        KeyError for an unknown column; TypeError for keys of different types; ValueError for columns of one name;
        MemoryError where one key alone has more rows on both sides than fit.
        """
        for name in ("partition_size_hint", "validate_schemas"):
            placement.pop(name, None)
        if placement.pop("aggregator_ray_remote_args", None) is not None:
            raise NotImplementedError("join(aggregator_ray_remote_args=...) places work on a cluster; leave it out")
        refuse_placement("join", placement)
        if num_partitions is not None:
            check_count(num_partitions, "num_partitions", least=1)
        (right,) = _plans("join", [ds])
        left_keys = check_columns(on, "on")
        right_keys = left_keys if right_on is None else check_columns(right_on, "right_on")
        left_end = check_text(left_suffix or "", "left_suffix")
        right_end = check_text(right_suffix or "", "right_suffix")
        kind = check_text(join_type, "join_type")
        return self._with(self._plan.join(right, kind, left_keys, right_keys, left_end, right_end))

    def mix(
        self,
        *other: Dataset,
        weights: list[float] | None = None,
        stopping_condition: MixStoppingCondition | None = None,
    ) -> Dataset:
        """Rows of this one and the others in turns, in runs of 32, so that their numbers stay as `weights` to one
        another; equal weights where none are given.

        Ends when all have ended, or the shortest with MixStoppingCondition.STOP_ON_SHORTEST. The order depends on the
        rows and the weights alone.
        """
        from millstream.mixing import MixStoppingCondition, mix_weights

        condition = stopping_condition or MixStoppingCondition.STOP_ON_LONGEST_DROP
        shortest = MixStoppingCondition(condition) is MixStoppingCondition.STOP_ON_SHORTEST
        return self._with(self._plan.mix(_plans("mix", other), mix_weights(weights, len(other) + 1), shortest))

    def repartition(
        self,
        num_blocks: int | None = None,
        target_num_rows_per_block: int | None = None,
        *,
        strict: bool = False,
        shuffle: bool = False,
        keys: str | list[str] | None = None,
        sort: bool = False,
    ) -> Dataset:
        """The same rows in other blocks: what functions with `batch_size=None` are given, and files are cut by.

        Args:
            num_blocks: So many, whose sizes differ by at most one row. With `keys` rows of equal keys are in one block.
            target_num_rows_per_block: Blocks of so many rows instead; the last has what is left.
            strict: Taken as in ray.data; blocks of `target_num_rows_per_block` are always exact.
            shuffle: Shuffles the rows first, in an order drawn now.
            keys: Columns by whose values rows are put together: one, or several.
            sort: Whether blocks are sorted by the keys.

        A block of more than about 4 MB comes to a function in several calls. Rows keep their order but with `shuffle`
        or `keys`.
        """
        rows = self.random_shuffle(seed=_core.random_seed()) if check_flag(shuffle, "shuffle") else self
        check_flag(strict, "strict")
        columns = check_columns(keys or [], "keys")
        if check_flag(sort, "sort") and not columns:
            raise ValueError("repartition(sort=True) sorts by the keys; give keys=[...], or use sort()")
        blocks = 0 if num_blocks is None else check_count(num_blocks, "num_blocks", least=1)
        block_rows = (
            0
            if target_num_rows_per_block is None
            else check_count(target_num_rows_per_block, "target_num_rows_per_block", least=1)
        )
        return self._with(rows._plan.repartition(blocks, block_rows, columns, sort))

    def random_sample(self, fraction: float, *, seed: int | None = None) -> Dataset:
        """Each row with the probability `fraction`, by the seed and the row's place: the same rows each time."""
        return self._with(self._plan.random_sample(checked_fraction(fraction), drawn_or(seed)))

    def randomize_block_order(self, *, seed: int | None = None) -> Dataset:
        """The blocks of the source in a random order, the same each time. Much weaker than `random_shuffle`."""
        return self._with(self._plan.randomize_block_order(drawn_or(seed)))

    def split_at_indices(self, indices: list[int]) -> list[Dataset]:
        """The rows before the first index, from each to the next, and from the last on.

        Each part runs the plan and reads what it can do without no more than it must; rows shuffled below keep to the
        order of the first epoch, so no row ever changes its part. `materialize` first where running it is dear.
        """
        return split_at_indices(self, indices)

    def split_proportionately(self, proportions: list[float]) -> list[Dataset]:
        """One part a proportion, and one of the rows that are left. Counts the rows; else as `split_at_indices`.

        ValueError where the rows are too few for each part to have one.
        """
        return split_proportionately(self, proportions)

    def split(self, n: int, *, equal: bool = False, locality_hints: list[Any] | None = None) -> list[Dataset]:
        """`n` parts of consecutive rows whose sizes differ by at most one; `equal` leaves out what does not divide.

        Counts the rows; else as `split_at_indices`. `locality_hints` must be None: there is one machine.
        """
        if locality_hints is not None:
            raise NotImplementedError("split(locality_hints=...) places parts on a cluster; leave it out")
        return split(self, n, check_flag(equal, "equal"))

    def train_test_split(
        self, test_size: int | float, *, shuffle: bool = False, seed: int | None = None, stratify: str | None = None
    ) -> tuple[Dataset, Dataset]:
        """The first rows, and the last `test_size` of them: a share of all, or a number. `shuffle` them before.

        `stratify` names a column: then each of its values has that share in the second part, in the order of the
        values. Counts the rows; else as `split_at_indices`.
        """
        if stratify is not None:
            return stratified_split(self, test_size, stratify, shuffle=check_flag(shuffle, "shuffle"))
        return train_test_split(self, test_size, shuffle=check_flag(shuffle, "shuffle"), seed=seed)

    def streaming_train_test_split(
        self,
        test_size: float,
        *,
        split_type: str = "random",
        hash_column: str | None = None,
        seed: int | None = None,
        **ray_remote_kwargs: Any,
    ) -> tuple[Dataset, Dataset]:
        """Each row to one of two parts by chance, or with `split_type="hash"` by the hash of a column: no row is
        counted, and equal values of that column are in one part. About `test_size` of the rows are in the second.
        """
        refuse_placement("streaming_train_test_split", ray_remote_kwargs)
        return streaming_train_test_split(self, test_size, split_type, hash_column, seed)

    def random_shuffle(
        self, *, seed: int | RandomSeedConfig | None = None, num_blocks: None = None, **ray_remote_args: Any
    ) -> Dataset:
        """All rows in a random order: every order is equally likely, over the whole data set.

        Args:
            seed: An int gives the same order at every execution; `RandomSeedConfig(seed)` a new one each epoch, a
                function of (seed, epoch). None draws a seed now, which is kept, and gives a new order each epoch.
            num_blocks: Only None, as in ray.data.

        The order depends on the seed, the epoch and the data alone: not on CPUs, memory or batch size.
        """
        refuse_placement("random_shuffle", ray_remote_args)
        if num_blocks is not None:
            raise ValueError("random_shuffle(num_blocks=...) has no meaning: a shuffle keeps no blocks; leave it out")
        state = seed_state(seed)
        assert state.kind is not None
        return self._with(self._plan.random_shuffle(state.kind, state.seed))

    # ---- looking at rows; none of these advances an iterator's epoch ----
    def count(self) -> int:
        """Rows. From the files' footers where no filter is in the way, else by reading what the filter needs."""
        known = self._plan.known_row_count()
        if known is not None:
            return known
        return sum(batch.num_rows for batch in self._batches_once(self._plan.project([])))

    def take(self, limit: int = 20) -> list[dict[str, Any]]:
        """The first `limit` rows (all, where there are fewer), each a dict of Python values."""
        limit = check_count(limit, "limit")
        if limit == 0:
            return []
        batches = self._batches_once(self._plan.limit(limit), batch_size=min(limit, BATCH_ROWS))
        return [row for batch in batches for row in rows_of(batch)]

    def take_all(self, limit: int | None = None) -> list[dict[str, Any]]:
        """All rows, each a dict. ValueError where there are more than `limit`."""
        if limit is None:
            return [row for batch in self._batches_once(self._plan) for row in rows_of(batch)]
        rows = self.take(check_count(limit, "limit") + 1)
        if len(rows) > limit:
            raise ValueError(
                f"the data set has more than {limit} rows; use take({limit}) for the first, or a higher limit"
            )
        return rows

    def take_batch(self, batch_size: int = 20, *, batch_format: str | None = "default") -> Any:
        """The first `batch_size` rows as one batch: "numpy" (the default; a dict of arrays), "pandas" or "pyarrow".

        ValueError for an empty data set.
        """
        batch_size = check_count(batch_size, "batch_size", least=1)
        self._ran_last = first = self.limit(batch_size).iterator()
        for batch in first.iter_batches(batch_size=batch_size, batch_format=batch_format, prefetch_batches=0):
            return batch
        raise ValueError("the data set is empty: there is no batch to take")

    def show(self, limit: int = 20) -> None:
        """Prints the first `limit` rows, one a line."""
        for row in self.take(limit):
            print(row)

    # ---- iterating ----
    def iterator(self) -> DataIterator:
        """An iterator with epochs and a state of its own."""
        from millstream.iterator import DataIterator

        return DataIterator(self)

    def iter_rows(self) -> Iterable[dict[str, Any]]:
        """The rows of the next epoch, each a dict."""
        return self._next_epoch().iter_rows()

    def iter_batches(
        self,
        *,
        prefetch_batches: int = 1,
        batch_size: int | None = 256,
        batch_format: str | None = "default",
        drop_last: bool = False,
        local_shuffle_buffer_size: int | None = None,
        local_shuffle_seed: int | None = None,
    ) -> Iterable[Any]:
        """The batches of the next epoch; repeated calls are successive epochs. See `DataIterator.iter_batches`."""
        return self._next_epoch().iter_batches(
            prefetch_batches=prefetch_batches,
            batch_size=batch_size,
            batch_format=batch_format,
            drop_last=drop_last,
            local_shuffle_buffer_size=local_shuffle_buffer_size,
            local_shuffle_seed=local_shuffle_seed,
        )

    def iter_torch_batches(
        self,
        *,
        prefetch_batches: int = 1,
        batch_size: int | None = 256,
        dtypes: Any = None,
        device: str = "auto",
        collate_fn: Callable[[Any], Any] | None = None,
        drop_last: bool = False,
        local_shuffle_buffer_size: int | None = None,
        local_shuffle_seed: int | None = None,
        pin_memory: bool = False,
    ) -> Iterable[Any]:
        """The batches of the next epoch as tensors. See `DataIterator.iter_torch_batches`."""
        return self._next_epoch().iter_torch_batches(
            prefetch_batches=prefetch_batches,
            batch_size=batch_size,
            dtypes=dtypes,
            device=device,
            collate_fn=collate_fn,
            drop_last=drop_last,
            local_shuffle_buffer_size=local_shuffle_buffer_size,
            local_shuffle_seed=local_shuffle_seed,
            pin_memory=pin_memory,
        )

    # ---- whole results ----
    def materialize(self) -> MaterializedDataset:
        """Runs the plan once and holds its rows in memory. They count as the user's, not the engine's."""
        from millstream.materialized_dataset import materialize

        return materialize(self)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A pass over the rows as Arrow's C stream, for DuckDB, Polars, pandas, pyarrow and others.

        Batches are made as they are read. `requested_schema` is not looked at: the columns are those of `schema`.
        """
        schema = self._core_schema(True)
        assert schema is not None
        return _core.arrow_stream(self._engine(), self._plan, schema, seed=run_seed(self._plan), batch_size=16_384)

    def to_arrow(self) -> pyarrow.Table:
        """All rows as a pyarrow.Table."""
        from millstream.whole_results import arrow_table

        return arrow_table(self._core_schema, self._batches_once(self._plan))

    def to_pandas(self, limit: int | None = None) -> pandas.DataFrame:
        """All rows as a pandas.DataFrame. ValueError where there are more than `limit`."""
        from millstream.whole_results import data_frame

        if limit is not None and (rows := self.count()) > check_count(limit, "limit"):
            raise ValueError(f"the data set has {rows} rows, more than the limit of {limit}; give limit=None for all")
        return data_frame(self.to_arrow())

    def to_dask(self, meta: Any = None, verify_meta: bool = True) -> Any:
        """A dask DataFrame that reads the rows, a partition a block, when it is computed. See `to_dask.to_dask`."""
        from millstream.to_dask import to_dask

        return to_dask(self, meta, verify_meta)

    def to_daft(self) -> Any:
        """A Daft DataFrame that reads the rows, as a stream, when it is computed. See `to_frames.to_daft`."""
        from millstream.to_frames import to_daft

        return to_daft(self)

    def to_modin(self) -> Any:
        """All rows as a modin.pandas.DataFrame. See `to_frames.to_modin`."""
        from millstream.to_frames import to_modin

        return to_modin(self)

    def to_spark(self, spark: Any) -> Any:
        """A Spark DataFrame of the session `spark` that runs the data set when it is computed. See
        `spark_frames.to_spark`."""
        from millstream.spark_frames import to_spark

        return to_spark(self, spark)

    # ---- what it is ----
    def size_bytes(self) -> int:
        """Bytes of the rows: the files' own figure of their uncompressed size where no operator is in the way, else
        counted by running the plan."""
        known = self._plan.size_bytes()
        return known if known is not None else sum(batch.nbytes for batch in self._batches_once(self._plan))

    def num_blocks(self) -> int:
        """Contiguous ranges of the source that are read as one."""
        return self._plan.num_blocks()

    def input_files(self) -> list[str]:
        """Paths of the files read, in the order of their rows."""
        return [shown(path) for path in self._plan.input_files()]

    def stats(self) -> str:
        """What the stages of the last epoch did: rows, bytes, seconds, waits. See `DataIterator.stats`."""
        return self._epoch_iterator().stats()

    def dead_letters(self) -> Dataset:
        """What functions with `on_error="skip"`, and readers with `on_bad_file` or `on_bad_row="record"`, left out, one
        row an error: `stage`, `source`, `first_row`, `last_row`, `offset`, `error`, `traceback` and `epoch`. See
        `DataIterator.dead_letters`.

        Of what a method of this data set ran last (`take_all`, `count`, `write_parquet` and so on), also where that
        failed; of the epochs of its iter_ methods where that was one of them. No rows where nothing was run yet.
        """
        from millstream.dead_letters import letters_dataset

        return letters_dataset([] if self._ran_last is None else [self._ran_last], self._plan, self._context)

    def explain(self, analyze: bool = False) -> None:
        """Prints the plan, and how it will run: what is read, held and spilled, with estimates where only a run tells.

        With `analyze` it is run, and what each stage did is printed too: rows, seconds, waits, bytes spilled.
        """
        if not check_flag(analyze, "analyze"):
            print(self._plan.explain(self._engine()))
            return
        print(self._plan.explain(self._engine(), _ANALYZED_BATCH_ROWS))
        iterator = self.iterator()
        for _ in iterator.iter_batches(batch_size=_ANALYZED_BATCH_ROWS, batch_format="pyarrow"):
            pass
        print(iterator.stats())

    @property
    def name(self) -> str | None:
        """The name given by `set_name`."""
        return self._name

    def set_name(self, name: str | None) -> None:
        """Gives the data set a name, shown in its text."""
        self._name = name

    @property
    def context(self) -> DataContext:
        """The settings it was made with."""
        return self._context

    @staticmethod
    def copy(ds: Dataset, _deep_copy: bool = False, _as: type[Dataset] | None = None) -> Dataset:
        """Another data set of the same plan, with epochs of its own."""
        context = ds._context.copy() if _deep_copy else ds._context
        return (_as or type(ds))(ds._plan, context, ds._name)

    def __repr__(self) -> str:
        return describe_dataset(self, note="(rows are read when asked for)")

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> NoReturn:
        # AttributeError, so that hasattr-like probes of ray.data's users see the same.
        raise AttributeError("a data set has no len(): use count(), which may have to read")

    def __iter__(self) -> NoReturn:
        raise TypeError("a data set is not iterable: use iter_rows() for rows or iter_batches() for batches")

    def __getitem__(self, key: Any) -> NoReturn:
        raise TypeError("a data set cannot be indexed: use select_columns() for columns, take() or limit() for rows")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            from millstream.missing_names import no_attribute

            raise no_attribute(self, name)

    def __reduce__(self) -> tuple[Any, ...]:
        stores = file_systems_of(self._plan.input_files())
        return _restore, (type(self), self._plan.serialize(), self._context, self._name, self._plan.functions(), stores)

    # ---- inside ----
    def _core_schema(self, fetch: bool = True) -> _core.Schema | None:
        """Runs the plan up to its first batch where a function decides."""
        if self._schema is None:
            self._schema = self._plan.schema()
        if self._schema is None and fetch:
            self._schema = fetched_schema(self._engine(), self._plan)
        return self._schema

    def _function_settings(self, compute: Any) -> FunctionSettings:
        return FunctionSettings(compute, self._context.function_timeout_s)

    def _aggregate_each(self, kind: Any, on: str | list[str] | None, **options: Any) -> Any:
        from millstream.grouped_data import aggregated_columns

        results = self.aggregate(*(kind(column, **options) for column in aggregated_columns(self, on, [])))
        return next(iter(results.values())) if results is not None and len(results) == 1 else results

    def _with(self, plan: _core.Plan) -> Dataset:
        return Dataset(plan, self._context, self._name)

    def _batches_once(self, plan: _core.Plan, batch_size: int = BATCH_ROWS) -> Iterator[_core.Batch]:
        order = self._context.execution_options.preserve_order
        self._ran_last = letters = ExecutionLetters()
        return batches_once(self._engine(), plan, batch_size=batch_size, preserve_order=order, letters=letters)

    def _next_epoch(self) -> DataIterator:
        self._ran_last = iterator = self._epoch_iterator()
        return iterator

    def _epoch_iterator(self) -> DataIterator:
        """The one whose epochs this data set's own iter_ methods advance; a fresh one after a fork."""
        if self._epochs is None or self._epochs_process != os.getpid():
            # Over a twin: a cycle would hold the engine's memory until it is collected.
            self._epochs, self._epochs_process = self._with(self._plan).iterator(), os.getpid()
        return self._epochs


def _restore(
    kind: type[Dataset],
    plan: bytes,
    context: DataContext,
    name: str | None,
    functions: list[Any] | None = None,
    stores: dict[str, Any] | None = None,
) -> Dataset:
    engine = None
    if stores:
        engine = PROCESS_ENGINE.get()
        restore(engine, stores)
    return kind(_core.Plan.deserialize(plan, functions or [], engine), context, name)


def _plans(method: str, datasets: Iterable[Any]) -> list[_core.Plan]:
    for dataset in datasets:
        if not isinstance(dataset, Dataset):
            raise TypeError(f"{method} takes data sets, not {type(dataset).__name__}")
    return [dataset._plan for dataset in datasets]
