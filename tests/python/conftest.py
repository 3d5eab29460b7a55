"""Small Parquet files that the tests read."""

import os
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from number_files import make_files

pytest.register_assert_rewrite("aftermath")

import millstream as ms  # noqa: E402

FILES = 4
ROWS = 1_000


def expected_row(key):
    return {
        "key": key,
        "half": None if key % 7 == 0 else key / 2,
        "name": None if key % 11 == 0 else f"row {key}",
        "tags": [key] * (key % 4),
    }


@pytest.fixture(scope="session")
def expected():
    """All rows of `data`, in order."""
    return [expected_row(key) for key in range(ROWS)]


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> pathlib.Path:
    """A directory of four files of 250 rows, in row groups of 70."""
    root = tmp_path_factory.mktemp("data")
    schema = pa.schema(
        [("key", pa.int64()), ("half", pa.float64()), ("name", pa.string()), ("tags", pa.list_(pa.int32()))]
    )
    for index in range(FILES):
        keys = range(index * ROWS // FILES, (index + 1) * ROWS // FILES)
        table = pa.Table.from_pylist([expected_row(key) for key in keys], schema=schema)
        pq.write_table(table, root / f"part-{index}.parquet", row_group_size=70)
    return root


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> pathlib.Path:
    """A directory of the files of number_files.py."""
    return make_files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def rows(data) -> ms.Dataset:
    """The data set of `data`."""
    return ms.read_parquet(data)


@pytest.fixture
def use_engine(tmp_path):
    """Makes an engine of its own this process's, for one test: `use_engine(num_cpus=1, always_spill=True)`."""
    from millstream import _core
    from millstream.process_engine import PROCESS_ENGINE

    def use(**options):
        settings = {"num_cpus": 2, "memory_limit": 256 << 20, "spill_directory": str(tmp_path / "spill"), **options}
        ms.shutdown()
        PROCESS_ENGINE._engine = _core.Engine(**settings)
        return PROCESS_ENGINE._engine

    yield use
    ms.shutdown()


ENGINES = {
    "one lane": {"num_cpus": 1},
    "four lanes": {"num_cpus": 4},
    "lanes in any order": {"shuffle_lanes": 11},
    "always spilling": {"always_spill": True},
    "always two passes": {"always_two_passes": True, "num_cpus": 1},
    "little memory": {"memory_limit": 48 << 20},
}
if "minimum_budget" in os.environ.get("MILLSTREAM_HOSTILE", ""):
    del ENGINES["always two passes"]  # which takes more memory than that


@pytest.fixture(params=ENGINES)
def each_engine(request, use_engine):
    """The test runs on engines that go about their work differently."""
    return use_engine(**ENGINES[request.param])


@pytest.fixture
def write(tmp_path):
    """Writes a file of that name, its directories too, into the test's own directory; its path."""

    def write(name: str, content: str | bytes, encoding: str = "utf-8") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return str(path)

    return write


@pytest.fixture
def run_python(tmp_path):
    """Runs Python source in a fresh process; its output, or the failure with what it printed."""
    import subprocess
    import sys

    def run(source: str, *arguments: str, **environment: str) -> str:
        import os

        script = tmp_path / "script.py"
        script.write_text(source)
        done = subprocess.run(
            [sys.executable, str(script), *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run
