"""explain() tells the bytes that a run writes to disk and reads back: within a tenth for columns of fixed width."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import millstream as ms
from millstream.aggregate import Count, Max

ROWS = 300_000
COLUMNS = 12
BATCH_ROWS = 512
TOLERANCE = 1.1

pytestmark = pytest.mark.tame


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """Two directories of files whose rows have the same keys, each once, in other orders: 29 MB each, in memory."""
    root = tmp_path_factory.mktemp("sides")
    draw = np.random.default_rng(5)
    for side in ("left", "right"):
        columns = {"key": draw.permutation(ROWS), "few": draw.integers(0, 50, ROWS)}
        columns |= {f"{side}_{index}": draw.integers(-(2**62), 2**62, ROWS) for index in range(COLUMNS - 2)}
        table = pa.table(columns)
        (root / side).mkdir()
        for part in range(3):
            rows = table.slice(part * ROWS // 3, ROWS // 3)
            pq.write_table(rows, root / side / f"{part}.parquet", row_group_size=10_000, compression="none")
    return root


@pytest.fixture
def left(sides):
    return ms.read_parquet(sides / "left")


@pytest.fixture
def right(sides):
    return ms.read_parquet(sides / "right").drop_columns(["few"])


def explained(dataset):
    return dataset._plan.explain(dataset._engine(), BATCH_ROWS)


def stages_of(dataset):
    """Of a whole run."""
    iterator = dataset.iterator()
    for _ in iterator.iter_batches(batch_size=BATCH_ROWS, batch_format="pyarrow"):
        pass
    return iterator._record.stages()


def told(text):
    """Bytes to be written, and to be read back, of the stage that says so."""
    (line,) = [line for line in text.splitlines() if line.lstrip().startswith("disk: ") and "about" in line]
    numbers = [int(number) for number in re.findall(r"\((\d+) bytes\)", line)]
    return numbers[0], numbers[-1]


def done(dataset):
    """Bytes written, and read back, of all stages together."""
    stages = stages_of(dataset)
    return sum(stage["spilled_bytes"] for stage in stages), sum(stage["read_back_bytes"] for stage in stages)


def assert_within_tolerance(dataset):
    expected = told(explained(dataset))
    for estimate, bytes_done in zip(expected, done(dataset), strict=True):
        assert bytes_done / TOLERANCE <= estimate <= bytes_done * TOLERANCE, (estimate, bytes_done)


def stream(rows):
    """The same rows from a stage, which nothing is known of before."""
    return rows.random_sample(1.0)


def same_columns(rows):
    return rows.rename_columns({name: f"same_{name}" for name in rows.columns() if name != "key"})


def groups(rows, key):
    return rows.groupby(key).aggregate(Count(), Max("left_0"))


def distinct(rows, *columns):
    """What unique() runs."""
    return rows._with(rows._plan.aggregate(list(columns), []))


MEGABYTES = {
    "sort": (8, lambda left, right: left.sort("key")),
    "sort of a stage": (38, lambda left, right: stream(left).sort("key")),
    "repartition": (70, lambda left, right: left.repartition(8, keys=["key"])),
    "inner join": (48, lambda left, right: left.join(right, "inner", on="key")),
    "join in order": (48, lambda left, right: left.join(same_columns(left), "right_outer", on="key")),
    "semi join": (48, lambda left, right: left.join(right, "left_semi", on="key")),
    "groups": (22, lambda left, right: groups(left, "key")),
    "unique": (22, lambda left, right: distinct(left, "key", "left_0", "left_1")),
}


def test_few_groups_are_not_written(use_engine, left):
    use_engine(num_cpus=1, memory_limit=22_000_000)
    few = groups(left, "few")
    assert "disk: nothing where the groups of each lane fit " in explained(few)
    assert done(few) == (0, 0)


@pytest.mark.parametrize("operation", ["join", "repartition", "sort of a stage"])
def test_nothing_is_told_of_what_fits(use_engine, left, right, operation):
    use_engine(num_cpus=1, memory_limit=1 << 30)
    plan = MEGABYTES["inner join" if operation == "join" else operation][1](left, right)
    assert "disk: nothing, by estimate\n" in explained(plan)
    assert done(plan) == (0, 0)


def test_columns_that_only_a_function_knows_are_not_told_of(left, right):
    mapped = left.map(lambda row: row)
    for plan in (mapped.sort("key"), mapped.repartition(8, keys=["key"]), mapped.groupby("key").count()):
        assert "disk: not known before the columns are\n" in explained(plan)


def test_a_join_of_rows_in_one_order_writes_its_result_once(use_engine, left):
    """Their first rows tell little of the others, by which the result is sorted."""
    use_engine(num_cpus=1, memory_limit=56_000_000)
    stages = stages_of(MEGABYTES["join in order"][1](left, None))
    spilled = {stage["name"]: stage["spilled_bytes"] for stage in stages if stage["name"].startswith("Join, ")}
    # One after the other, as they are told.
    assert list(spilled) == [
        "Join, right rows",
        "Join, right keys hashed",
        "Join, right keys sorted",
        "Join, right keys sorted, second pass",
        "Join, left rows",
        "Join, left keys hashed",
        "Join, left keys sorted",
        "Join, left keys sorted, second pass",
        "Join, pairs sorted",
        "Join, pairs sorted, second pass",
        "Join, rows sorted",
    ]
    assert spilled["Join, rows sorted"] > ROWS * (COLUMNS - 1) * 8


def test_stages_are_named_after_the_operation_that_takes_them(use_engine, left):
    use_engine(num_cpus=1, always_spill=True, always_two_passes=True)
    few = left.limit(200)
    for plan, name in ((groups(few, "key"), "GroupBy"), (few.repartition(8, keys=["key"]), "Repartition")):
        spilling = {stage["name"] for stage in stages_of(plan) if stage["spilled_bytes"] > 0}
        assert spilling
        assert all(stage.partition(", ")[0] == name for stage in spilling)


@pytest.mark.parametrize("case", MEGABYTES)
def test_the_bytes_on_disk_are_those_that_explain_told(use_engine, left, right, case):
    megabytes, plan = MEGABYTES[case]
    # A repartition needs more memory than would leave anything of so few rows to spill.
    use_engine(num_cpus=1, memory_limit=megabytes * 1_000_000, always_two_passes=case == "repartition")
    assert_within_tolerance(plan(left, right))
