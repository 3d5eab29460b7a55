"""Paths of stores other than s3://, and file systems that are given as `filesystem=`."""

import functools
import http.server
import io
import pathlib
import pickle
import subprocess
import sys
import tarfile
import textwrap
import threading

import fsspec
import pyarrow
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from pyarrow import csv, fs, orc, parquet
from test_s3 import SECRET, put, s3, table  # noqa: F401

import millstream as ms


def ids(rows):
    return [row["id"] for row in rows.iter_rows()]


@pytest.fixture
def memory():
    """fsspec's memory file system with two Parquet files below /flights; nothing is left in it."""
    store = fsspec.filesystem("memory")
    for part in range(2):
        with store.open(f"/flights/year={2025 + part}/part-0.parquet", "wb") as file:
            parquet.write_table(table(part * 500), file, row_group_size=120)
    yield store
    store.store.clear()
    store.pseudo_dirs[:] = [""]


def test_urls_that_fsspec_knows(use_engine, memory):
    use_engine()
    rows = ms.read_parquet("memory://flights")
    assert ids(rows) == list(range(1000))
    assert rows.columns() == ["id", "text", "year"]
    assert rows.input_files() == [f"memory://flights/year={year}/part-0.parquet" for year in (2025, 2026)]
    assert ids(ms.read_parquet("memory://flights/*/part-0.parquet")) == list(range(1000))
    assert ids(rows.filter(expr="year == '2026'")) == list(range(500, 1000))
    with pytest.raises(FileNotFoundError, match="memory://none"):
        ms.read_parquet("memory://none")


def test_the_order_is_that_of_the_same_files_on_disk(use_engine, memory, tmp_path):
    use_engine()
    memory.get("/flights", str(tmp_path / "flights"), recursive=True)
    wanted = ids(ms.read_parquet(tmp_path / "flights").random_shuffle(seed=3))
    assert ids(ms.read_parquet("memory://flights").random_shuffle(seed=3)) == wanted != sorted(wanted)
    assert ids(ms.read_parquet("/flights", filesystem=memory).random_shuffle(seed=3)) == wanted


def test_a_file_system_of_fsspec(use_engine, memory):
    use_engine()
    given = DirFileSystem("/flights", memory)
    rows = ms.read_parquet("year=2026", filesystem=given, include_paths=True)
    assert ids(rows) == list(range(500, 1000))
    assert rows.take(1) == [{"id": 500, "text": "row 500", "year": "2026", "path": "year=2026/part-0.parquet"}]
    assert rows.input_files() == ["year=2026/part-0.parquet"]
    kept = ms.read_parquet(
        "/flights", filesystem=memory, partition_filter=lambda paths: [path for path in paths if "2025" in path]
    )
    assert ids(kept) == list(range(500))
    with pytest.raises(FileNotFoundError) as missing:
        ms.read_parquet("nothing", filesystem=given)
    assert "'nothing'" in str(missing.value)
    assert "~" not in str(missing.value)


def test_csv_json_and_text_through_fsspec(use_engine, memory):
    use_engine()
    with memory.open("/csv/a.csv", "wb") as file:
        csv.write_csv(table(0, 200_000), file)  # several ranges
    assert ids(ms.read_csv("memory://csv")) == list(range(200_000))
    with memory.open("/words/a b.txt", "wb") as file:
        file.write(b"one\ntwo\n")
    assert ms.read_text("/words", filesystem=memory).take_all() == [{"text": "one"}, {"text": "two"}]


def test_a_pickled_data_set_finds_its_file_system_again(use_engine, tmp_path, memory):
    use_engine()
    by_url = pickle.dumps(ms.read_parquet("memory://flights"))
    by_object = pickle.dumps(ms.read_parquet("/flights", filesystem=memory))
    ms.shutdown()
    use_engine()
    assert ids(pickle.loads(by_url)) == list(range(1000))
    assert ids(pickle.loads(by_object)) == list(range(1000))


def test_a_local_file_system_is_this_machine(use_engine, tmp_path):
    use_engine()
    parquet.write_table(table(0), tmp_path / "a.parquet")
    for given in (fs.LocalFileSystem(), fsspec.filesystem("file")):
        rows = ms.read_parquet(str(tmp_path), filesystem=given)
        assert rows.input_files() == [str(tmp_path / "a.parquet")]
        assert rows.count() == 500
    below = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    assert ms.read_parquet("a.parquet", filesystem=below).count() == 500
    assert ms.read_parquet(f"file://{tmp_path}").count() == 500
    assert ms.read_parquet(f"local://{tmp_path}/a.parquet").count() == 500


class Renamed(fs.FileSystemHandler):
    """A file system of pyarrow's whose paths begin with "virtual/", of files below a directory."""

    def __init__(self, root):
        self._files = fs.SubTreeFileSystem(str(root), fs.LocalFileSystem())

    def _inside(self, path):
        assert path == "virtual" or path.startswith("virtual/")
        return path.removeprefix("virtual").lstrip("/")

    def _told(self, info):
        return fs.FileInfo(f"virtual/{info.path}", info.type, mtime=info.mtime, size=info.size)

    def get_type_name(self):
        return "renamed"

    def get_file_info(self, paths):
        return [self._told(self._files.get_file_info(self._inside(path))) for path in paths]

    def get_file_info_selector(self, selector):
        below = fs.FileSelector(self._inside(selector.base_dir), recursive=selector.recursive)
        return [self._told(info) for info in self._files.get_file_info(below)]

    def open_input_file(self, path):
        return self._files.open_input_file(self._inside(path))

    def open_input_stream(self, path):
        raise NotImplementedError

    open_append_stream = open_output_stream = copy_file = move = delete_file = delete_dir = normalize_path = None
    create_dir = delete_dir_contents = delete_root_dir_contents = None


def test_a_file_system_that_was_made_with_pyarrow(use_engine, tmp_path):
    use_engine()
    for part in range(3):
        (tmp_path / f"year={part}").mkdir()
        parquet.write_table(table(part * 500), tmp_path / f"year={part}" / "a.parquet")
    rows = ms.read_parquet("virtual", filesystem=fs.PyFileSystem(Renamed(tmp_path)))
    assert ids(rows) == list(range(1500))
    assert rows.input_files() == [f"virtual/year={part}/a.parquet" for part in range(3)]


@pytest.fixture
def given_s3(s3, monkeypatch):  # noqa: F811
    """pyarrow's S3 file system with options of its own; the environment has none."""
    url = s3.meta.endpoint_url
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.delenv(name)
    ms.shutdown()
    yield fs.S3FileSystem(
        access_key="tester",
        secret_key=SECRET,
        region="us-east-1",
        scheme="http",
        endpoint_override=url.removeprefix("http://"),
    )
    ms.shutdown()


def test_the_options_of_an_s3_file_system_are_taken_over(use_engine, s3, given_s3):  # noqa: F811
    for part in range(2):
        put(s3, f"given/{part}.parquet", table(part * 500), row_group_size=100)
    use_engine()
    for path in ("data/given", "s3://data/given"):
        rows = ms.read_parquet(path, filesystem=given_s3)
        assert ids(rows) == list(range(1000))
        assert rows.input_files() == ["data/given/0.parquet", "data/given/1.parquet"]
    below = fs.SubTreeFileSystem("data/given", given_s3)
    assert ids(ms.read_parquet("1.parquet", filesystem=below)) == list(range(500, 1000))
    assert ids(pickle.loads(pickle.dumps(rows))) == list(range(1000))
    assert SECRET not in repr(rows) + rows.stats()
    with pytest.raises(FileNotFoundError) as missing:
        ms.read_parquet("data/nothing", filesystem=given_s3)
    assert "'data/nothing'" in str(missing.value)
    assert SECRET not in str(missing.value)


def test_s3_is_written_by_a_file_system_too(use_engine, s3, given_s3):  # noqa: F811
    use_engine()
    ms.range(1000).write_parquet("data/by-object", filesystem=given_s3, max_rows_per_file=300)
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="data", Prefix="by-object")["Contents"]]
    assert sum(key.endswith(".parquet") for key in keys) == 4
    assert {key for key in keys if not key.endswith(".parquet")} <= {"by-object/"}
    assert ids(ms.read_parquet("data/by-object", filesystem=given_s3)) == list(range(1000))


def test_files_are_written_through_fsspec(use_engine, memory):
    use_engine()
    rows = ms.range(1000)
    rows.write_parquet("memory://out", max_rows_per_file=400)
    assert ids(ms.read_parquet("memory://out")) == list(range(1000))
    rows.write_csv("/by/object", filesystem=memory)
    assert ids(ms.read_csv("/by/object", filesystem=memory)) == list(range(1000))
    names = [name for name in memory.find("/") if not name.startswith("/flights")]
    assert all(name.endswith((".parquet", ".csv")) for name in names), names
    rows.limit(10).write_parquet("memory://out", mode="overwrite")
    assert ids(ms.read_parquet("memory://out")) == list(range(10))
    with pytest.raises(ValueError, match="'memory://out' already exists"):
        rows.write_parquet("memory://out", mode="error")


def test_a_job_that_fails_leaves_nothing_in_fsspec(use_engine, memory):
    use_engine()

    def fail(batch):
        if batch["id"][-1] > 800:
            raise ValueError("no more")
        return batch

    with pytest.raises(ValueError, match="no more"):
        ms.range(1000).map_batches(fail, batch_size=100).write_parquet("memory://failed", max_rows_per_file=200)
    assert [name for name in memory.find("/") if "failed" in name] == []


@pytest.fixture
def google():
    """The storage of a Google that this machine pretends to be, with a bucket "data"."""
    pytest.importorskip("gcp_storage_emulator")
    program = pathlib.Path(__file__).parent / "gcs_server.py"
    server = subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = server.stdout.readline().strip()
    yield fs.GcsFileSystem(anonymous=True, scheme="http", endpoint_override=f"127.0.0.1:{port}")
    server.stdin.close()
    assert server.wait(30) == 0


def test_files_are_read_from_and_written_to_google_storage(use_engine, google):
    use_engine()
    for part in range(2):
        parquet.write_table(
            table(part * 500), f"data/year={2025 + part}/a.parquet", filesystem=google, row_group_size=90
        )
    rows = ms.read_parquet("data", filesystem=google)
    assert ids(rows) == list(range(1000))
    assert rows.input_files() == ["data/year=2025/a.parquet", "data/year=2026/a.parquet"]
    rows.filter(expr="year == '2026'").write_parquet("gs://data/out", filesystem=google, max_rows_per_file=200)
    written = ms.read_parquet("data/out", filesystem=google)
    assert ids(written) == list(range(500, 1000))
    assert len(written.input_files()) >= 3
    with pytest.raises(FileNotFoundError, match="'data/nothing'"):
        ms.read_csv("data/nothing", filesystem=google)


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves files, and ranges of them."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range")
        path = self.translate_path(self.path.split("?")[0])
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            self.send_error(404)
            return
        begin, end = 0, len(content)
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            begin, end = int(first), min(int(last) + 1, len(content)) if last else len(content)
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        self.wfile.write(content[begin:end])


@pytest.fixture
def web(tmp_path):
    """A web server of this machine, and the directory that it serves."""
    pytest.importorskip("aiohttp")
    handler = functools.partial(Ranges, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", tmp_path
    server.shutdown()
    server.server_close()


def test_files_of_a_web_server(use_engine, web):
    url, directory = web
    parquet.write_table(table(0, 5000), directory / "a.parquet", row_group_size=700)
    csv.write_csv(table(0, 5000), directory / "a.csv")
    use_engine()
    assert ids(ms.read_parquet(f"{url}/a.parquet")) == list(range(5000))
    assert ids(ms.read_csv([f"{url}/a.csv", f"{url}/a.csv"])) == 2 * list(range(5000))
    assert ids(ms.read_parquet(f"{url}/a.parquet?version=2")) == list(range(5000))
    with pytest.raises(FileNotFoundError, match="no-such-file"):
        ms.read_csv(f"{url}/no-such-file.csv")


def test_a_web_server_that_gives_whole_files_alone_is_an_error(use_engine, tmp_path):
    pytest.importorskip("aiohttp")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    csv.write_csv(table(0, 200_000), tmp_path / "a.csv")
    use_engine()
    with pytest.raises(OSError, match="does not give parts of files"):
        ms.read_csv(f"http://127.0.0.1:{server.server_address[1]}/a.csv").count()
    server.shutdown()
    server.server_close()


def test_the_root_of_a_file_system(use_engine, memory):
    use_engine()
    for path in ("memory://", "memory:///"):
        assert ids(ms.read_parquet(path)) == list(range(1000))
    assert ids(ms.read_parquet("/", filesystem=memory)) == list(range(1000))
    assert ids(ms.read_parquet("memory://*/*/part-0.parquet")) == list(range(1000))
    ms.range(5).write_parquet("memory://run[1]")
    assert ids(ms.read_parquet("memory://run[1]")) == list(range(5))


def test_what_nobody_knows_is_told(use_engine):
    use_engine()
    with pytest.raises(ValueError, match="nobody here knows nonsense://"):
        ms.read_parquet("nonsense://a/b")
    with pytest.raises(ValueError, match="names no bucket"):
        ms.read_parquet("gs://")
    with pytest.raises(ValueError, match="names no account"):
        ms.read_parquet("abfs://container/path")
    with pytest.raises(ValueError, match="password in it, and paths are shown") as told:
        ms.read_parquet("abfs://me:hidden@account.dfs.core.windows.net/path")
    assert "hidden" not in str(told.value)
    with pytest.raises(TypeError, match="filesystem"):
        ms.read_parquet("/a", filesystem=12)


def test_a_store_that_is_slow_is_asked_for_much_at_once(run_python, s3):  # noqa: F811
    from faulty_proxy import FaultyProxy

    for part in range(40):
        put(s3, f"at-once/{part:02}.csv", table(part * 500), csv.write_csv)
    port = int(s3.meta.endpoint_url.rsplit(":", 1)[1])
    waiting, most, lock = [0], [0], threading.Lock()

    def count(method, path, number):
        with lock:
            waiting[0] += 1
            most[0] = max(most[0], waiting[0])
        threading.Timer(0.25, leave).start()
        return "later" if method == "GET" else None

    def leave():
        with lock:
            waiting[0] -= 1

    proxy = FaultyProxy(port, count)
    source = f"""
        import os
        os.environ["AWS_ENDPOINT_URL"] = {proxy.url!r}
        import millstream as ms
        ms.init(num_cpus=1)
        print([row["id"] for row in ms.read_csv("s3://data/at-once").iter_rows()] == list(range(20_000)))
    """
    assert run_python(textwrap.dedent(source)) == "True\n"
    proxy.close()
    assert most[0] >= 6


@pytest.mark.parametrize("scheme", ["http", "memory"])
def test_a_program_may_end_while_files_are_fetched(run_python, web, scheme):
    url, directory = web
    for part in range(20):
        csv.write_csv(table(part * 500), directory / f"{part:02}.csv")
    source = f"""
        import time, fsspec, millstream as ms
        store = fsspec.filesystem({scheme!r})
        quick = type(store).cat_file
        if {scheme!r} == "memory":
            for part in range(20):
                store.pipe(f"/{{part:02}}.csv", fsspec.filesystem("http").cat(f"{url}/{{part:02}}.csv"))
        def slow(self, *args, **options):
            time.sleep(0.05)
            return quick(self, *args, **options)
        if {scheme!r} == "memory":
            type(store).cat_file = slow
        root = {url!r} if {scheme!r} == "http" else "memory://"
        rows = ms.read_csv([f"{{root}}/{{part:02}}.csv" for part in range(20)]).iter_rows()
        print(next(rows)["id"])
    """
    assert run_python(textwrap.dedent(source)) == "0\n"


def test_other_formats_through_fsspec(use_engine, memory):
    use_engine()
    with memory.open("/ipc/a.arrow", "wb") as file, pyarrow.ipc.new_file(file, table(0).schema) as writer:
        writer.write_table(table(0))
    assert ms.read_ipc("memory://ipc").to_arrow() == table(0)
    with memory.open("/orc/a.orc", "wb") as file:
        orc.write_table(table(0), file)
    assert ids(ms.read_orc("memory://orc")) == list(range(500))


def test_avro_and_tar_files_of_stores(use_engine, s3, memory):  # noqa: F811
    fastavro = pytest.importorskip("fastavro")
    use_engine()
    schema = {"type": "record", "name": "row", "fields": [{"name": "id", "type": "long"}]}
    out = io.BytesIO()
    fastavro.writer(out, schema, [{"id": number} for number in range(3000)])
    s3.put_object(Bucket="data", Key="avro/a.avro", Body=out.getvalue())
    with memory.open("/avro/a.avro", "wb") as file:
        file.write(out.getvalue())
    assert ids(ms.read_avro("s3://data/avro")) == list(range(3000))
    assert ids(ms.read_avro("/avro", filesystem=memory)) == list(range(3000))

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for number in range(3):
            member = tarfile.TarInfo(f"{number}.txt")
            member.size = 1
            tar.addfile(member, io.BytesIO(str(number).encode()))
    s3.put_object(Bucket="data", Key="tar/a.tar.gz", Body=out.getvalue())
    wanted = [{"__key__": str(n), "txt": str(n), "__url__": "s3://data/tar/a.tar.gz"} for n in range(3)]
    assert ms.read_webdataset("s3://data/tar").take_all() == wanted
