"""download: the bytes behind the URIs of a column."""

import http.server
import pathlib
import threading

import pyarrow as pa
import pyarrow.fs
import pytest

import millstream as ms
from millstream import col, lit
from millstream.expressions import DownloadExpr, download, udf


@pytest.fixture
def paths(tmp_path):
    made = []
    for number in range(300):
        path = tmp_path / f"file {number}.bin"
        path.write_bytes(f"content {number}".encode())
        made.append(str(path))
    return made


def contents(dataset):
    return [row["bytes"] for row in dataset.with_column("bytes", download("uri")).take_all()]


def test_paths_of_this_machine(paths):
    wanted = [pathlib.Path(path).read_bytes() for path in paths]
    assert contents(ms.from_arrow(pa.table({"uri": paths}))) == wanted
    uris = [pathlib.Path(path).as_uri() for path in paths]
    assert "%20" in uris[0]
    assert contents(ms.from_arrow(pa.table({"uri": uris}))) == wanted


def test_null_is_null(paths):
    rows = ms.from_arrow(pa.table({"uri": [paths[0], None, paths[2]]}))
    assert contents(rows) == [b"content 0", None, b"content 2"]
    nothing = ms.from_arrow(pa.table({"uri": pa.array([None, None], pa.string())}))
    made = nothing.with_column("bytes", download("uri"))
    assert contents(nothing) == [None, None]
    assert made.schema().types == [pa.string(), pa.binary()]


def test_what_is_not_there_is_named(paths):
    rows = ms.from_arrow(pa.table({"uri": [paths[0], "/no/such/file.bin"]}))
    with pytest.raises(FileNotFoundError, match=r"download\('uri'\): there is no file '/no/such/file.bin'"):
        contents(rows)
    directory = str(pathlib.Path(paths[0]).parent)
    with pytest.raises(IsADirectoryError, match="cannot be read"):
        contents(ms.from_arrow(pa.table({"uri": [directory]})))
    with pytest.raises(OSError, match="nothing://here"):
        contents(ms.from_arrow(pa.table({"uri": ["nothing://here"]})))


def test_other_types_than_texts_are_refused():
    with pytest.raises(TypeError, match=r"download\('id'\) takes a column of texts, and this one is int64"):
        ms.range(3).with_column("bytes", download("id")).take_all()
    with pytest.raises(KeyError, match="uri"):
        ms.range(3).with_column("bytes", download("uri"))
    with pytest.raises(TypeError, match="name of a column"):
        download(col("uri"))


def test_a_file_system_of_pyarrow(paths):
    folder = pathlib.Path(paths[0]).parent
    through = pyarrow.fs.SubTreeFileSystem(str(folder), pyarrow.fs.LocalFileSystem())
    rows = ms.from_arrow(pa.table({"uri": [pathlib.Path(path).name for path in paths[:3]]}))
    made = rows.with_column("bytes", download("uri", filesystem=through))
    assert [row["bytes"] for row in made.take_all()] == [b"content 0", b"content 1", b"content 2"]


def test_what_is_downloaded_goes_into_functions(paths):
    @udf("int64")
    def sizes(values):
        return [len(value) for value in values.to_pylist()]

    rows = ms.from_arrow(pa.table({"uri": paths[:3]}))
    assert [row["n"] for row in rows.with_column("n", sizes(download("uri")) * 2).take_all()] == [18, 18, 18]
    assert rows.filter(expr=download("uri") == lit(b"content 1")).count() == 1


class _Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path.startswith("/file")
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(self.path.encode() if found else b"no")

    def log_message(self, format, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Files) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_web_server(server):
    rows = ms.from_arrow(pa.table({"uri": [f"{server}/file{number}" for number in range(40)]}))
    assert contents(rows) == [f"/file{number}".encode() for number in range(40)]
    with pytest.raises(FileNotFoundError, match=rf"answered 404 \(Not Found\) to '{server}/other'"):
        contents(ms.from_arrow(pa.table({"uri": [f"{server}/other"]})))


def test_a_server_that_is_not_there():
    with pytest.raises(OSError, match=r"'http://127\.0\.0\.1:1/x' cannot be fetched"):
        contents(ms.from_arrow(pa.table({"uri": ["http://127.0.0.1:1/x"]})))


def test_its_text_and_type():
    expr = download("uri")
    assert isinstance(expr, DownloadExpr)
    assert repr(expr) == "download('uri')"
    assert expr.name == "uri"
    assert expr.get_type(pa.schema([("uri", pa.string())])) == pa.binary()
    assert not expr.is_idempotent()
