"""Readers of s3:// paths, from a real S3 server on this machine."""

import os
import pathlib
import pickle
import subprocess
import sys
import textwrap

import pyarrow
import pytest
from pyarrow import csv, parquet

import millstream as ms

boto3 = pytest.importorskip("boto3")
pytest.importorskip("moto.server")

SECRET = "a secret that nobody may see"


@pytest.fixture(scope="module")
def s3():
    """A client of the server, to which this process's environment leads."""
    program = pathlib.Path(__file__).parent / "s3_server.py"
    server = subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "tester")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        ms.shutdown()  # an engine keeps the store that it found
        client = boto3.client("s3", region_name="us-east-1", endpoint_url=url)
        client.create_bucket(Bucket="data")
        yield client
        ms.shutdown()
    server.stdin.close()
    assert server.wait(30) == 0


def put(s3, key, table, write=parquet.write_table, **options):
    out = pyarrow.BufferOutputStream()
    write(table, out, **options)
    s3.put_object(Bucket="data", Key=key, Body=out.getvalue().to_pybytes())


def table(first, rows=500):
    numbers = range(first, first + rows)
    return pyarrow.table({"id": numbers, "text": [f"row {n}" for n in numbers]})


@pytest.fixture(scope="module")
def flights(s3):
    """Two files of 500 rows below "flights/", and what Spark leaves beside them."""
    for part, year in enumerate((2025, 2026)):
        put(s3, f"flights/year={year}/part-0.parquet", table(part * 500), row_group_size=120)
    s3.put_object(Bucket="data", Key="flights/_SUCCESS", Body=b"")
    s3.put_object(Bucket="data", Key="flights/_temporary/0.parquet", Body=b"not whole")
    return "s3://data/flights"


def ids(rows):
    return [row["id"] for row in rows.iter_rows()]


def test_a_prefix_a_key_and_a_glob_are_read(use_engine, flights):
    use_engine()
    rows = ms.read_parquet(flights)
    assert rows.count() == 1000
    assert rows.columns() == ["id", "text", "year"]
    assert ids(rows) == list(range(1000))
    assert rows.input_files() == [f"{flights}/year={year}/part-0.parquet" for year in (2025, 2026)]
    assert ids(ms.read_parquet(f"{flights}/year=2026/part-0.parquet")) == list(range(500, 1000))
    assert ids(ms.read_parquet(f"{flights}/*/part-*.parquet")) == list(range(1000))
    assert ids(ms.read_parquet(f"{flights}/")) == list(range(1000))
    assert rows.filter(expr="year == '2026'").count() == 500
    assert rows.select_columns(["text"]).take(1) == [{"text": "row 0"}]


def test_shuffles_are_those_of_the_same_files_on_disk(use_engine, s3, flights, tmp_path):
    for part, year in enumerate((2025, 2026)):
        (tmp_path / f"year={year}").mkdir()
        parquet.write_table(table(part * 500), tmp_path / f"year={year}" / "part-0.parquet", row_group_size=120)
    use_engine(always_spill=True)
    wanted = ids(ms.read_parquet(tmp_path).random_shuffle(seed=4))
    shuffled = ms.read_parquet(flights).random_shuffle(seed=4)
    assert ids(shuffled) == wanted != sorted(wanted)
    assert ids(pickle.loads(pickle.dumps(shuffled))) == wanted


def test_other_formats(use_engine, s3):
    use_engine()
    put(s3, "csv/a.csv", table(0, 100_000), csv.write_csv)  # several ranges
    assert ids(ms.read_csv("s3://data/csv")) == list(range(100_000))
    s3.put_object(Bucket="data", Key="text/two words.txt", Body=b"one\ntwo\n")
    assert ms.read_text("s3://data/text/two words.txt").take_all() == [{"text": "one"}, {"text": "two"}]
    s3.put_object(Bucket="data", Key="text/100%25.txt", Body=b"percent")
    assert ms.read_binary_files("s3://data/text", include_paths=True).take_all() == [
        {"bytes": b"percent", "path": "s3://data/text/100%25.txt"},
        {"bytes": b"one\ntwo\n", "path": "s3://data/text/two words.txt"},
    ]


def test_many_keys_are_listed(use_engine, s3):
    use_engine()
    for number in range(1_100):  # more than a page of the listing
        s3.put_object(Bucket="data", Key=f"many/{number:04}.txt", Body=f"{number}\n".encode())
    rows = ms.read_text("s3://data/many")
    assert len(rows.input_files()) == 1_100
    assert [int(row["text"]) for row in rows.iter_rows()] == list(range(1_100))


def test_what_is_not_there_is_told(use_engine, s3, flights):
    use_engine()
    with pytest.raises(FileNotFoundError, match="s3://data/none"):
        ms.read_parquet("s3://data/none")
    with pytest.raises(FileNotFoundError, match="s3://no-such-bucket/x"):
        ms.read_parquet("s3://no-such-bucket/x")
    with pytest.raises(FileNotFoundError, match=r"no file matches s3://data/flights/\*\.csv"):
        ms.read_csv(f"{flights}/*.csv")
    with pytest.raises(ValueError, match="names no bucket"):
        ms.read_parquet("s3://")
    assert ms.read_parquet(flights.replace("s3://", "s3a://")).count() == 1000
    with pytest.raises(FileNotFoundError, match="no-such-bucket"):
        ms.range(3).write_parquet("s3://no-such-bucket/out")


def test_an_object_that_changes_or_goes_is_told(use_engine, s3):
    use_engine()
    put(s3, "changing/a.parquet", table(0))
    rows = ms.read_parquet("s3://data/changing")
    put(s3, "changing/a.parquet", table(0, 900))
    with pytest.raises(ValueError, match=r"s3://data/changing/a\.parquet changed after it was listed"):
        rows.take_all()
    s3.delete_object(Bucket="data", Key="changing/a.parquet")
    with pytest.raises(FileNotFoundError, match=r"s3://data/changing/a\.parquet"):
        rows.take_all()


def test_a_program_may_end_while_it_reads(run_python, flights):
    source = f"""
        import millstream as ms
        rows = ms.read_parquet({flights!r})
        print(rows.count())
        batches = iter(rows.random_shuffle(seed=1).iter_batches(batch_size=10))
        print(len(next(batches)["id"]))
    """
    assert run_python(textwrap.dedent(source)) == "1000\n10\n"


def test_a_server_that_is_not_there_is_an_error_without_the_secret(run_python, s3):
    source = """
        import os
        os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
        os.environ["AWS_MAX_ATTEMPTS"] = "1"
        import millstream as ms
        try:
            ms.read_parquet("s3://data/x")
        except OSError as error:
            print(type(error).__name__, error)
    """
    told = run_python(textwrap.dedent(source))
    assert told.startswith("OSError Cannot find 's3://data/x'")
    assert SECRET not in told
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == SECRET


def keys(s3, prefix):
    listed = s3.list_objects_v2(Bucket="data", Prefix=prefix).get("Contents", [])
    return [found["Key"] for found in listed if not found["Key"].endswith("/")]


FORMATS = ["parquet", "csv", "json", "ipc", "orc", "tfrecords"]


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_comes_back_and_nothing_else_is_left(use_engine, s3, form):
    use_engine()
    rows = ms.range(10_000)
    path = f"s3://data/out-{form}"
    getattr(rows, f"write_{form}")(path, max_rows_per_file=3000)
    assert len(keys(s3, f"out-{form}")) == 4
    assert not any("/." in key for key in keys(s3, f"out-{form}"))
    assert ids(getattr(ms, f"read_{form}")(path)) == list(range(10_000))


def test_modes_of_writing(use_engine, s3):
    use_engine()
    path = "s3://data/modes/a/b"
    ms.range(10).write_csv(path)
    ms.range(10).write_csv(path, mode="append")
    assert ms.read_csv(path).count() == 20
    with pytest.raises(ValueError, match="s3://data/modes/a/b"):
        ms.range(10).write_csv(path, mode="error")
    ms.range(10).write_csv(path, mode="ignore")
    assert ms.read_csv(path).count() == 20
    ms.range(5).write_csv(path, mode="overwrite")
    assert ms.read_csv(path).count() == 5
    assert len(keys(s3, "modes/")) == 1


def test_partitions_are_written_and_replaced(use_engine, s3):
    use_engine()
    rows = ms.range(100).with_column("p", ms.col("id") % 3)
    for mode in ("append", "overwrite"):
        rows.write_parquet("s3://data/parts", partition_cols=["p"], mode=mode)
        assert sorted(key.split("/")[1] for key in keys(s3, "parts/")) == ["p=0", "p=1", "p=2"]
        assert sorted(ids(ms.read_parquet("s3://data/parts"))) == list(range(100))


def test_large_files_are_sent_in_parts(use_engine, s3):
    use_engine()
    numbers = 3_000_000
    ms.range(numbers).write_ipc("s3://data/large", min_rows_per_file=numbers)
    (key,) = keys(s3, "large/")
    head = s3.head_object(Bucket="data", Key=key)
    assert head["ContentLength"] > numbers * 8
    assert ms.read_ipc("s3://data/large").sum("id") == numbers * (numbers - 1) // 2


def test_a_write_that_fails_leaves_nothing(use_engine, s3):
    use_engine()
    broken = ms.range(100_000).with_column("bad", 1 // (ms.col("id") - 99_999))
    with pytest.raises(ValueError, match="zero"):
        broken.write_parquet("s3://data/broken", max_rows_per_file=10_000)
    assert keys(s3, "broken") == []


def test_a_killed_write_is_not_seen(run_python, use_engine, s3):
    source = """
        import os, signal, threading, time
        import boto3
        import millstream as ms
        client = boto3.client("s3", region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
        def kill():
            while not client.list_objects_v2(Bucket="data", Prefix="killed/").get("KeyCount"):
                time.sleep(0.05)
            time.sleep(0.5)
            print("killed", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Thread(target=kill).start()
        ms.range(50_000_000).write_json("s3://data/killed", max_rows_per_file=100_000)
    """
    with pytest.raises(AssertionError, match="exit -9"):
        run_python(textwrap.dedent(source))
    assert all("/.millstream-staging-" in key for key in keys(s3, "killed"))
    use_engine()
    ms.range(5).write_json("s3://data/killed")
    assert ids(ms.read_json("s3://data/killed")) == list(range(5))
