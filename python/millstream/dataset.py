"""A data set: a plan, and the ways to look at its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from millstream import _core
from millstream.arguments import check_count, refuse_placement
from millstream.context import DataContext
from millstream.dataset_text import describe_dataset
from millstream.execution import BATCH_ROWS, batches_once, rows_of
from millstream.expressions import Expr, UnnestExpr
from millstream.process_engine import PROCESS_ENGINE
from millstream.projections import dropped, named_columns, renamed, replaced, selected
from millstream.schema import Schema
from millstream.seeds import RandomSeedConfig, SeedState, seed_state

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from millstream.iterator import DataIterator
    from millstream.materialized_dataset import MaterializedDataset
    from millstream.save_mode import SaveMode


class Dataset:
    """Rows of named columns, described by a plan that runs when rows are asked for.

    Made by `read_parquet`, `from_arrow` and the like. A method such as `filter` gives a new data set and leaves this
    one as it is. Rows come in the source's order unless they are shuffled. A data set pickles as its plan.
    """

    def __init__(self, plan: _core.Plan, context: DataContext | None = None, name: str | None = None) -> None:
        self._plan = plan
        self._context = DataContext.get_current().copy() if context is None else context
        self._name = name
        self._epochs: DataIterator | None = None
        self._epochs_process = 0

    # ---- what the iterator asks for ----
    def _engine(self) -> _core.Engine:
        return PROCESS_ENGINE.get()

    @property
    def _seed_state(self) -> SeedState:
        return SeedState.of(self._plan)

    # ---- rows and columns ----
    def schema(self, fetch_if_missing: bool = True) -> Schema:
        """Names and types of the columns. Runs nothing."""
        return Schema(self._plan.schema())

    def columns(self, fetch_if_missing: bool = True) -> list[str]:
        """Names of the columns. Runs nothing."""
        return self._plan.schema().names

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
        """
        refuse_placement("with_columns", ray_remote_args)
        columns = named_columns(self._plan, more_exprs if exprs is None else (exprs, *more_exprs))
        return self._with(replaced(self._plan, columns)) if columns else self

    def filter(
        self,
        fn: Callable[[dict[str, Any]], bool] | None = None,
        expr: str | Expr | None = None,
        **ray_remote_args: Any,
    ) -> Dataset:
        """The rows for which `expr` is true; rows for which it is null are left out.

        `expr` is an expression, `col("delay") > 15`, or its text, "delay > 15 and carrier in ('AA', 'UA')". ValueError
        for text that is not an expression, KeyError for an unknown column, TypeError for types that do not fit.
        """
        refuse_placement("filter", ray_remote_args)
        if (fn is None) == (expr is None):
            raise ValueError(
                "filter takes expr=..., for instance filter(expr=\"delay > 15\") or filter(expr=col('delay') > 15)"
            )
        if isinstance(fn, str | Expr):
            raise TypeError("filter takes an expression by its name: filter(expr=...)")
        if fn is not None:
            raise _no_functions("filter", fn)
        if isinstance(expr, str):
            return self._with(self._plan.filter(_core.parse_filter(expr)))
        if not isinstance(expr, Expr):
            raise TypeError(f"filter(expr=) takes an expression or its text, not {type(expr).__name__}")
        return self._with(self._plan.filter(expr.to_core()))

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
        first = self.limit(batch_size).iterator()
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
        return self._epoch_iterator().iter_rows()

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
        return self._epoch_iterator().iter_batches(
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
        return self._epoch_iterator().iter_torch_batches(
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

    def to_arrow(self) -> pyarrow.Table:
        """All rows as a pyarrow.Table."""
        from millstream.whole_results import arrow_table

        return arrow_table(self._plan.schema(), self._batches_once(self._plan))

    def to_pandas(self, limit: int | None = None) -> pandas.DataFrame:
        """All rows as a pandas.DataFrame. ValueError where there are more than `limit`."""
        from millstream.whole_results import data_frame

        if limit is not None and (rows := self.count()) > check_count(limit, "limit"):
            raise ValueError(f"the data set has {rows} rows, more than the limit of {limit}; give limit=None for all")
        return data_frame(self.to_arrow())

    def write_parquet(self, path: str | os.PathLike[str], *, mode: SaveMode | str = "append", **options: Any) -> None:
        """Writes the rows as Parquet files in the directory `path`. See `parquet_writing.write_parquet`."""
        from millstream.parquet_writing import write_parquet

        write_parquet(self._engine(), self._plan, path, mode=mode, **options)

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
        return self._plan.input_files()

    def stats(self) -> str:
        """What the stages of the last epoch did: rows, bytes, seconds, waits. See `DataIterator.stats`."""
        return self._epoch_iterator().stats()

    def explain(self) -> None:
        """Prints the plan, and how a shuffle in it will run: in memory or spilling, with the bytes to be moved."""
        print(self._plan.explain(self._engine()))

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
        return _restore, (type(self), self._plan.serialize(), self._context, self._name)

    # ---- inside ----
    def _with(self, plan: _core.Plan) -> Dataset:
        return Dataset(plan, self._context, self._name)

    def _batches_once(self, plan: _core.Plan, batch_size: int = BATCH_ROWS) -> Iterator[_core.Batch]:
        order = self._context.execution_options.preserve_order
        return batches_once(self._engine(), plan, batch_size=batch_size, preserve_order=order)

    def _epoch_iterator(self) -> DataIterator:
        """The one whose epochs this data set's own iter_ methods advance; a fresh one after a fork."""
        if self._epochs is None or self._epochs_process != os.getpid():
            # Over a twin: a cycle would hold the engine's memory until it is collected.
            self._epochs, self._epochs_process = self._with(self._plan).iterator(), os.getpid()
        return self._epochs


def _restore(kind: type[Dataset], plan: bytes, context: DataContext, name: str | None) -> Dataset:
    return kind(_core.Plan.deserialize(plan), context, name)


def _no_functions(method: str, fn: Any) -> NotImplementedError:
    name = getattr(fn, "__name__", type(fn).__name__)
    return NotImplementedError(
        f"{method}({name}): functions on rows are not in this version yet; write it as an expression, for instance "
        "filter(expr=col('delay') > 15)"
    )
