"""Writing Parquet through the engine's module: what is written comes back, and nothing half written is ever seen."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from millstream import _core

ROWS = 20_000


@pytest.fixture(scope="module")
def table():
    return pa.table(
        {
            "key": pa.array(range(ROWS), pa.int64()),
            "half": pa.array([None if key % 7 == 0 else key / 2 for key in range(ROWS)], pa.float64()),
            "name": pa.array([None if key % 11 == 0 else f"row {key}" for key in range(ROWS)]),
            "word": pa.array([["red", "green", None][key % 3] for key in range(ROWS)]).dictionary_encode(),
            "tags": pa.array([[key] * (key % 4) for key in range(ROWS)], pa.list_(pa.int32())),
            "when": pa.array(range(ROWS), pa.timestamp("us", "Europe/Berlin")),
        }
    )


@pytest.fixture(scope="module")
def source(table, tmp_path_factory):
    root = tmp_path_factory.mktemp("source")
    for index in range(4):
        pq.write_table(table.slice(index * ROWS // 4, ROWS // 4), root / f"{index}.parquet", row_group_size=2500)
    return root


def engine(threads=2, limit=256 << 20):
    return _core.Engine(num_cpus=threads, memory_limit=limit)


def read(path):
    return _core.read_parquet(engine(), {"paths": [str(path)]})


def write(plan, path, **options):
    files = _core.parquet_files(options.pop("compression", "snappy"), options.pop("row_group_rows", 0))
    return _core.write_files(options.pop("engine", None) or engine(), plan, str(path), files, **options)


def keys(path):
    """The keys as our reader gives them, in order."""
    stream = _core.execute(
        engine(), read(path), seed=0, epoch=0, batch_size=4096, drop_last=False, prefetch_batches=1, preserve_order=True
    )
    out = []
    while (batch := stream.next()) is not None:
        out.extend(batch.pylist(batch.names.index("key")))
    return out


def visible(path):
    return sorted(name for name in os.listdir(path) if not name.startswith("."))


def test_what_is_written_is_read_back_by_pyarrow_and_by_us(table, source, tmp_path):
    files = write(read(source), tmp_path / "out", compression="zstd", file_rows_max=3000)
    assert [file["rows"] for file in files] == [2500] * 8
    assert [file["bytes"] for file in files] == [os.path.getsize(file["path"]) for file in files]
    assert [file["path"] for file in files] == sorted(file["path"] for file in files)
    assert sorted(os.listdir(tmp_path / "out")) == [os.path.basename(file["path"]) for file in files]
    back = pa.concat_tables([pq.read_table(file["path"], page_checksum_verification=True) for file in files])
    assert back.schema.equals(table.schema)
    assert back.to_pylist() == table.to_pylist()
    assert keys(tmp_path / "out") == list(range(ROWS))
    assert pq.read_metadata(files[0]["path"]).row_group(0).column(0).compression == "ZSTD"


def test_a_shuffle_is_written_in_its_order(source, tmp_path):
    plan = read(source).random_shuffle("per_execution", 0)
    for threads, name in ((1, "one"), (3, "three")):
        write(plan, tmp_path / name, engine=engine(threads), seed=3, epoch=2)

    def contents(name):
        return [(tmp_path / name / file).read_bytes() for file in visible(tmp_path / name)]

    assert contents("one") == contents("three")
    assert sorted(keys(tmp_path / "one")) == list(range(ROWS))
    assert keys(tmp_path / "one") != list(range(ROWS))


def test_filters_and_projections_are_written(source, tmp_path):
    key = _core.column("key")
    plan = read(source).filter(_core.call("less", [key, _core.literal(10)])).project([("key", key)])
    files = write(plan, tmp_path / "few")
    assert [file["rows"] for file in files] == [10]
    assert pq.read_table(files[0]["path"]).to_pydict() == {"key": list(range(10))}


def test_no_rows_are_one_file_with_the_schema(table, source, tmp_path):
    files = write(read(source).limit(0), tmp_path / "none")
    assert [file["rows"] for file in files] == [0]
    assert pq.read_schema(files[0]["path"]).equals(table.schema)
    assert keys(tmp_path / "none") == []


def test_modes_do_what_they_do_in_ray_data(source, tmp_path):
    plan = read(source)
    write(plan.limit(5), tmp_path)
    write(plan.limit(7), tmp_path, mode="append")
    assert sorted(keys(tmp_path)) == sorted([*range(5), *range(7)])
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "file.txt").write_text("x")
    before = sorted(os.listdir(tmp_path))
    assert write(plan, tmp_path, mode="ignore") == []
    with pytest.raises(ValueError, match="already exists"):
        write(plan, tmp_path, mode="error")
    with pytest.raises(ValueError, match="'append', 'overwrite', 'ignore' or 'error'"):
        write(plan, tmp_path, mode="replace")
    assert sorted(os.listdir(tmp_path)) == before
    files = write(plan.limit(3), tmp_path, mode="overwrite")
    assert os.listdir(tmp_path) == [os.path.basename(files[0]["path"])]
    assert keys(tmp_path) == [0, 1, 2]
    for mode in ("ignore", "error"):
        write(plan.limit(2), tmp_path / mode, mode=mode)
        assert keys(tmp_path / mode) == [0, 1]


def test_what_cannot_be_written_says_why_and_leaves_nothing(source, tmp_path):
    target = tmp_path / "out"
    plan = read(source)
    with pytest.raises(ValueError, match=r"zip.*snappy"):
        write(plan, target, compression="zip")
    with pytest.raises(ValueError, match="min_rows_per_file"):
        write(plan, target, file_rows_min=9, file_rows_max=3)
    with pytest.raises(ValueError, match="at least one column"):
        write(plan.project([]), target)
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    with pytest.raises(TypeError, match=r"column 'u'.*union"):
        write(_core.Plan.from_arrow(pa.table({"u": union})), target)
    seconds = pa.table({"t": pa.array([2**60], pa.timestamp("s"))})
    with pytest.raises(ValueError, match="column 't'"):
        write(_core.Plan.from_arrow(seconds), target)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="is a file"):
        write(plan, tmp_path / "file")
    assert os.listdir(tmp_path) == ["file"]


def test_an_unregistered_extension_type_keeps_its_name(tmp_path):
    field = pa.field("p", pa.int32(), metadata={"ARROW:extension:name": "my.type", "ARROW:extension:metadata": "m"})
    files = write(_core.Plan.from_arrow(pa.table([pa.array([1, 2], pa.int32())], schema=pa.schema([field]))), tmp_path)
    assert pq.read_schema(files[0]["path"]).field("p").metadata[b"ARROW:extension:name"] == b"my.type"


def test_progress_is_told_and_may_end_the_job(source, tmp_path):
    seen = []
    write(read(source), tmp_path / "a", file_rows_max=50, progress=seen.append)
    assert seen[0][-1]["name"] == "WriteParquet"
    assert seen[0][-1]["rows_expected"] == ROWS

    def stop(stages):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        write(read(source), tmp_path / "b", file_rows_max=50, progress=stop)
    assert os.listdir(tmp_path) == ["a"]


def test_other_threads_run_while_a_job_does(source, tmp_path):
    reached = threading.Event()
    plan = read(source)

    def progress(stages):
        # Only another Python thread can set it, so this shows that the job does not keep the interpreter to itself.
        threading.Thread(target=reached.set).start()
        assert reached.wait(30)

    write(plan, tmp_path / "a", file_rows_max=50, progress=progress)
    assert reached.is_set()


def test_ctrl_c_leaves_nothing_behind(source, tmp_path):
    def interrupt(stages):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        write(read(source), tmp_path / "out", file_rows_max=50, progress=interrupt)
    assert os.listdir(tmp_path) == []


def run_python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        check=False, capture_output=True, text=True, timeout=120,
    )


DISK_FULL = """
    import errno, resource, signal, sys
    from millstream import _core
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    engine = _core.Engine(num_cpus=2, memory_limit=256 << 20)
    plan = _core.read_parquet(engine, {"paths": [sys.argv[1]]})
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
    try:
        _core.write_files(engine, plan, sys.argv[2], _core.parquet_files("none", 0), file_rows_max=1000, mode="overwrite")
    except OSError as error:
        assert sys.argv[2] in str(error), error
        print("OSError")
"""


def test_a_write_that_the_system_refuses_leaves_the_old_files(source, tmp_path):
    write(read(source).limit(5), tmp_path)
    before = os.listdir(tmp_path)
    done = run_python(DISK_FULL, source, tmp_path, 20_000)
    assert done.stdout == "OSError\n", done.stderr
    assert os.listdir(tmp_path) == before
    assert keys(tmp_path) == list(range(5))


@pytest.fixture
def small_disk(tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(mount)]
    made = subprocess.run(command, check=False, capture_output=True)
    if made.returncode != 0:
        pytest.skip("mounting a tmpfs takes a right that this process does not have")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_is_an_oserror_with_enospc_and_leaves_nothing(source, small_disk):
    with pytest.raises(OSError, match="No space left") as raised:
        write(read(source), small_disk / "out", compression="none")
    assert raised.value.errno == errno.ENOSPC
    assert os.listdir(small_disk) == []


KILLED = """
    import os, signal, sys
    from millstream import _core
    engine = _core.Engine(num_cpus=2, memory_limit=256 << 20)
    plan = _core.read_parquet(engine, {"paths": [sys.argv[1]]})
    def kill(stages):
        os.kill(os.getpid(), signal.SIGKILL)
    _core.write_files(engine, plan, sys.argv[2], _core.parquet_files("snappy", 0), file_rows_max=50, progress=kill)
"""


def test_a_killed_job_leaves_no_file_that_readers_see_and_the_next_one_cleans_up(source, tmp_path):
    target = tmp_path / "out"
    done = run_python(KILLED, source, target)
    assert done.returncode == -signal.SIGKILL
    assert [name.startswith(".millstream-staging-") for name in os.listdir(target)] == [True]
    with pytest.raises(ValueError, match="no file ending in"):
        read(target)
    files = write(read(source).limit(3), target, mode="error")
    assert os.listdir(target) == [os.path.basename(files[0]["path"])]
    assert keys(target) == [0, 1, 2]
