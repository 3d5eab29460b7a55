"""Plans as bytes, and their fingerprints."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millstream import _core


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for index in range(3):
        pq.write_table(pa.table({"a": list(range(index * 10, index * 10 + 10)), "b": ["x"] * 10}), root / f"{index}.parquet")
    return root


ENGINE = _core.Engine(num_cpus=1, memory_limit=64 << 20)


def plans(data):
    a, b = _core.column("a"), _core.column("b")
    read = _core.read_parquet(ENGINE, {"paths": [str(data)]})
    yield read
    yield read.filter(_core.call("greater", [a, _core.literal(3)])).project([("twice", _core.call("multiply", [a, _core.literal(2)])), ("b", b)])
    yield read.random_shuffle("per_execution", 9).limit(4)
    yield _core.Plan.range(17, 3).random_shuffle("fixed", 2**63 + 1)
    yield _core.Plan.from_arrow(pa.table({"a": [1, None], "s": [{"t": [1.5]}, None]})).limit(1)


def rows(plan):
    stream = _core.execute(ENGINE, plan, seed=1, epoch=0, batch_size=7, drop_last=False, prefetch_batches=1, preserve_order=True)
    out = []
    while (batch := stream.next()) is not None:
        out.append([batch.pylist(column) for column in range(batch.num_columns)])
    return out


def test_a_plan_survives_its_bytes(data):
    for plan in plans(data):
        again = _core.Plan.deserialize(plan.serialize())
        assert again.serialize() == plan.serialize()
        assert again.fingerprint() == plan.fingerprint()
        assert rows(again) == rows(plan)


def test_damaged_bytes_are_an_error_not_a_crash(data):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    for plan in plans(data):
        good = plan.serialize()
        for _ in range(200):
            bad = bytearray(good)
            for _ in range(rng.randrange(1, 4)):
                bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            try:
                _core.Plan.deserialize(bytes(bad[: rng.choice([len(bad), rng.randrange(len(bad))])]))
            except (ValueError, KeyError, TypeError, OSError, RuntimeError):
                pass


def test_a_newer_version_is_refused_by_name():
    with pytest.raises(ValueError, match="version 4"):
        _core.Plan.deserialize(b"MSPL\x04\x00\x01\x00\x00\x00")


def test_the_fingerprint_tells_which_part_differs(data, tmp_path):
    read = _core.read_parquet(ENGINE, {"paths": [str(data)]})
    base = read.random_shuffle("per_execution", 9).fingerprint()
    assert base["file_count"] == 3 and base["rows"] == 30

    def differing(plan):
        return {key for key, value in plan.fingerprint().items() if value != base[key]}

    assert differing(read.random_shuffle("per_execution", 9)) == set()
    assert differing(read.random_shuffle("per_execution", 8)) == {"seed"}
    assert differing(read.limit(3).random_shuffle("per_execution", 9)) == {"stages"}
    for name in ("0.parquet", "1.parquet", "2.parquet"):
        (tmp_path / name).write_bytes((data / name).read_bytes())
    assert differing(_core.read_parquet(ENGINE, {"paths": [str(tmp_path)]}).random_shuffle("per_execution", 9)) == set()
    (tmp_path / "2.parquet").unlink()
    fewer = _core.read_parquet(ENGINE, {"paths": [str(tmp_path)]}).random_shuffle("per_execution", 9)
    assert differing(fewer) == {"files", "file_count", "rows"}
