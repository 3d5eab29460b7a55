"""Files behind URIs, for the expression `download`."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from millstream.column_calls import ColumnFunction

if TYPE_CHECKING:
    import pyarrow

_FETCHED_AT_ONCE = 16
_TIMEOUT_S = 60.0  # without an answer
_WEB = ("http", "https")
_TOLD_AS: tuple[type[OSError], ...] = (PermissionError, IsADirectoryError, TimeoutError)


class Download(ColumnFunction):
    """Reads what a column of URIs names, through a pyarrow file system where one is given."""

    def __init__(self, column: str, filesystem: Any) -> None:
        super().__init__(None, (column, filesystem))

    @property
    def name(self) -> str:
        return "download"

    def open(self) -> Callable[..., Any]:
        column, filesystem = self.constructor_args
        return _Downloader(column, filesystem)


class _Downloader:
    def __init__(self, column: str, filesystem: Any) -> None:
        self._column = column
        self._filesystem = filesystem
        self._pool = ThreadPoolExecutor(_FETCHED_AT_ONCE, thread_name_prefix="ms-download")

    def __call__(self, uris: pyarrow.Array) -> pyarrow.Array:
        import pyarrow

        if not (pyarrow.types.is_string(uris.type) or pyarrow.types.is_large_string(uris.type)):
            raise TypeError(f"download({self._column!r}) takes a column of texts, and this one is {uris.type}")
        fetched = list(self._pool.map(self._fetched, uris.to_pylist()))
        for result in fetched:
            if isinstance(result, Exception):  # raised here, so that it is not told as a user's function's
                raise result
        return pyarrow.array(fetched, pyarrow.binary())

    def _fetched(self, uri: str | None) -> Any:
        if uri is None:
            return None
        try:
            return _read(uri, self._filesystem)
        except Exception as error:
            return _told(self._column, uri, error)


def _read(uri: str, filesystem: Any) -> bytes:
    if filesystem is not None:
        return _read_through(filesystem, uri)
    scheme = urlsplit(uri).scheme.lower() if "://" in uri else ""
    if scheme in _WEB:
        with urllib.request.urlopen(uri, timeout=_TIMEOUT_S) as answer:
            content: bytes = answer.read()
            return content
    if scheme in ("", "file", "local"):
        with open(uri if not scheme else unquote(urlsplit(uri).path), "rb") as file:
            return file.read()
    import pyarrow.fs

    return _read_through(*pyarrow.fs.FileSystem.from_uri(uri))


def _read_through(filesystem: Any, path: str) -> bytes:
    with filesystem.open_input_stream(path) as stream:
        content: bytes = stream.read()
        return content


def _told(column: str, uri: str, error: Exception) -> Exception:
    where = f"download({column!r}): "
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(f"{where}there is no file {uri!r}")
    if isinstance(error, urllib.error.HTTPError):
        kind = FileNotFoundError if error.code in (404, 410) else OSError
        return kind(f"{where}the server answered {error.code} ({error.reason}) to {uri!r}")
    if isinstance(error, urllib.error.URLError):
        return OSError(f"{where}{uri!r} cannot be fetched: {error.reason}")
    told_as = next((kind for kind in _TOLD_AS if isinstance(error, kind)), OSError)
    reason = getattr(error, "strerror", None) or error
    return told_as(f"{where}{uri!r} cannot be read: {reason}")
