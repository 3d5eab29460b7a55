"""Disks that are full or may not be written to: OSError and PermissionError with the directory and a remedy, nothing
left there, and the same data set runs once there is another directory.
"""

import errno
import os
import shutil
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aftermath import assert_nothing_left, files_under

import millstream as ms
from millstream.process_engine import PROCESS_ENGINE

ROWS = 1_200_000
DISK_BYTES = 16 << 20
# Holds a half of the rows, so that the others go to the disk, which holds fewer than those.
MEMORY_LIMIT = 24 << 20


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Numbers that do not compress: 29 MB of them."""
    root = tmp_path_factory.mktemp("data")
    draw = np.random.default_rng(3)
    for index in range(4):
        values = [draw.integers(0, 2**63, ROWS // 4) for _ in range(3)]
        table = pa.table(dict(zip("abc", values, strict=True)))
        pq.write_table(table, root / f"{index}.parquet", row_group_size=50_000, use_dictionary=False)
    return root


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of 16 MB."""
    make = shutil.which("mkfs.ext4", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if make is None:
        pytest.skip("there is no mkfs.ext4 here")
    image, mount = tmp_path / "image", tmp_path / "disk"
    with open(image, "wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run([make, "-q", "-m", "0", image], check=True)
    mount.mkdir()
    if subprocess.run(["mount", "-o", "loop", image, mount], check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a file system takes a right that this process does not have")
    (mount / "lost+found").rmdir()
    yield mount
    ms.shutdown()
    subprocess.run(["umount", mount], check=True)


@pytest.fixture(autouse=True)
def _own_engine():
    yield
    ms.shutdown()


def free_bytes(disk):
    space = os.statvfs(disk)
    return space.f_bavail * space.f_frsize


def rows_of(dataset):
    return sum(len(batch["a"]) for batch in dataset.iter_batches(batch_size=4096))


def test_a_full_disk_while_spilling_is_enospc_and_another_directory_lets_the_same_iterator_run(
    data, small_disk, tmp_path
):
    free = free_bytes(small_disk)
    ms.init(num_cpus=2, memory_limit=MEMORY_LIMIT, spill_directory=small_disk)
    rows = ms.read_parquet(data).random_shuffle(seed=ms.RandomSeedConfig(5))
    iterator = rows.iterator()
    for use in (
        lambda: list(iterator.iter_batches(batch_size=4096)),
        lambda: rows_of(rows),
        lambda: rows.write_parquet(tmp_path / "out"),
    ):
        with pytest.raises(OSError, match=rf"spill directory '{small_disk}' is full: .*spill_directory=") as raised:
            use()
        assert raised.value.errno == errno.ENOSPC
        assert free_bytes(small_disk) == free
        assert_nothing_left(small_disk, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    ms.shutdown()
    ms.init(num_cpus=2, memory_limit=MEMORY_LIMIT, spill_directory=tmp_path / "large")
    assert sum(len(batch["a"]) for batch in iterator.iter_batches(batch_size=4096)) == ROWS
    spilled = {stage["name"]: stage["spilled_bytes"] for stage in iterator._record.stages()}["RandomShuffle"]
    assert 0 < spilled < 2 * 3 * 8 * ROWS
    iterator = rows = None  # they may keep rows on disk
    assert_nothing_left(tmp_path / "large")


@pytest.mark.tame
def test_a_disk_that_others_fill_meanwhile_is_enospc_too(data, small_disk):
    ms.init(num_cpus=2, memory_limit=MEMORY_LIMIT, spill_directory=small_disk)
    rows = ms.read_parquet(data).limit(ROWS // 2).random_shuffle(seed=ms.RandomSeedConfig(5))
    assert rows_of(rows) == ROWS // 2
    (small_disk / "others").write_bytes(bytes(free_bytes(small_disk) - (1 << 20)))
    with pytest.raises(OSError, match=r"is full: .* more are needed, .* are free") as raised:
        rows_of(rows)
    assert raised.value.errno == errno.ENOSPC
    (small_disk / "others").unlink()
    assert_nothing_left(small_disk)
    assert rows_of(rows) == ROWS // 2


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_full_disk_while_writing_leaves_the_old_files_and_nothing_else(data, small_disk, tmp_path, shuffled):
    ms.init(num_cpus=2, memory_limit=256 << 20, spill_directory=tmp_path / "spill")
    out = small_disk / "out"
    ms.range(10).write_parquet(out)
    before, free = files_under(out), free_bytes(small_disk)
    rows = ms.read_parquet(data)
    for mode in ("append", "overwrite"):
        with pytest.raises(OSError, match=rf"{out}.*No space left") as raised:
            (rows.random_shuffle(seed=1) if shuffled else rows).write_parquet(out, mode=mode, max_rows_per_file=100_000)
        assert raised.value.errno == errno.ENOSPC
        assert files_under(out) == before
        assert free_bytes(small_disk) == free
        assert_nothing_left(tmp_path / "spill")
    assert ms.read_parquet(out).count() == 10


def assert_refused(data, directory, error, message):
    """No row is read, and a shuffle that needs no disk still runs."""
    ms.shutdown()
    ms.init(num_cpus=2, memory_limit=MEMORY_LIMIT, spill_directory=directory)
    iterator = ms.read_parquet(data).random_shuffle(seed=5).iterator()
    with pytest.raises(error, match=message) as raised:
        next(iterator.iter_batches())
    assert "spill_directory=" in str(raised.value)
    assert PROCESS_ENGINE.get().memory_peak() == 0
    assert_nothing_left()


@pytest.mark.tame
def test_a_spill_directory_that_cannot_be_made_is_refused_before_a_row_is_read(data, tmp_path):
    (tmp_path / "file").write_text("x")
    assert_refused(data, tmp_path / "file" / "spill", FileNotFoundError, rf"{tmp_path}/file/spill'.*Not a directory")
    assert_refused(data, tmp_path / "file", FileNotFoundError, rf"{tmp_path}/file'.*Not a directory")
    assert_refused(data, "/proc/millstream", FileNotFoundError, "'/proc/millstream'")
    assert files_under(tmp_path) == [str(tmp_path / "file")]


@pytest.mark.tame
def test_a_spill_directory_in_memory_is_refused(data):
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("there is no /dev/shm here")
    assert_refused(data, "/dev/shm", ValueError, "'/dev/shm' is on a file system in memory")


@pytest.mark.tame
def test_a_disk_mounted_read_only_is_a_permission_error(data, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for directory in (small_disk, small_disk / "spill"):
        assert_refused(data, directory, PermissionError, rf"{small_disk}.*Read-only file system")
    with pytest.raises(PermissionError, match=rf"{small_disk}/out.*Read-only file system"):
        ms.range(10).write_parquet(small_disk / "out")


AS_NOBODY = """
import os, pathlib, sys
import pyarrow as pa, pyarrow.parquet as pq
import millstream as ms
work = pathlib.Path(sys.argv[1])
(work / "closed").mkdir(mode=0o700)
pq.write_table(pa.table({"a": [1]}), work / "secret.parquet")
(work / "secret.parquet").chmod(0o600)
ms.init(num_cpus=2, memory_limit="16MB", spill_directory=work / "closed")
assert ms.range(3).random_shuffle(seed=1).count() == 3
os.seteuid(65534)
def refused(use):
    try:
        use()
    except PermissionError as error:
        print(error)
refused(lambda: next(ms.range(3_000_000).random_shuffle(seed=1).iter_batches()))
refused(lambda: ms.range(3).write_parquet(work / "closed" / "out"))
refused(lambda: ms.read_parquet(work / "secret.parquet"))
refused(lambda: ms.read_parquet(work / "closed"))
assert len(ms.range(3).random_shuffle(seed=1).take_all()) == 3
"""


def test_what_another_user_may_not_touch_is_a_permission_error(run_python, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    work = tmp_path / "work"
    work.mkdir()
    for parent in (work, *work.parents):
        if os.stat(parent).st_uid == 0 and not os.stat(parent).st_mode & 0o001:
            parent.chmod(os.stat(parent).st_mode | 0o001)
    spill, out, secret, closed = run_python(AS_NOBODY, str(work)).splitlines()
    for line, path in ((spill, "closed'"), (out, "closed/out'"), (secret, "secret.parquet'"), (closed, "closed'")):
        assert str(work) in line
        assert path in line
        assert "Permission denied" in line
    assert "spill_directory=" in spill
