"""The installed C++ package: programs of another project are built with it, and run."""

import subprocess

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from environments import ROOT, checked

BUILD = ROOT / "build" / "python"


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The examples, built as their CMakeLists.txt says where Millstream is installed and its sources are not."""
    prefix = tmp_path_factory.mktemp("prefix")
    checked(["cmake", "--preset", "python"], cwd=ROOT)
    checked(["cmake", "--build", BUILD, "--target", "millstream"])
    checked(["cmake", "--install", BUILD, "--component", "cpp", "--prefix", prefix])
    examples = tmp_path_factory.mktemp("examples")
    for source in (ROOT / "examples" / "cpp").iterdir():
        (examples / source.name).write_bytes(source.read_bytes())
    checked(["cmake", "-S", examples, "-B", examples / "build", f"-DCMAKE_PREFIX_PATH={prefix}"])
    checked(["cmake", "--build", examples / "build"])
    return examples / "build"


def run(program, *arguments):
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-2000:]
    return done.stdout


def test_a_program_groups_joins_maps_sorts_and_writes(programs, tmp_path):
    run(programs / "make_flights", tmp_path / "flights")
    text = run(programs / "prepare_flights", tmp_path / "flights", tmp_path / "prepared")
    assert "2700 rows in" in text
    flights = pq.read_table(tmp_path / "flights").filter(~pc.field("dep_delay").is_null())
    usual = dict(zip(*flights.group_by("carrier").aggregate([("arr_delay", "mean")]).to_pydict().values(), strict=True))
    prepared = pq.read_table(tmp_path / "prepared").to_pylist()
    assert sorted(row["arr_delay"] for row in prepared) == sorted(flights["arr_delay"].to_pylist())
    for row in prepared:
        assert row["usual_delay"] == pytest.approx(usual[row["carrier"]])
        assert (row["score"] > 0) == (row["arr_delay"] > row["usual_delay"])
    order = [(row["carrier"], -row["score"]) for row in prepared]
    assert order == sorted(order)
