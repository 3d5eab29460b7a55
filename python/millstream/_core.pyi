"""Millstream's engine, as the bindings in src/bindings register it."""

from collections.abc import Callable, Sequence
from typing import Any

class Engine:
    """Lanes, memory and spill area that executions share. Belongs to the process that made it."""

    def __init__(
        self,
        num_cpus: int = 0,  # 0: the least of affinity and cgroup quota
        memory_limit: int = 0,  # bytes; 0: half of what the cgroup or machine allows
        spill_directory: str = "",  # empty: $TMPDIR or /tmp
        # For tests, the rare paths:
        always_spill: bool = False,
        always_two_passes: bool = False,
        always_keep_on_disk: bool = False,
        shuffle_lanes: int = 0,  # a seed for the order of steps; 0: in turn
    ) -> None: ...
    @property
    def num_cpus(self) -> int: ...
    @property
    def memory_limit(self) -> int: ...
    @property
    def spill_directory(self) -> str: ...
    def memory_used(self) -> int: ...
    def memory_peak(self) -> int: ...
    def close(self) -> None: ...

class Schema:
    @property
    def names(self) -> list[str]: ...
    @property
    def type_names(self) -> list[str]: ...
    def __arrow_c_schema__(self) -> object: ...

class Expression:
    def columns(self) -> list[str]: ...
    def output_name(self) -> str | None:
        """The column's name where the expression is just a column."""

def column(name: str) -> Expression: ...
def literal(value: Any) -> Expression:
    """None, bool, int, float, str, bytes, or an Arrow array of one value."""

def call(op: str, args: Sequence[Expression], options: dict[str, Any] = {}) -> Expression:
    """Operators and their options: src/plan/functions.cc lists them. ValueError for an unknown one."""

def arrow_function(op: str) -> str:
    """Arrow's name of the function that an operator is. ValueError for an unknown operator, or a composition of several."""

def parse_substrait(message: bytes, schema: Any) -> Expression:
    """The one expression of a Substrait ExtendedExpression on columns of an Arrow schema."""

def parse_filter(text: str) -> Expression:
    """An expression in the syntax of `Dataset.filter(expr="...")`: Python comparisons, arithmetic, and/or/not, `in`, `is None`."""

def arrow_stream(engine: Engine, plan: Plan, schema: Schema, *, seed: int, batch_size: int) -> object:
    """A pass of epoch 0 as a capsule of Arrow's C stream; `schema` is that of its batches."""

# `files`: paths, extensions (of a directory's files, such as ".csv"; none: all), ignore_missing_paths, blocks,
# include_paths, and where there is one a partitioning: hive, base_dir, field_names, field_types (Arrow types).
def read_csv(engine: Engine, files: dict[str, Any], options: dict[str, Any]) -> Plan:
    """`options`: as pyarrow.csv's attributes are called."""

def read_json(engine: Engine, files: dict[str, Any], schema: Any | None) -> Plan:
    """`schema`: types of some columns, an object with __arrow_c_schema__."""

def default_limits() -> dict[str, int]: ...
def check_schema(schema: Any, limits: dict[str, int], where: str) -> None: ...
def list_files(engine: Engine, files: dict[str, Any]) -> list[str]: ...

class Input:
    @property
    def size(self) -> int: ...
    def read_at(self, size: int, offset: int) -> bytes: ...

def open_input(engine: Engine, path: str) -> Input: ...
def add_native_store(engine: Engine, prefix: str, kind: str, options: dict[str, str]) -> None: ...
def add_python_store(engine: Engine, prefix: str, inside: str, adapter: Any) -> None: ...
def read_parquet(engine: Engine, files: dict[str, Any], columns: Sequence[str] | None = None) -> Plan: ...
def read_text(engine: Engine, files: dict[str, Any], drop_empty_lines: bool) -> Plan: ...
def read_ipc(engine: Engine, files: dict[str, Any]) -> Plan: ...
def read_orc(engine: Engine, files: dict[str, Any]) -> Plan: ...
def read_numpy(engine: Engine, files: dict[str, Any]) -> Plan: ...
def read_images(engine: Engine, files: dict[str, Any], height: int, width: int, mode: str) -> Plan: ...
def read_tfrecords(engine: Engine, files: dict[str, Any], features: dict[str, tuple[str, bool]]) -> Plan: ...
def read_binary(engine: Engine, files: dict[str, Any]) -> Plan: ...

class Plan:
    @staticmethod
    def from_arrow(table: Any, *, blocks: int = 0) -> Plan:
        """An object with __arrow_c_stream__ or __arrow_c_array__."""
    @staticmethod
    def from_batches(schema: Schema, batches: Sequence[Batch]) -> Plan:
        """Batches of that schema, as a stream gave them; their memory is shared."""
    @staticmethod
    def range(rows: int, blocks: int) -> Plan: ...
    def filter(self, expression: Expression) -> Plan: ...
    def project(self, columns: Sequence[tuple[str, Expression]]) -> Plan: ...
    def change_columns(
        self,
        kind: str,  # select, drop, rename, rename_all, set
        *,
        names: Sequence[str] = (),
        new_names: Sequence[str] = (),
        columns: Sequence[tuple[str, Expression]] = (),
    ) -> Plan: ...
    def map_batches(self, function: Any, batch_size: int) -> Plan:
        """function: has name, workers and serve(Calls), as UserFunction, and maybe rows_expected. batch_size 0: whole blocks."""
    def union(self, others: Sequence[Plan]) -> Plan: ...
    def zip(self, others: Sequence[Plan]) -> Plan: ...
    def random_sample(self, fraction: float, seed: int, column: str = "", rest: bool = False) -> Plan:
        """column: by its hash, "" by the row's place. rest: the other rows instead."""
    def row_values(self, values: Sequence[tuple[str, str, int, bool]]) -> Plan:
        """Columns behind the others: kind ("id", "random", "uuid"), name, seed, whether each epoch has others."""
    def randomize_block_order(self, seed: int) -> Plan: ...
    def sort(self, keys: Sequence[tuple[str, bool, bool]]) -> Plan:
        """keys: column, descending, nulls first."""
    def join(
        self,
        other: Plan,
        type: str,
        left_keys: Sequence[str],
        right_keys: Sequence[str],
        left_suffix: str,
        right_suffix: str,
    ) -> Plan: ...
    def mix(self, others: Sequence[Plan], weights: Sequence[float], stop_on_shortest: bool) -> Plan: ...
    def repartition(self, blocks: int, block_rows: int, keys: Sequence[str], sort: bool) -> Plan:
        """One of blocks and block_rows is 0."""
    def aggregate(self, keys: Sequence[str], aggregates: Sequence[dict[str, Any]]) -> Plan:
        """aggregates: kind, column ("" for none), name, and options by name, as AggregateSpec has them."""
    def map_groups(self, keys: Sequence[str], function: Any) -> Plan:
        """Calls get whole groups, sorted by the keys; function as in map_batches."""
    def split_at_indices(self, indices: Sequence[int]) -> list[Plan]: ...
    def split_proportionately(self, proportions: Sequence[float], rows: int) -> list[Plan]:
        """rows: of the plan, here and below."""
    def split_evenly(self, count: int, equal: bool, rows: int) -> list[Plan]:
        """equal: leaves out the rows that do not divide."""
    def split_sampled(self, share: float, seed: int, column: str) -> list[Plan]:
        """Two parts, `share` of the rows in the second, by the hash of the column or by their places for ""."""
    def split_last_share(self, share: float, rows: int) -> list[Plan]: ...
    def split_last_rows(self, last: int, rows: int) -> list[Plan]: ...
    def functions(self) -> list[Any]:
        """What map_batches was given, in the order that deserialize takes."""
    def limit(self, rows: int, offset: int = 0) -> Plan: ...
    def random_shuffle(self, kind: str, seed: int) -> Plan:
        """kind: fixed, per_execution, unset."""
    def serialize(self) -> bytes: ...
    @staticmethod
    def deserialize(data: bytes, functions: Sequence[Any] = (), engine: Engine | None = None) -> Plan: ...
    def fingerprint(self) -> dict[str, Any]:
        """files, file_count, rows, schema, stages, seed, order_version."""
    def schema(self) -> Schema | None:
        """None where a function decides it."""
    def explain(self, engine: Engine, batch_size: int = 1024) -> str: ...
    def known_row_count(self) -> int | None: ...
    def size_bytes(self) -> int | None: ...
    def num_blocks(self) -> int: ...
    def input_files(self) -> list[str]: ...
    def forgives_bad_data(self) -> bool:
        """Whether some source passes over files or rows that cannot be read."""
    def left_out_files(self) -> list[tuple[str, str, str]]:
        """Reader, path and error of the files that were passed over when the plan was made, and are to be told of."""
    def has_shuffle(self) -> bool: ...
    def shuffle_seed_kind(self) -> str | None: ...
    def shuffle_seed(self) -> int | None: ...
    def run_seed(self) -> tuple[int, bool] | None:
        """The seed of an execution that goes on from no state, and whether it was drawn; None where it needs none."""

class Call:
    """One call of a stage's function."""

    @property
    def number(self) -> int: ...
    @property
    def batch(self) -> Batch: ...
    @property
    def group_starts(self) -> list[int]:
        """Of the batch's groups; [0] where it is not cut into such."""
    @property
    def random_key(self) -> int: ...
    def origin(self, row: int) -> str:
        """Which rows it is about, for messages; of one row of the batch where `row` is not negative."""
    def move_to(self, region: SharedRegion) -> int:
        """Writes the batch there and lets go of it; the bytes that it takes."""

class Calls:
    """The calls of one stage, for the threads that serve it."""

    def take(self) -> Call | None:
        """The next one; None once there will be none."""
    def give(self, number: int, batches: Sequence[Any], skipped: Any = None) -> None:
        """The result: Batches, or objects with __arrow_c_array__ or __arrow_c_stream__. ValueError for invalid ones.

        skipped: a SkippedOfCall of skipped_errors.py, in rows of the call's batch. Counted when the result is taken.
        """
    def give_part(self, number: int, batches: Sequence[Any]) -> bool:
        """Part of a result that goes on, `give` coming behind the last one. Waits for room; False where nothing is wanted any more."""
    def fail(self, number: int, exception: BaseException, skipped: Any = None) -> None:
        """Raised by the consumer when it comes to this call."""
    @property
    def closed(self) -> bool:
        """Whether nobody waits for results any more."""
    @property
    def spare_bytes(self) -> int:
        """That may be kept between calls, of all who serve the stage."""
    def set_place(self, place: str) -> None:
        """What statistics say of where the function runs."""
    def add_cpu_time(self, seconds: float) -> None: ...

class Chain:
    """Several functions of one stage, for the threads that serve it."""

    @property
    def servers_most(self) -> int:
        """Threads that could all have work at one time."""
    def set_place(self, place: str) -> None:
        """What statistics say of where the users' functions run."""

class ChainServer:
    """One of these threads."""

    def __init__(self, chain: Chain, is_first: bool) -> None: ...
    def next(self) -> tuple[Callable[[Call], tuple[Any, Any, Any]], Call] | None:
        """What to call with what; None once there will be no more, or calls are too short for more than the first thread."""
    def answer(self, batches: Sequence[Any], error: BaseException | None, skipped: Any) -> None:
        """What the function gave for the call that `next` told of, as FunctionHere.run does."""
    def take_need(self) -> bool:
        """Whether calls are so long that another thread would help; once for each time that it is so."""

def imported(batches: Sequence[Any]) -> list[Batch]:
    """Batches, or objects with __arrow_c_array__ or __arrow_c_stream__, as Batches. ValueError for invalid ones."""

def plain_batch(columns: dict[Any, Any]) -> Batch | None:
    """A copy of columns that all are numpy arrays of plain numbers, of one axis and one length; None for any others.

    None too for those without rows, and for large read-only ones, which are worth sharing.
    """

class SharedRegion:
    """Memory without a name that two processes see, for batches on their way between them."""

    def __init__(self) -> None: ...
    @staticmethod
    def adopt(descriptor: int) -> SharedRegion:
        """Of a descriptor that another process sent; the region closes it."""
    @property
    def descriptor(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def in_use(self) -> bool:
        """Whether a batch that was read last, or a part of it, is alive in this process."""
    def write(self, batches: Sequence[Any]) -> int:
        """Over what was there, objects with __arrow_c_array__; the bytes that they take. ValueError for invalid ones."""
    def read(self, bytes: int, validate: bool) -> list[Batch]:
        """What was written in so many bytes, without a copy."""

def end_with_parent(parent: int) -> None:
    """Has this process killed when the thread that began it ends, whose process has the id `parent`."""

class Batch:
    """Rows of an output batch. Outlives its stream and its engine."""

    @property
    def num_rows(self) -> int: ...
    @property
    def num_columns(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def names(self) -> list[str]: ...
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...
    def __arrow_c_schema__(self) -> object: ...
    def column_kind(self, index: int) -> str:
        """The Arrow type's name, as "int64", "timestamp[us]", "list<item: string>"."""
    def null_count(self, index: int) -> int: ...
    def numpy(self, index: int) -> Any:
        """View of a plain number column without nulls; read-only where the memory may be someone else's. TypeError for another."""
    def plain_columns(self) -> list[Any]:
        """`numpy` of each column, None where that would be a TypeError."""
    def dlpack_columns(self) -> list[Any]:
        """Each column as a DLPack capsule, without a copy; None where `numpy` would be a TypeError or read-only, and for no rows."""
    @property
    def schema(self) -> Schema: ...
    def has_schema(self, schema: Schema) -> bool: ...
    def pylist(self, index: int) -> list[Any]: ...
    def select(self, indices: Sequence[int]) -> Batch:
        """These columns, in this order."""
    def slice(self, begin: int, count: int) -> Batch: ...

class Stream:
    def next(self, waiting: Callable[[], object] | None = None) -> Batch | None:
        """The next batch, None at the end. KeyboardInterrupt on Ctrl-C, after which the stream is closed.

        `waiting` is called about every 50 ms while there is no batch, on this thread; what it raises ends the stream.
        """
    def position(self) -> tuple[int, int, int]:
        """key, ties, rows: after the batch delivered last."""
    def stop(self) -> None:
        """Ends a `next` that waits on another thread, by RuntimeError, and each later one that would wait."""
    def close(self) -> None: ...
    def schema(self) -> Schema | None:
        """None before the first batch where a function decides it."""
    def stages(self) -> list[dict[str, Any]]:
        """name, rows_expected (0: unknown), rows, bytes, cpu_seconds, wait_in_seconds, wait_out_seconds, spilled_bytes, read_back_bytes,
        peak_memory_bytes, place (where the stage's function runs, "" where there is none), rows_skipped; in order of flow. Any thread."""
    def dead_letters(self) -> list[tuple[str, str, int, int, int, str, str]]:
        """stage, source, first_row, last_row, error, traceback: of what was skipped so far, stage by stage, in order."""

def execute(
    engine: Engine,
    plan: Plan,
    *,
    seed: int,  # of shuffles without one of their own: run_seed, or that of a state
    epoch: int,
    batch_size: int,
    drop_last: bool,
    prefetch_batches: int,
    preserve_order: bool,
    resume: dict[str, int] | None = None,  # a Stream's position()
) -> Stream: ...

class LocalShuffle:
    """Batches drawn at random from a buffer of at least so many rows. They have no position."""

    def __init__(self, *, buffer_rows: int, batch_size: int, drop_last: bool, seed: int) -> None: ...

class Passes:
    """The passes of one iterator over a plan: what an epoch leaves in memory or on disk serves the next one."""

    def __init__(self, engine: Engine, plan: Plan) -> None: ...
    def open(
        self,
        *,
        seed: int,
        epoch: int,
        batch_size: int,
        drop_last: bool,
        prefetch_batches: int,
        preserve_order: bool,
        resume: dict[str, int] | None = None,
        keep_rows: bool = False,  # decoded in memory, for a next pass
        next_pass_expected: bool = False,  # then it is prepared while this one is consumed
        local_shuffle: LocalShuffle | None = None,  # of the batches, which then have another size
    ) -> Stream: ...
    def close(self) -> None: ...

class WriteFormat:
    """What kind of files rows are written as."""

def parquet_files(compression: str, row_group_rows: int) -> WriteFormat: ...  # 0: about 32 MiB of rows, by the schema
def csv_files(
    *, include_header: bool, delimiter: str, quoting: str, quoting_header: str, compression: str
) -> WriteFormat: ...
def json_files(*, lines: bool, compression: str) -> WriteFormat: ...
def ipc_files(compression: str) -> WriteFormat: ...
def orc_files(compression: str) -> WriteFormat: ...
def numpy_files(column: str) -> WriteFormat: ...
def tfrecord_files(compression: str) -> WriteFormat: ...
def tar_files(compression: str) -> WriteFormat: ...
def image_files(column: str, form: str) -> WriteFormat: ...  # "png", "jpg" or "jpeg"
def write_files(
    engine: Engine,
    plan: Plan,
    path: str,  # a directory, made where missing
    format: WriteFormat,
    *,
    seed: int = 0,
    epoch: int = 0,
    file_rows_min: int = 0,  # 0: a file has as many rows as a block on average
    file_rows_max: int = 0,
    file_bytes_min: int = 0,
    partition_columns: list[str] = ...,  # their values become folders
    mode: str = "append",  # append, overwrite, ignore, error
    file_name: Callable[[str, int], str] | None = None,  # of this write's identity and a file's number
    progress: Any = None,  # called with what stages() gives, the writing last, at most four times a second; what it raises ends the job
    dead_letters: list[tuple[str, str, int, int, int, str, str]]
    | None = None,  # gets what Stream.dead_letters() gives, at the end
) -> list[dict[str, Any]]:
    """Writes to temporary names and publishes all files at once at the end. Returns path, rows, bytes of each."""

def ensure_s3_initialized() -> None:
    """Loads and starts the S3 client of our Arrow unless it runs; it ends at exit. OSError where its library is missing, RuntimeError once it was ended."""

def is_s3_initialized() -> bool: ...
def finalize_s3() -> None:
    """Ends the S3 client if it runs, for good."""

def arrow_version() -> str: ...
def random_seed() -> int:
    """64 bits of entropy from the system."""
