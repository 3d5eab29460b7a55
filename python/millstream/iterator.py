"""Passes over a data set, epoch after epoch, that can be saved and continued."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeVar

from millstream import _core
from millstream.arguments import check_count, check_flag
from millstream.batch_format import batch_formatter
from millstream.data_pass import DataPass, OpenPass, PassOptions, RowPass, Transfer
from millstream.execution import rows_of
from millstream.pass_record import PassRecord
from millstream.resume_state import Position, ResumeState, check_same_plan, parse_state

if TYPE_CHECKING:
    import torch

    from millstream.dead_letters import LetterTuple
    from millstream.seeds import SeedState
    from millstream.torch_batch import TorchDtypes

ROWS_AT_A_TIME = 256
_LOCAL_SHUFFLE_INPUT_ROWS_MAX = 1 << 14
_AHEAD_SHARE_OF_LIMIT = 32

ItemT = TypeVar("ItemT", covariant=True)


class IteratedDataset(Protocol):
    """What an iterator needs of a Dataset."""

    _plan: _core.Plan
    _context: Any  # a DataContext

    @property
    def _seed_state(self) -> SeedState: ...
    def _engine(self) -> _core.Engine: ...
    def schema(self) -> Any: ...
    def materialize(self) -> Any: ...


class PassIterable(Iterable[ItemT], Generic[ItemT]):
    """What the iter_ methods return: each `iter()` of it, so each `for` loop over it, is a pass of its own.

    `next()` may be called on it too; the pass that it begins is taken over by the next `iter()`.
    """

    def __init__(self, make: Callable[[], Iterator[ItemT]]) -> None:
        self._make = make
        self._begun: Iterator[ItemT] | None = None

    def __iter__(self) -> Iterator[ItemT]:
        begun, self._begun = self._begun, None
        return self._make() if begun is None else begun

    def __next__(self) -> ItemT:
        if self._begun is None:
            self._begun = self._make()
        return next(self._begun)


class DataIterator:
    """Iterates over a Dataset any number of times; every pass that is begun is an epoch, from 0 on.

    A shuffle without a seed, or with `RandomSeedConfig(seed, reseed_after_execution=True)`, has a new order each
    epoch, a function of seed and epoch alone; a plain int seed the same one each time. A pass begins at its first
    `next` and ends, giving back threads, memory and files, at its last batch, on `break`, on an exception in the
    loop, on Ctrl-C or when it is dropped. Several may be open at once.

    After a shuffled pass that ran to its end its rows stay decoded in the engine's memory where they fit, so that the
    next one need not read them again; they go with the iterator, and whenever another reader needs the memory. Rows
    that do not fit are kept decoded in the spill directory from the second pass on, where reading them from there is
    much faster than decoding them again.

    `state_dict()` may be called at any time between two batches, in the body of the loop too: loaded into an
    iterator over the same data, in another process, the next pass continues with the batch that was to come. It
    stands for the pass that was begun last.

    An iterator pickles as its plan and state. In a forked child it raises RuntimeError when iterated: make a fresh
    one there.
    """

    def __init__(self, dataset: IteratedDataset) -> None:
        self._dataset = dataset
        self._record: PassRecord | None = None  # of the pass begun last, or loaded
        self._loaded = False  # the record waits for the pass that continues it
        self._loaded_seed: int | None = None
        self._engine: _core.Engine | None = None
        self._passes: _core.Passes | None = None
        self._passes_begun = 0
        self._warned_of_order = False
        self._fingerprint: dict[str, Any] | None = None
        self._skipping_passes: list[PassRecord] = []  # those whose functions skip errors
        self._process_id = os.getpid()

    # Iteration

    def iter_batches(
        self,
        *,
        prefetch_batches: int = 1,
        batch_size: int | None = 256,
        batch_format: str | None = "default",
        drop_last: bool = False,
        local_shuffle_buffer_size: int | None = None,
        local_shuffle_seed: int | None = None,
    ) -> PassIterable[Any]:
        """Batches of `batch_size` rows.

        Args:
            prefetch_batches: How many batches the engine makes ahead of the one in use; as many are converted ahead,
                on a thread of their own, where conversions take long and the batches are small beside `memory_limit`.
            batch_size: Rows a batch; the last may have fewer. None takes whole blocks.
            batch_format: "default" and "numpy" for a dict of arrays, "pandas" for a DataFrame, "pyarrow" and None
                for a Table.
            drop_last: Whether to leave out a last batch of fewer rows.
            local_shuffle_buffer_size: Draw batches at random from a buffer of at least so many rows. Much weaker
                than `random_shuffle`.
            local_shuffle_seed: Of that draw; None draws one.

        Raises:
            ValueError, TypeError: for arguments that cannot be.
        """
        options = self._options(batch_size, drop_last, prefetch_batches, local_shuffle_buffer_size, local_shuffle_seed)
        convert = batch_formatter(batch_format)
        ahead = options.prefetch_batches
        return PassIterable(lambda: DataPass(lambda: self._begin_pass(options), convert, convert_ahead=ahead))

    def iter_torch_batches(
        self,
        *,
        prefetch_batches: int = 1,
        batch_size: int | None = 256,
        dtypes: TorchDtypes = None,
        device: torch.device | str | int = "auto",
        collate_fn: Callable[[Any], Any] | None = None,
        drop_last: bool = False,
        local_shuffle_buffer_size: int | None = None,
        local_shuffle_seed: int | None = None,
        pin_memory: bool = False,
    ) -> PassIterable[Any]:
        """Batches as dicts of one torch tensor a column, or as what `collate_fn` returns.

        Args:
            dtypes: Of all tensors, or by column.
            device: Where tensors go. "auto" is the device of a Ray Train worker, else the CPU. To a CUDA device
                they are copied from pinned memory on a stream of their own, `prefetch_batches` ahead.
            collate_fn: Is given numpy arrays, or what its base class says (`millstream.collate_fn`). Tensors in its
                result go to the device. Where it takes long it is called on another thread, one batch at a time, in
                the gradient mode and with the CUDA device of the loop; `prefetch_batches=0` keeps it on the loop's.
            pin_memory: Leaves tensors in pinned host memory.

        The others as in `iter_batches`. A pass over the same rows gives the same tensors as `iter_batches` gives
        arrays.
        """
        from millstream.device_transfer import transfer_to
        from millstream.torch_batch import resolve_device, torch_formatter, torch_thread_state

        options = self._options(batch_size, drop_last, prefetch_batches, local_shuffle_buffer_size, local_shuffle_seed)
        convert = torch_formatter(dtypes, collate_fn, pin_memory=pin_memory)
        target = resolve_device(device)

        def make() -> DataPass:
            transfer: Transfer | None = transfer_to(target, options.prefetch_batches)
            return DataPass(
                lambda: self._begin_pass(options),
                convert,
                transfer,
                convert_ahead=options.prefetch_batches,
                thread_state=torch_thread_state,
            )

        return PassIterable(make)

    def iter_rows(self) -> PassIterable[dict[str, Any]]:
        """Rows as dicts of Python values, and of numpy arrays where a column holds tensors."""
        options = PassOptions(ROWS_AT_A_TIME)
        return PassIterable(lambda: RowPass(DataPass(lambda: self._begin_pass(options, by_row=True), rows_of)))

    # What ray.data's DataIterator has beside

    def schema(self) -> Any:
        """The schema of the rows."""
        return self._dataset.schema()

    def materialize(self) -> Any:
        """The data set, computed once and kept."""
        return self._dataset.materialize()

    def get_context(self) -> Any:
        """The DataContext of the data set."""
        return self._dataset._context

    def stats(self) -> str:
        """A table of what each stage did in the pass begun last, and what that pass waited for."""
        from millstream.stats import describe_pass

        return describe_pass(self._record if self._record is not None and not self._loaded else None, self._engine)

    def dead_letters(self) -> Any:
        """What functions with `on_error="skip"`, and readers with `on_bad_file` or `on_bad_row="record"`, left out, of
        all passes so far: a Dataset, one row an error.

        Columns: `stage`, `source` (a path, or what the stage's rows are called), `first_row` and `last_row` in that
        source, `offset` (of bytes, of what a reader left out, where it is known), `error`, `traceback` and `epoch`; in
        the order of the rows. Files that were left out when the data set was made come first, without an epoch. A pass
        under way runs ahead of what it has delivered. One that goes on from a state runs its epoch again and has the
        letters of all of it.
        """
        from millstream.dead_letters import letters_dataset

        return letters_dataset([self], self._dataset._plan, self._dataset._context)

    def _letters(self) -> list[tuple[int, list[LetterTuple]]]:
        return [(record.epoch, record.letters()) for record in self._skipping_passes]

    def _skips_errors(self) -> bool:
        plan = self._dataset._plan
        skips = any(getattr(function, "skips", None) is not None for function in plan.functions())
        return skips or plan.forgives_bad_data()

    def __repr__(self) -> str:
        return f"DataIterator({self._dataset!r})"

    def __iter__(self) -> NoReturn:
        raise TypeError("a DataIterator is not iterable itself: loop over its iter_batches() or iter_rows()")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            from millstream.missing_names import no_attribute

            raise no_attribute(self, name)

    # State

    def state_dict(self) -> dict[str, Any]:
        """Where the pass begun last stands, after the batch (or row) it delivered last: JSON-ready, under 1 KB. See
        resume_state.py for its form.

        After the last batch it stands at the end of that epoch: loaded, that epoch has no batches left, and the one
        after it is whole. Once the loop has ended, the next pass is the next epoch. After a `break` it stands where
        the loop was left.

        RuntimeError while a pass with a local shuffle buffer, or with `preserve_order=False`, is unfinished.
        """
        record = self._record
        if record is not None and record.obstacle is not None and not record.finished:
            raise RuntimeError(f"this pass cannot be saved before its end: {record.obstacle}")
        return self._state(record).to_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Makes the next pass continue where `state` was taken, with any batch size. A pass under way goes on as it
        was, uncounted.

        ValueError for a malformed state, and for one of another plan or data set, naming the parts that differ.
        """
        loaded = parse_state(state)
        check_same_plan(loaded.plan, self._plan_fingerprint())
        if (loaded.seed is None) != (self._dataset._plan.run_seed() is None):
            raise ValueError(f"state['seed'] is {loaded.seed!r}, which does not go with this plan's shuffles")
        self._loaded_seed = loaded.seed
        begin_again = loaded.epoch + loaded.finished  # and so will their letters
        self._skipping_passes = [record for record in self._skipping_passes if record.epoch < begin_again]
        self._record = PassRecord(loaded.epoch, loaded.position, loaded.finished, under_way=False)
        self._loaded = True

    def __reduce__(self) -> Any:
        record = self._record
        if record is not None and record.obstacle is not None and not record.finished:
            record = PassRecord(record.epoch)
        return _restored, (self._dataset, self._state(record).to_dict())

    def _state(self, record: PassRecord | None) -> ResumeState:
        plan, seed = self._plan_fingerprint(), self._seed()
        if record is None:
            return ResumeState(plan, seed, 0, None, False)
        return ResumeState(plan, seed, record.epoch, record.position, record.finished)

    def _plan_fingerprint(self) -> dict[str, Any]:
        if self._fingerprint is None:
            self._fingerprint = self._dataset._plan.fingerprint()
        return self._fingerprint

    def _seed(self) -> int | None:
        """Of the execution; a drawn one comes from the state that was loaded."""
        run = self._dataset._plan.run_seed()
        if run is None:
            return None
        seed, drawn = run
        return self._loaded_seed if drawn and self._loaded_seed is not None else seed

    # The beginning of a pass

    def _options(
        self,
        batch_size: int | None,
        drop_last: bool,
        prefetch_batches: int,
        local_shuffle_buffer_size: int | None,
        local_shuffle_seed: int | None,
    ) -> PassOptions:
        if batch_size is None and local_shuffle_buffer_size is not None:
            raise ValueError("local_shuffle_buffer_size needs a batch_size; batch_size=None takes whole blocks")
        size = self._block_rows() if batch_size is None else check_count(batch_size, "batch_size", least=1)
        buffer = (
            None
            if local_shuffle_buffer_size is None
            else check_count(local_shuffle_buffer_size, "local_shuffle_buffer_size", least=1)
        )
        if local_shuffle_seed is not None and not hasattr(local_shuffle_seed, "__index__"):
            raise TypeError(f"local_shuffle_seed must be a whole number, not {type(local_shuffle_seed).__name__}")
        prefetch = check_count(prefetch_batches, "prefetch_batches")
        return PassOptions(size, check_flag(drop_last, "drop_last"), prefetch, buffer, local_shuffle_seed)

    def _block_rows(self) -> int:
        plan = self._dataset._plan
        return max(1, -(-(plan.known_row_count() or 1 << 16) // max(1, plan.num_blocks())))

    def _begin_pass(self, options: PassOptions, *, by_row: bool = False) -> OpenPass:
        self._check_process()
        epoch, position = self._next_place()
        engine = self._dataset._engine()
        start = position
        if position is not None and position.skip > 0 and not by_row:
            start = self._past_skipped_rows(engine, epoch, position)
        stream = self._open_stream(engine, epoch, start, options)
        try:
            self._warn_of_repeated_order(epoch)
            record = PassRecord(epoch, position, obstacle=self._obstacle(options))
            opened = OpenPass(
                stream, record, self._progress(stream, epoch), engine.memory_limit // _AHEAD_SHARE_OF_LIMIT
            )
        except BaseException:  # Ctrl-C too may come here
            stream.close()
            raise
        self._record, self._loaded = opened.record, False
        if self._skips_errors():
            self._skipping_passes.append(record)
        self._passes_begun += 1
        return opened

    def _next_place(self) -> tuple[int, Position | None]:
        record = self._record
        if record is None:
            return 0, None
        if self._loaded and not record.finished:
            return record.epoch, record.position
        return record.epoch + 1, None

    def _open_stream(
        self, engine: _core.Engine, epoch: int, start: Position | None, options: PassOptions
    ) -> _core.Stream:
        buffer = options.local_shuffle_buffer_size
        return self._passes_on(engine).open(
            seed=self._seed() or 0,
            epoch=epoch,
            batch_size=options.batch_size if buffer is None else _local_shuffle_input_rows(buffer, options.batch_size),
            drop_last=options.drop_last and buffer is None,
            prefetch_batches=options.prefetch_batches,
            preserve_order=self._preserve_order(),
            resume=None if start is None or start.rows == 0 else start.resume(),
            keep_rows=True,
            next_pass_expected=self._passes_begun >= 1,
            local_shuffle=None if buffer is None else _local_shuffle(buffer, options),
        )

    def _past_skipped_rows(self, engine: _core.Engine, epoch: int, position: Position) -> Position:
        """The position after the rows to leave out, for a batch must not begin in the middle of another."""
        stream = self._open_stream(engine, epoch, position, PassOptions(position.skip, prefetch_batches=0))
        try:
            stream.next()
            return Position(*stream.position())
        finally:
            stream.close()

    def _passes_on(self, engine: _core.Engine) -> _core.Passes:
        if self._passes is None or self._engine is not engine:
            self._passes, self._engine = _core.Passes(engine, self._dataset._plan), engine
        return self._passes

    def _preserve_order(self) -> bool:
        return bool(self._dataset._context.execution_options.preserve_order)

    def _obstacle(self, options: PassOptions) -> str | None:
        if options.local_shuffle_buffer_size is not None:
            return (
                "its local shuffle buffer holds rows from all over, so that no position tells which were delivered; "
                "use random_shuffle() in "
                "place of local_shuffle_buffer_size, or save between passes"
            )
        if not self._preserve_order() and not self._dataset._plan.has_shuffle():
            return (
                "with preserve_order=False rows come in no fixed order; set ExecutionOptions.preserve_order to True, "
                "or save between passes"
            )
        return None

    def _warn_of_repeated_order(self, epoch: int) -> None:
        if epoch == 0 or self._warned_of_order or self._dataset._seed_state.kind != "fixed":
            return
        if self._dataset._plan.run_seed() != (self._dataset._seed_state.seed, False):
            return  # other rows each epoch come from a shuffle below
        self._warned_of_order = True
        warnings.warn(
            f"random_shuffle(seed={self._dataset._seed_state.seed}) gives the same order in every pass; for a new "
            "order each epoch use "
            f"random_shuffle(seed=RandomSeedConfig({self._dataset._seed_state.seed}, reseed_after_execution=True))",
            UserWarning,
            stacklevel=6,
        )

    def _progress(self, stream: _core.Stream, epoch: int) -> Any:
        if not self._dataset._context.enable_progress_bars:
            return None
        from millstream.progress import progress_of

        return progress_of(stream, epoch)

    def _check_process(self) -> None:
        if self._process_id != os.getpid():
            raise RuntimeError(
                f"this iterator belongs to process {self._process_id}, which forked this one; make a fresh one here "
                "with dataset.iterator(), "
                f"and load_state_dict() into it to go on from the same place"
            )


def _restored(dataset: IteratedDataset, state: dict[str, Any]) -> DataIterator:
    iterator = DataIterator(dataset)
    iterator.load_state_dict(state)
    return iterator


def _local_shuffle(buffer_rows: int, options: PassOptions) -> _core.LocalShuffle:
    seed = options.local_shuffle_seed
    return _core.LocalShuffle(
        buffer_rows=buffer_rows,
        batch_size=options.batch_size,
        drop_last=options.drop_last,
        seed=_core.random_seed() if seed is None else seed % 2**64,
    )


def _local_shuffle_input_rows(buffer_rows: int, batch_size: int) -> int:
    """Batches that fill the buffer: not so small that each costs more than its rows, not so large that the buffer
    holds much more than it must.
    """
    return max(batch_size, min(buffer_rows // 8, _LOCAL_SHUFFLE_INPUT_ROWS_MAX), 1)
