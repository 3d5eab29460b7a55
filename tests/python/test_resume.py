"""States: taken after any batch, loaded anywhere, they give exactly the batches that were to come."""

import json
import random
import subprocess
import sys

import pytest
from number_files import make_files

import millstream as ms

ROWS = 1000


def numbers(batches):
    return [int(number) for batch in batches for number in batch["number"]]


def sizes(batches):
    return [len(batch["number"]) for batch in batches]


def read(files):
    return ms.read_parquet(str(files))


def reseeded(files):
    return read(files).random_shuffle(seed=ms.RandomSeedConfig(5, reseed_after_execution=True))


PLANS = {
    "plain": read,
    "filtered": lambda files: read(files).filter(expr=ms.col("half") > 100),
    "limited": lambda files: read(files).limit(345),
    "filtered and limited": lambda files: read(files).filter(expr=ms.col("half") > 100).limit(345),
    "shuffled": reseeded,
    "shuffled, seed drawn": lambda files: read(files).random_shuffle(),
    "shuffled, filtered": lambda files: reseeded(files).filter(expr=ms.col("half") > 100),
    "shuffled and limited": lambda files: reseeded(files).limit(345),
    "projected": lambda files: reseeded(files).select_columns(["number"]),
}


@pytest.mark.parametrize("plan", PLANS)
def test_a_state_taken_at_any_step_gives_exactly_the_batches_to_come(files, plan):
    iterator = PLANS[plan](files).iterator()
    states, batches = [iterator.state_dict()], []
    for batch in iterator.iter_batches(batch_size=37, prefetch_batches=8):
        batches.append(batch["number"].tolist())
        states.append(json.loads(json.dumps(iterator.state_dict())))
    next_epoch = numbers(iterator.iter_batches())
    for step, state in enumerate(states):
        resumed = PLANS[plan](files).iterator()
        resumed.load_state_dict(state)
        rest = [batch["number"].tolist() for batch in resumed.iter_batches(batch_size=37)]
        assert rest == batches[step:], f"step {step}"
        assert numbers(resumed.iter_batches()) == next_epoch


@pytest.mark.parametrize("plan", PLANS)
def test_another_batch_size_continues_at_the_same_row(files, plan):
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = random.Random(seed)
    whole = PLANS[plan](files).iterator()
    state = whole.state_dict()
    expected = numbers(whole.iter_batches())
    seen = []
    while len(seen) < len(expected):
        iterator = PLANS[plan](files).iterator()
        iterator.load_state_dict(state)
        batches = iter(iterator.iter_batches(batch_size=draw.randrange(1, 200), prefetch_batches=draw.randrange(9)))
        for _ in range(draw.randrange(1, 4)):
            seen.extend(number for batch in (next(batches, None),) if batch for number in batch["number"].tolist())
        state = iterator.state_dict()
    assert seen == expected


def test_a_state_is_small_json(files):
    iterator = reseeded(files).iterator()
    for _ in iterator.iter_batches(batch_size=100):
        text = json.dumps(iterator.state_dict())
        assert len(text) < 1024
        assert json.loads(text) == iterator.state_dict()


def test_prefetched_batches_do_not_count(files):
    iterator = reseeded(files).iterator()
    batches = iter(iterator.iter_batches(batch_size=10, prefetch_batches=8))
    next(batches)
    assert iterator.state_dict()["position"]["rows"] == 10


def test_saved_after_the_last_batch_the_epoch_ends_at_once(files):
    iterator = reseeded(files).iterator()
    for _ in iterator.iter_batches(batch_size=100):
        state = iterator.state_dict()
    second = numbers(iterator.iter_batches())
    resumed = reseeded(files).iterator()
    resumed.load_state_dict(state)
    assert list(resumed.iter_batches(batch_size=100)) == []
    assert resumed.state_dict()["finished"]
    assert numbers(resumed.iter_batches()) == second


def test_saved_between_passes_the_next_pass_is_the_next_epoch(files):
    iterator = reseeded(files).iterator()
    list(iterator.iter_batches())
    state = iterator.state_dict()
    second = numbers(iterator.iter_batches())
    resumed = reseeded(files).iterator()
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert numbers(resumed.iter_batches()) == second


def test_saved_after_a_break_it_continues_where_the_loop_was_left(files):
    iterator = reseeded(files).iterator()
    whole = numbers(reseeded(files).iterator().iter_batches())
    for _ in iterator.iter_batches(batch_size=100):
        break
    resumed = reseeded(files).iterator()
    resumed.load_state_dict(iterator.state_dict())
    assert numbers(resumed.iter_batches(batch_size=100)) == whole[100:]
    # The iterator itself goes on to the next epoch.
    assert numbers(iterator.iter_batches()) == numbers(resumed.iter_batches())


def test_a_short_last_batch_that_was_left_out_stays_out(files):
    iterator = reseeded(files).iterator()
    for _ in iterator.iter_batches(batch_size=300, drop_last=True):
        state = iterator.state_dict()
    resumed = reseeded(files).iterator()
    resumed.load_state_dict(state)
    assert list(resumed.iter_batches(batch_size=300, drop_last=True)) == []
    resumed.load_state_dict(state)
    assert sizes(resumed.iter_batches(batch_size=300)) == [100]


def test_a_state_taken_between_rows_continues_with_the_next_row(files):
    expected = [row["number"] for row in reseeded(files).iterator().iter_rows()]
    for taken in (1, 255, 256, 257, 700, 999, 1000):
        iterator = reseeded(files).iterator()
        rows = iter(iterator.iter_rows())
        for _ in range(taken):
            next(rows)
        state = json.loads(json.dumps(iterator.state_dict()))
        resumed = reseeded(files).iterator()
        resumed.load_state_dict(state)
        assert [row["number"] for row in resumed.iter_rows()] == expected[taken:]
        resumed.load_state_dict(state)
        batches = list(resumed.iter_batches(batch_size=100))
        assert numbers(batches) == expected[taken:]
        assert all(size == 100 for size in sizes(batches)[:-1])


def test_a_state_taken_after_resuming_between_rows_stands_where_it_stood(files):
    iterator = reseeded(files).iterator()
    rows = iter(iterator.iter_rows())
    for _ in range(300):
        next(rows)
    resumed = reseeded(files).iterator()
    resumed.load_state_dict(iterator.state_dict())
    again = iter(resumed.iter_rows())
    next(again)
    next(rows)
    assert resumed.state_dict() == iterator.state_dict()


CONTINUE = """
import json, sys
import millstream as ms

ms.init(num_cpus=int(sys.argv[3]), memory_limit=int(sys.argv[4]))
dataset = ms.read_parquet(sys.argv[1]).random_shuffle().limit(900)
iterator = dataset.iterator()
iterator.load_state_dict(json.loads(sys.argv[2]))
for epoch in range(2):
    print(json.dumps([batch["number"].tolist() for batch in iterator.iter_batches(batch_size=64)]))
"""


@pytest.mark.parametrize("engine", [(1, 64 << 20), (3, 512 << 20)])
def test_a_new_process_with_other_threads_and_memory_continues(files, tmp_path, engine):
    iterator = read(files).random_shuffle().limit(900).iterator()
    list(iterator.iter_batches())
    batches = iter(iterator.iter_batches(batch_size=64, prefetch_batches=8))
    for _ in range(5):
        next(batches)
    state = iterator.state_dict()
    expected = [
        [b["number"].tolist() for b in batches],
        [b["number"].tolist() for b in iterator.iter_batches(batch_size=64)],
    ]
    arguments = [sys.executable, "-c", CONTINUE, str(files), json.dumps(state), *map(str, engine)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected


def test_a_moved_data_set_is_the_same_one(files, tmp_path):
    iterator = reseeded(files).iterator()
    batches = iter(iterator.iter_batches(batch_size=100))
    next(batches)
    moved = tmp_path / "moved"
    moved.mkdir()
    make_files(moved)
    resumed = reseeded(moved).iterator()
    resumed.load_state_dict(iterator.state_dict())
    assert numbers(resumed.iter_batches()) == numbers(batches)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda files, other: reseeded(other),
            r"files differ \(4 when saved, 3 now.*rows differ \(1000 when saved, 750 now\)",
        ),
        (lambda files, other: reseeded(files).filter(expr=ms.col("number") > 3), "stages differ"),
        (lambda files, other: reseeded(files).limit(3), "stages differ"),
        (lambda files, other: read(files), "stages differ.*seed differs"),
        (
            lambda files, other: read(files).random_shuffle(seed=5),
            "seed differs \\('each epoch 5' when saved, 'fixed 5' now\\)",
        ),
        (lambda files, other: read(files).random_shuffle(), "seed differs"),
    ],
)
def test_another_plan_or_data_set_is_refused_by_part(files, tmp_path, make, message):
    iterator = reseeded(files).iterator()
    next(iter(iterator.iter_batches()))
    make_files(tmp_path)
    (tmp_path / "part-3.parquet").unlink()
    with pytest.raises(ValueError, match=message):
        make(files, tmp_path).iterator().load_state_dict(iterator.state_dict())


def test_files_of_other_columns_are_refused_as_another_schema(files, tmp_path):
    import pyarrow.parquet as pq

    for path in files.iterdir():
        table = pq.read_table(path).rename_columns(["number", "half", "called"])
        pq.write_table(table, tmp_path / path.name, row_group_size=90)
    with pytest.raises(ValueError, match="schema differs"):
        reseeded(tmp_path).iterator().load_state_dict(reseeded(files).iterator().state_dict())


def test_a_refused_state_leaves_the_iterator_as_it_was(files):
    iterator = reseeded(files).iterator()
    list(iterator.iter_batches())
    before = iterator.state_dict()
    with pytest.raises(ValueError, match="stages differ"):
        iterator.load_state_dict(read(files).iterator().state_dict())
    assert iterator.state_dict() == before


GOOD_POSITION = {"key": 1, "ties": 1, "rows": 10, "skip": 0}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((), None, "state must be a dict"),
        ((), [], "state must be a dict"),
        ((), {}, "must have version 1, got None"),
        (("version",), 2, "must have version 1, got 2"),
        (("version",), True, "must have version 1, got True"),
        (("epoch",), -1, r"state\['epoch'\] must be a whole number"),
        (("epoch",), "0", r"state\['epoch'\] must be a whole number"),
        (("epoch",), 2**63, r"state\['epoch'\] must be a whole number"),
        (("seed",), 1.5, r"state\['seed'\] must be a whole number"),
        (("seed",), None, r"state\['seed'\] is None, which does not go with"),
        (("finished",), 1, r"state\['finished'\] must be true or false"),
        (("plan",), "x", r"state\['plan'\] must be a dict"),
        (("plan",), {}, "missing keys"),
        (("plan", "rows"), "many", r"state\['plan'\]\['rows'\] must be of type int"),
        (("plan", "extra"), 1, r"unknown keys \['extra'\]"),
        (("plan", "order_version"), 2, "order version differs"),
        (("position",), 5, r"state\['position'\] must be a dict"),
        (("position",), {"key": 1}, "missing keys"),
        (("position",), {**GOOD_POSITION, "key": 2**64}, r"state\['position'\]\['key'\]"),
        (("position",), {**GOOD_POSITION, "ties": -1}, r"state\['position'\]\['ties'\]"),
        (("position",), {**GOOD_POSITION, "rows": None}, r"state\['position'\]\['rows'\]"),
        (("position",), {**GOOD_POSITION, "skip": False}, r"state\['position'\]\['skip'\]"),
    ],
)
def test_a_malformed_state_is_a_value_error_that_names_the_fault(files, path, value, message):
    iterator = reseeded(files).iterator()
    state = iterator.state_dict()
    if not path:
        state = value
    else:
        place = state
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    with pytest.raises(ValueError, match=message):
        iterator.load_state_dict(state)


def test_each_missing_key_is_a_value_error(files):
    iterator = reseeded(files).iterator()
    for key in iterator.state_dict():
        state = iterator.state_dict()
        del state[key]
        with pytest.raises(ValueError, match=r"version|missing keys"):
            iterator.load_state_dict(state)


def test_damaged_states_never_crash(files):
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = random.Random(seed)
    iterator = reseeded(files).iterator()
    next(iter(iterator.iter_batches(batch_size=100)))
    text = json.dumps(iterator.state_dict())
    for _ in range(300):
        damaged = list(text)
        damaged[draw.randrange(len(damaged))] = draw.choice('0123456789"{}[],:truefalsn-.')
        try:
            state = json.loads("".join(damaged))
        except ValueError:
            continue
        fresh = reseeded(files).iterator()
        try:
            fresh.load_state_dict(state)
        except ValueError:
            continue
        assert len(numbers(fresh.iter_batches())) <= ROWS


def test_rows_in_no_fixed_order_have_no_position(files):
    dataset = read(files)
    dataset.context.execution_options.preserve_order = False
    iterator = dataset.iterator()
    for _ in iterator.iter_batches(batch_size=100):
        with pytest.raises(RuntimeError, match="preserve_order"):
            iterator.state_dict()
        break
