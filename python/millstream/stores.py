"""Where paths lead: stores that paths name, and file systems that a person gives as `filesystem=`.

The engine knows a store by what its paths begin with: "s3://", or for a file system that was given a name of its own,
"s3~0f3a…://", which is shown to nobody. Those that Arrow has clients for are read by them, with the options of the file
system that was given; others are called back: pyarrow's and fsspec's, the latter also for URLs that fsspec knows.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

from millstream import _core
from millstream.process_engine import PROCESS_ENGINE

_BUFFER_BYTES = 1 << 20
_NATIVE = frozenset({"s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs"})
_OTHER_NAMES = {"s3a": "s3", "s3n": "s3"}
_LOCAL = frozenset({"file", "local"})
_WITH_BUCKETS = frozenset({"s3", "gs", "gcs"})
# Options of pyarrow's file systems that the engine's own clients take, by the name of the class; with what pyarrow has
# where none are given.
_NATIVE_OPTIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "S3FileSystem": (
        "s3",
        {
            "access_key": None,
            "secret_key": None,
            "session_token": None,
            "anonymous": False,
            "region": "",
            "scheme": "https",
            "endpoint_override": "",
            "connect_timeout": -1.0,
            "request_timeout": -1.0,
            "force_virtual_addressing": False,
            "allow_bucket_creation": False,
            "allow_bucket_deletion": False,
            "tls_ca_file_path": "",
        },
    ),
    "GcsFileSystem": (
        "gs",
        {
            "anonymous": False,
            "scheme": "https",
            "endpoint_override": "",
            "default_bucket_location": "",
            "project_id": None,
        },
    ),
    "AzureFileSystem": (
        "abfs",
        {
            "account_name": "",
            "account_key": "",
            "blob_storage_authority": "",
            "blob_storage_scheme": "",
            "dfs_storage_authority": "",
            "dfs_storage_scheme": "",
            "client_id": "",
            "client_secret": "",
            "sas_token": "",
            "tenant_id": "",
        },
    ),
    "HadoopFileSystem": ("hdfs", {"host": "", "port": 0, "user": "", "kerb_ticket": ""}),
}
# Options that change nothing about what is read and written.
_OF_NO_MATTER: Mapping[str, Any] = {
    "allow_delayed_open": ...,
    "background_writes": ...,
    "buffer_size": ...,
    "check_directory_existence_before_creation": ...,
    "default_block_size": ...,
    "load_frequency": ...,
    "replication": ...,
}

_lock = threading.Lock()
_given: dict[str, Any] = {}  # file systems by the names that they have here


def located(engine: _core.Engine, path: str, filesystem: Any = None) -> str:
    """The path as the engine takes it, with its store known there.

    ValueError for a URL that nobody knows or that names no bucket; ImportError where its library is missing.
    """
    if filesystem is not None:
        return _given_path(engine, path, filesystem)
    scheme, separator, rest = path.partition("://")
    if not separator or "/" in scheme or scheme.startswith((".", "~")):
        return path
    scheme = _OTHER_NAMES.get(scheme.lower(), scheme.lower())
    if scheme in _LOCAL:
        return unquote(rest)
    if scheme in _WITH_BUCKETS and rest.split("/")[0] in ("", "*", "**"):
        raise ValueError(f"{path!r} names no bucket: write {scheme}://bucket/key")
    if scheme not in _NATIVE:
        _core.add_python_store(engine, f"{scheme}://", f"{scheme}://", _FsspecStore(_fsspec_file_system(scheme, path)))
    return f"{scheme}://{rest}"


def shown(path: str) -> str:
    """A path of the engine's as a person wrote it."""
    name, separator, rest = path.partition("://")
    return rest if separator and "~" in name else path


def file_systems_of(paths: Iterable[str]) -> dict[str, Any]:
    """The stores that paths of the engine's need, for `restore` elsewhere: None for those that need no object."""
    names = {path.partition("://")[0] for path in paths if is_of_store(path)}
    with _lock:
        return {name: _given.get(name) for name in sorted(names)}


def restore(engine: _core.Engine, file_systems: Mapping[str, Any]) -> None:
    """Makes the stores known to the engine."""
    for name, filesystem in file_systems.items():
        if filesystem is not None:
            with _lock:
                _given.setdefault(name, filesystem)
            _add_given(engine, name, filesystem)
        elif name not in _NATIVE:
            located(engine, f"{name}://")


def is_of_store(path: str) -> bool:
    """Whether a path of the engine's is of no disk of this machine."""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and "/" not in scheme


def open_file(path: str, file_systems: Mapping[str, Any]) -> BinaryIO:
    """A file of the engine's paths, for a reader in Python; `file_systems`: as `file_systems_of` gives them."""
    if not is_of_store(path):
        return open(path, "rb")
    engine = PROCESS_ENGINE.get()
    restore(engine, file_systems)
    return cast(BinaryIO, io.BufferedReader(_StoredFile(_core.open_input(engine, path)), _BUFFER_BYTES))


class _StoredFile(io.RawIOBase):
    def __init__(self, file: _core.Input) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begins = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size}
        self._position = max(begins[whence] + offset, 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._file.read_at(len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _given_path(engine: _core.Engine, path: str, filesystem: Any) -> str:
    filesystem, base = _unwrapped(filesystem)
    if not _is_pyarrow(filesystem) and not callable(getattr(filesystem, "cat_file", None)):
        raise TypeError(f"filesystem must be one of pyarrow.fs or fsspec, not {type(filesystem).__name__}")
    scheme, separator, rest = path.partition("://")
    if separator and "/" not in scheme:
        path = rest if _is_pyarrow(filesystem) or _is_local(filesystem) else filesystem._strip_protocol(path)
    if base:
        path = f"{base.rstrip('/')}/{path.lstrip('/')}"
    if _is_local(filesystem):
        return unquote(path) if separator else path
    name = _name_of(filesystem)
    _add_given(engine, name, filesystem)
    return f"{name}://{path}"


def _unwrapped(filesystem: Any) -> tuple[Any, str]:
    """The file system below pyarrow's wrappers, and the directory that its paths begin in."""
    base = ""
    while True:
        kind = type(filesystem).__name__
        if kind == "SubTreeFileSystem" and _is_pyarrow(filesystem):
            base = f"{filesystem.base_path.rstrip('/')}/{base}" if base else filesystem.base_path
            filesystem = filesystem.base_fs
        elif kind == "PyFileSystem" and type(filesystem.handler).__name__ == "FSSpecHandler":
            filesystem = filesystem.handler.fs
        else:
            return filesystem, base


def _is_pyarrow(filesystem: Any) -> bool:
    return any(base.__module__.startswith("pyarrow.") for base in type(filesystem).__mro__)


def _is_local(filesystem: Any) -> bool:
    return type(filesystem).__name__ == "LocalFileSystem"


def _name_of(filesystem: Any) -> str:
    with _lock:
        for name, known in _given.items():
            if known is filesystem or (type(known) is type(filesystem) and known == filesystem):
                return name
        kind = filesystem.type_name if _is_pyarrow(filesystem) else filesystem.protocol
        kind = kind if isinstance(kind, str) else kind[0]
        word = "".join(letter for letter in kind.lower() if letter.isalnum()) or "store"
        name = f"{word}~{uuid.uuid4().hex[:8]}"
        _given[name] = filesystem
        return name


def _add_given(engine: _core.Engine, name: str, filesystem: Any) -> None:
    prefix = f"{name}://"
    if not _is_pyarrow(filesystem):
        _core.add_python_store(engine, prefix, "", _FsspecStore(filesystem))
    elif (native := _native_options(filesystem)) is not None:
        _core.add_native_store(engine, prefix, *native)
    else:
        _core.add_python_store(engine, prefix, "", _PyarrowStore(filesystem))


def _native_options(filesystem: Any) -> tuple[str, dict[str, str]] | None:
    """The options of one of pyarrow's file systems for the engine's own client; None where that has not all of them."""
    if type(filesystem).__name__ not in _NATIVE_OPTIONS:
        return None
    kind, known = _NATIVE_OPTIONS[type(filesystem).__name__]
    (arguments,) = filesystem.__reduce__()[1]
    options = {}
    for name, value in arguments.items():
        if value in (None, "", False) or name in _OF_NO_MATTER or value == known.get(name, ...):
            continue
        if name == "proxy_options" and not any(part not in ("", -1, None) for part in value.values()):
            continue
        if name not in known:
            return None
        options[name] = "true" if value is True else str(value)
    return kind, options or {"scheme": str(arguments.get("scheme", "https"))} if kind == "s3" else options


def _fsspec_file_system(scheme: str, path: str) -> Any:
    import fsspec

    try:
        return fsspec.filesystem(scheme)
    except ImportError as error:
        raise ImportError(f"{path}: {error}") from None
    except ValueError:
        known = ", ".join(f"{name}://" for name in sorted(_NATIVE))
        raise ValueError(f"{path!r}: nobody here knows {scheme}://; this reads {known} and what fsspec knows") from None


@functools.cache
def _close_engine_first() -> None:
    """Has the engine end before fsspec ends its connections at exit, for which whoever reads then would wait for ever.

    To be called once there are connections: what was registered last is called first.
    """
    atexit.register(PROCESS_ENGINE.close)


class _FsspecFile:
    def __init__(self, filesystem: Any, path: str) -> None:
        self._filesystem = filesystem
        self._path = path

    def read_at(self, size: int, offset: int) -> bytes:
        data: bytes = self._filesystem.cat_file(self._path, start=offset, end=offset + size)
        if len(data) > size:
            raise OSError("the server does not give parts of files, only whole ones; download it first")
        return data


class _Output:
    """A file that is there once it is closed, where the store can do that; `remove` takes it away again."""

    def __init__(self, file: Any, remove: Callable[[], Any]) -> None:
        self._file = file
        self._remove = remove
        self.write = file.write
        self.close = file.close

    def abort(self) -> None:
        self._file.close()
        self._remove()


class _FsspecStore:
    """What the engine asks of a store, by fsspec."""

    def __init__(self, filesystem: Any) -> None:
        self._filesystem = filesystem

    def info(self, path: str) -> tuple[str, bool, int, float] | None:
        try:
            info = self._filesystem.info(path)
        except FileNotFoundError:
            return None
        _close_engine_first()
        return _fsspec_info(path, info)

    def list(self, directory: str, recursive: bool) -> list[tuple[str, bool, int, float]]:
        base = self._filesystem._strip_protocol(directory).rstrip("/")
        if recursive:
            found = self._filesystem.find(directory, detail=True).items()
        else:
            found = [(entry["name"], entry) for entry in self._filesystem.ls(directory, detail=True, refresh=True)]
        entries = []
        for name, entry in found:
            below = name.rstrip("/").removeprefix(base).lstrip("/")
            if below:
                parent = directory if directory.endswith("/") else f"{directory}/"
                entries.append(_fsspec_info(f"{parent}{below}", entry))
        return entries

    def open(self, path: str) -> tuple[_FsspecFile, int]:
        self._filesystem.invalidate_cache(self._filesystem._parent(path))  # what there is now
        _, _, size, _ = _fsspec_info(path, self._filesystem.info(path))
        return _FsspecFile(self._filesystem, path), size

    def create(self, path: str) -> _Output:
        return _Output(self._filesystem.open(path, "wb"), functools.partial(self._filesystem.rm_file, path))

    def create_directory(self, path: str) -> None:
        self._filesystem.makedirs(path, exist_ok=True)

    def remove(self, path: str) -> None:
        if self._filesystem.isdir(path):
            self._filesystem.rmdir(path)
        else:
            self._filesystem.rm_file(path)

    def remove_tree(self, path: str) -> None:
        # Not rm, which takes a path for a pattern.
        for name in self._filesystem.find(path):
            self._filesystem.rm_file(name)
        directories = [name for name, _, _ in self._filesystem.walk(path)] if self._filesystem.exists(path) else []
        for name in sorted(directories, reverse=True):
            with contextlib.suppress(OSError, NotImplementedError):
                self._filesystem.rmdir(name)

    def move(self, source: str, target: str) -> None:
        self._filesystem.cp_file(source, target)  # not mv, which takes a path for a pattern
        self._filesystem.rm_file(source)


def _fsspec_info(path: str, info: Mapping[str, Any]) -> tuple[str, bool, int, float]:
    is_directory = info["type"] == "directory"
    size = info.get("size")
    if size is None and not is_directory:
        raise OSError(f"the server does not tell how many bytes {path} has; download it first")
    changed: Any = info.get("mtime") or info.get("created") or info.get("LastModified") or -1.0
    seconds = changed.timestamp() if hasattr(changed, "timestamp") else changed
    return path, is_directory, 0 if is_directory else int(size or 0), float(seconds)


class _PyarrowStore:
    """The same by a file system of pyarrow's."""

    def __init__(self, filesystem: Any) -> None:
        self._filesystem = filesystem

    def info(self, path: str) -> tuple[str, bool, int, float] | None:
        return _pyarrow_info(self._filesystem.get_file_info(path))

    def list(self, directory: str, recursive: bool) -> list[tuple[str, bool, int, float]]:
        from pyarrow.fs import FileSelector

        found = self._filesystem.get_file_info(FileSelector(directory, recursive=recursive))
        return [entry for info in found if (entry := _pyarrow_info(info)) is not None]

    def open(self, path: str) -> tuple[Any, int]:
        file = self._filesystem.open_input_file(path)
        return file, file.size()

    def create(self, path: str) -> _Output:
        return _Output(self._filesystem.open_output_stream(path), functools.partial(self._filesystem.delete_file, path))

    def create_directory(self, path: str) -> None:
        self._filesystem.create_dir(path, recursive=True)

    def remove(self, path: str) -> None:
        self._filesystem.delete_file(path)

    def remove_tree(self, path: str) -> None:
        self._filesystem.delete_dir(path)

    def move(self, source: str, target: str) -> None:
        self._filesystem.move(source, target)


def _pyarrow_info(info: Any) -> tuple[str, bool, int, float] | None:
    from pyarrow.fs import FileType

    if info.type == FileType.NotFound:
        return None
    changed = -1.0 if info.mtime is None else info.mtime.timestamp()
    return info.path, info.type == FileType.Directory, info.size or 0, changed


def path_text(path: Any, name: str) -> str:
    """`path` as text. TypeError for another type, ValueError for none."""
    if not isinstance(path, str | os.PathLike) or not isinstance(text := os.fspath(path), str):
        raise TypeError(f"{name} must be a text or os.PathLike, not {type(path).__name__}")
    if not text:
        raise ValueError(f"{name} is empty")
    return text
