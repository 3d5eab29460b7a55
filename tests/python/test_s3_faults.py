"""Reading and writing s3:// through a proxy that throttles, drops connections and cuts answers short."""

import textwrap

import pyarrow as pa
import pytest
from faulty_proxy import FaultyProxy
from test_s3 import put, s3, table  # noqa: F401

import millstream as ms


@pytest.fixture
def through(s3, monkeypatch, use_engine):  # noqa: F811
    """An engine whose requests go through a proxy with these faults."""
    port = int(s3.meta.endpoint_url.rsplit(":", 1)[1])
    proxies = []

    def make(faults):
        proxy = FaultyProxy(port, faults)
        proxies.append(proxy)
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        ms.shutdown()
        use_engine()
        return proxy

    yield make
    ms.shutdown()
    for proxy in proxies:
        proxy.close()


def every(step, *kinds):
    """Each `step`-th request meets a fault, of these in turn."""
    return lambda method, path, number: kinds[number // step % len(kinds)] if number % step == step - 1 else None


@pytest.mark.parametrize("kind", ["slow down", "error", "drop", "cut", "later"])
def test_rows_are_right_whatever_a_store_does_now_and_then(through, s3, kind):  # noqa: F811
    for part in range(8):
        put(s3, f"now-and-then/{part}.parquet", table(part * 500))
    proxy = through(every(5, kind))
    rows = ms.read_parquet("s3://data/now-and-then")
    assert [row["id"] for row in rows.iter_rows()] == list(range(4000))
    assert sorted(row["id"] for row in rows.random_shuffle(seed=1).iter_rows()) == list(range(4000))
    assert proxy.faults.count(kind) >= 3


@pytest.mark.parametrize("kind", ["slow down", "error", "drop", "later"])
def test_what_is_written_is_whole_whatever_a_store_does_now_and_then(through, kind):
    proxy = through(every(6, kind))
    path = f"s3://data/written-{kind.replace(' ', '-')}"
    ms.range(50_000).write_parquet(path, max_rows_per_file=10_000)
    assert [row["id"] for row in ms.read_parquet(path).iter_rows()] == list(range(50_000))
    assert proxy.faults.count(kind) >= 2


def test_a_store_that_always_fails_is_an_error_in_time_and_names_the_object(run_python, s3):  # noqa: F811
    put(s3, "always/a.parquet", table(0))
    port = int(s3.meta.endpoint_url.rsplit(":", 1)[1])
    proxy = FaultyProxy(port, lambda method, path, number: "slow down" if method == "GET" else None)
    source = f"""
        import os, time
        os.environ["AWS_ENDPOINT_URL"] = {proxy.url!r}
        os.environ["AWS_MAX_ATTEMPTS"] = "2"
        import millstream as ms
        began = time.monotonic()
        try:
            ms.read_parquet("s3://data/always/a.parquet").take_all()
        except OSError as error:
            print(type(error).__name__, "s3://data/always/a.parquet" in str(error), time.monotonic() - began < 60)
    """
    assert run_python(textwrap.dedent(source)) == "OSError True True\n"
    proxy.close()


def test_ctrl_c_ends_a_read_that_waits_for_a_store(s3, run_python):  # noqa: F811
    put(s3, "slow/a.parquet", pa.table({"id": range(2000)}), row_group_size=10)
    port = int(s3.meta.endpoint_url.rsplit(":", 1)[1])
    proxy = FaultyProxy(port, lambda method, path, number: "later" if method == "GET" else None)
    source = f"""
        import os, signal, threading, time
        os.environ["AWS_ENDPOINT_URL"] = {proxy.url!r}
        import millstream as ms
        rows = ms.read_parquet("s3://data/slow")
        threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        try:
            rows.take_all()
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - began < 10)
    """
    assert run_python(textwrap.dedent(source)) == "interrupted True\n"
    proxy.close()
