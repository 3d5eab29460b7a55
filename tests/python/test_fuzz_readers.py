"""A short run of tests/fuzz_readers.py: damaged files of every format, the same ones each time."""

import pathlib
import subprocess
import sys

import pytest

FUZZER = pathlib.Path(__file__).parents[1] / "fuzz_readers.py"
FORMATS = sorted(path.name for path in (FUZZER.parent / "corpus").iterdir())


def test_there_is_a_corpus_of_every_format():
    assert FORMATS == [
        "binary",
        "csv",
        "images",
        "ipc",
        "json",
        "numpy",
        "orc",
        "parquet",
        "text",
        "tfrecords",
        "webdataset",
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_damaged_files_give_rows_or_clear_errors(form, tmp_path):
    command = [
        sys.executable,
        FUZZER,
        "--formats",
        form,
        "--inputs",
        "150",
        "--seed",
        "20261128",
        "--directory",
        tmp_path,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"exit {done.returncode}, files in {tmp_path}\n{done.stdout}\n{done.stderr[-3000:]}"
    assert "150 inputs of each of 1 formats, 0 findings" in done.stdout


def test_the_fuzzer_notices_what_must_not_be(tmp_path):
    program = f"""
import sys
sys.path.insert(0, {str(FUZZER.parent)!r})
import fuzz_readers
fuzz_readers.read = lambda form, path, draw: 1 / 0
sys.argv = ["fuzz", "--formats", "text", "--inputs", "2", "--seed", "1", "--directory", {str(tmp_path)!r}]
sys.exit(fuzz_readers.main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout
    assert "2 findings" in done.stdout
