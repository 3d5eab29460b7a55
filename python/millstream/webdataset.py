"""read_webdataset: rows of tar files, a row for the members that share a key."""

from __future__ import annotations

import bz2
import fnmatch
import functools
import gzip
import io
import json
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Unpack, cast

from millstream import _core
from millstream.arguments import check_count, check_flag, refuse
from millstream.bad_files import BadFiles, PassedOver, blocks_of_file
from millstream.block import BlockMetadata
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.file_arguments import Paths, ReadOptions, block_count, read_files
from millstream.function_results import rows_to_batch
from millstream.libraries import Pieces
from millstream.read_limits import all_limit_values
from millstream.read_tasks import datasource_plan
from millstream.stores import file_systems_of, open_file, shown
from millstream.table_reading import grouped

if TYPE_CHECKING:
    import pyarrow

_MEMBER_BYTES_MAX = 1 << 31
_BYTES_FREE = 1 << 20  # of a compressed file, whatever the ratio
_BLOCK_BYTES = 8 << 20
_BLOCK_ROWS = 1 << 12
_TEXTS = frozenset({"txt", "text"})
_NUMBERS = frozenset({"cls", "cls2"})
_PICTURES = frozenset({"jpg", "jpeg", "png", "ppm", "pgm", "pbm", "pnm"})
_CODE = frozenset({"pickle", "pkl", "pyd", "pt", "pth"})

Open = Callable[[str], BinaryIO]
Patterns = Sequence[str] | Callable[[str], bool] | None


def read_webdataset(
    paths: Paths,
    *,
    decoder: Any = True,
    fileselect: Patterns = None,
    filerename: Any = None,
    suffixes: Patterns = None,
    verbose_open: bool = False,
    expand_json: bool = False,
    **options: Unpack[ReadOptions],
) -> Dataset:
    """Rows of WebDataset's tar files: members "<key>.<suffix>" that follow one another with one key are a row.

    The columns are "__key__", the suffixes in small letters, and "__url__", the file's path; a suffix that a row lacks
    is null. A file is read from its beginning to its end, compressed by gzip, bzip2 or xz or not, several at a time.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        decoder: What is made of the members' bytes, by their suffixes: with True texts of txt, whole numbers of cls,
            arrays of pictures (as they are stored, by Pillow) and of npy, and values of json; others stay bytes. "PIL"
            stands for the same. A function of the row's dict that gives another one, or a list of such; None: bytes.
        fileselect: Of the members those whose names match: patterns such as "*.jpg", or a function of the name.
        filerename: A function of a member's name that gives another.
        suffixes: Of a row's members those whose suffixes match: "jpg", "*.jpg", or a function of the suffix.
        expand_json: The keys of the member "json" become columns.
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        ValueError: while rows are read, with file and member: what is no tar file or is cut short, a suffix that comes
            twice in a row, a key that comes again later, a value that cannot be decoded or is beyond a limit, and one
            that would run code (pickle, pt): data carries none.
    """
    check_flag(verbose_open, "verbose_open")
    steps = _steps(decoder)
    expand = check_flag(expand_json, "expand_json")
    listed = options.copy()
    concurrency = listed.pop("concurrency", None)
    bad_files = BadFiles.taken_from(cast(dict[str, Any], listed))
    unsupported = {"include_paths": listed.get("include_paths"), "partitioning": listed.get("partitioning")}
    refuse("read_webdataset", unsupported, dict.fromkeys(unsupported, 'the column "__url__" has the path of the file'))
    listing = read_files("read_webdataset", paths, _core.read_binary, listed, file_extensions=("tar", "tar.gz", "tgz"))
    files = listing._plan.input_files()
    open_one = functools.partial(open_file, file_systems=file_systems_of(files))
    if concurrency is not None:
        check_count(concurrency, "concurrency", least=1)
    limits = all_limit_values(options.get("limits"))
    if getattr(options.get("limits"), "record_bytes", None) is None:
        limits["record_bytes"] = _MEMBER_BYTES_MAX
    members = functools.partial(
        _members,
        open_one=open_one,
        select=_matcher(fileselect, "fileselect"),
        renames=_steps_of(filerename),
        limits=limits,
    )
    samples = functools.partial(_samples, wanted=_matcher(suffixes, "suffixes"))
    decode = functools.partial(_decoded, steps=steps, expand_json=expand, pixels=limits["pixels"])
    read = functools.partial(_read, members=members, samples=samples, decode=decode, bad_files=bad_files)
    groups = grouped(files, block_count(options.get("parallelism", -1), options.get("override_num_blocks")))
    tasks = [ReadTask(functools.partial(read, group), _metadata(group, open_one)) for group in groups]
    return Dataset(datasource_plan(Pieces("WebDataset", lambda _: tasks), len(tasks), None, concurrency, bad_files))


def _metadata(paths: list[str], open_one: Open) -> BlockMetadata:
    size_bytes = 0
    for path in paths:
        with open_one(path) as file:
            size_bytes += file.seek(0, io.SEEK_END)
    return BlockMetadata(size_bytes=size_bytes, input_files=[shown(path) for path in paths])


def _read(
    paths: list[str], members: Any, samples: Any, decode: Any, bad_files: BadFiles | None
) -> Iterator[pyarrow.RecordBatch | PassedOver]:
    for path in paths:
        yield from blocks_of_file(path, _batches(path, members, samples, decode), bad_files)


def _batches(path: str, members: Any, samples: Any, decode: Any) -> Iterator[pyarrow.RecordBatch]:
    """What comes before an error is there too."""
    rows: list[dict[str, Any]] = []
    held = 0
    where = f"read_webdataset: {shown(path)}"
    try:
        for sample in samples(shown(path), members(path)):
            held += sum(len(value) for value in sample.values())
            rows.append(decode(shown(path), sample))
            if held >= _BLOCK_BYTES or len(rows) == _BLOCK_ROWS:
                yield rows_to_batch(rows, where=where)
                rows, held = [], 0
    except ValueError:
        if rows:
            yield rows_to_batch(rows, where=where)
        raise
    if rows:
        yield rows_to_batch(rows, where=where)


def _members(
    path: str,
    open_one: Open,
    select: Callable[[str], bool],
    renames: list[Callable[[str], str]],
    limits: dict[str, int],
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of the files in a tar file. Nothing is written anywhere, whatever their names are."""
    name = None
    is_users = False  # what is being called
    try:
        with open_one(path) as stored, _decompressed(stored) as file:
            watched = _Watched(file, stored.seek(0, io.SEEK_END), limits["decompressed_ratio"])
            stored.seek(0)
            tar = tarfile.open(fileobj=cast(Any, watched), mode="r|")  # noqa: SIM115 (nothing of its own to close)
            for member in tar:
                if not member.isreg():
                    continue
                name = member.name
                if member.size > limits["record_bytes"]:
                    what = f"it has {member.size} bytes, more than the {limits['record_bytes']} that are read"
                    raise _OverLimitError(f"{what}; raise it with limits=ReadLimits(record_bytes=...)")
                is_users = True
                for rename in renames:
                    name = rename(name)
                is_selected = select(name)
                is_users = False
                if is_selected:
                    data = tar.extractfile(member)
                    assert data is not None
                    yield name, data.read()
            watched.check_end()
    except (tarfile.TarError, EOFError, ValueError, OSError, lzma.LZMAError, zlib.error) as error:
        if is_users or (isinstance(error, OSError) and error.errno is not None):
            raise
        place = "" if name is None else f", at or behind the member {name!r}"
        why = "" if isinstance(error, _OverLimitError) else "; the file is damaged or no tar file"
        raise ValueError(f"read_webdataset: {shown(path)}{place}: {error}{why}") from None


def _decompressed(file: BinaryIO) -> Any:
    """The file, decompressed as its first bytes tell."""
    head = file.read(6)
    file.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return gzip.open(file)
    if head.startswith(b"BZh"):
        return bz2.open(file)
    return lzma.open(file) if head == b"\xfd7zXZ\0" else file


class _OverLimitError(ValueError):
    """More than a limit lets pass."""


class _Watched:
    """A file whose end is looked at: tarfile takes one that was cut off between two members for a whole one.

    And how much it decompresses to, beside the bytes that it has.
    """

    def __init__(self, file: Any, stored_bytes: int, ratio_max: int) -> None:
        self._file = file
        self._ratio_max = ratio_max
        self._bytes_max = max(stored_bytes * ratio_max, _BYTES_FREE)
        self._bytes = 0
        self._last = b""

    def read(self, size: int) -> bytes:
        data: bytes = self._file.read(size)
        self._bytes += len(data)
        if self._bytes > self._bytes_max:
            what = f"it decompresses to {self._bytes} bytes or more, above the ratio of {self._ratio_max}"
            raise _OverLimitError(f"{what} that is allowed; raise it with limits=ReadLimits(decompressed_ratio=...)")
        self._last = (self._last + data)[-tarfile.BLOCKSIZE :]
        return data

    def check_end(self) -> None:
        if self._bytes % tarfile.BLOCKSIZE or self._last.strip(b"\0"):
            raise ValueError("it has no end, so that members may be missing")


def _samples(
    path: str, members: Iterable[tuple[str, bytes]], wanted: Callable[[str], bool]
) -> Iterator[dict[str, Any]]:
    sample: dict[str, Any] | None = None
    ended: set[str] = set()
    for name, data in members:
        directory, _, base = name.rpartition("/")
        stem, dot, suffix = base.partition(".")
        if not dot or not stem:
            continue
        key = f"{directory}/{stem}" if directory else stem
        if sample is None or key != sample["__key__"]:
            if sample is not None:
                ended.add(sample["__key__"])
                if len(sample) > 1:
                    yield sample
            if key in ended:
                raise ValueError(
                    f"read_webdataset: {path}: the members of the key {key!r} do not follow one another; write the "
                    "file with its members sorted by name (tar --sort=name)"
                )
            sample = {"__key__": key}
        suffix = suffix.lower()
        if suffix in sample:
            raise ValueError(f"read_webdataset: {path}: the member {name!r} comes twice")
        if wanted(suffix):
            sample[suffix] = data
    if sample is not None and len(sample) > 1:
        yield sample


def _decoded(path: str, sample: dict[str, Any], steps: list[Any], expand_json: bool, pixels: int) -> dict[str, Any]:
    for step in steps:
        sample = step(sample) if callable(step) else _by_suffix(path, sample, pixels)
    if expand_json:
        sample = {**_json_object(path, sample), **sample}
    return {**sample, "__url__": path}


def _json_object(path: str, sample: dict[str, Any]) -> dict[str, Any]:
    value = sample.get("json")
    where = f"read_webdataset: {path}: the json of the key {sample['__key__']!r}"
    try:
        decoded = json.loads(value or b"{}") if value is None or isinstance(value, bytes | str) else value
    except ValueError as error:
        raise ValueError(f"{where} cannot be decoded: {error}") from None
    if not isinstance(decoded, dict):
        raise ValueError(f"{where} is no object, whose keys could become columns")
    return decoded


def _by_suffix(path: str, sample: dict[str, Any], pixels: int) -> dict[str, Any]:
    decoded = {}
    for suffix, value in sample.items():
        if suffix.startswith("__") or not isinstance(value, bytes):
            decoded[suffix] = value
            continue
        try:
            decoded[suffix] = _value(suffix.rpartition(".")[2], value, pixels)
        except ImportError:
            raise
        except Exception as error:
            member = f"{sample['__key__']}.{suffix}"
            raise ValueError(f"read_webdataset: {path}, the member {member!r}: {error}") from error
    return decoded


def _value(ending: str, data: bytes, pixels: int) -> Any:
    if ending in _TEXTS:
        return data.decode()
    if ending in _NUMBERS:
        return int(data)
    if ending in _PICTURES:
        return _picture(data, pixels)
    if ending == "json":
        return json.loads(data)
    if ending == "npy":
        import numpy

        return numpy.load(io.BytesIO(data), allow_pickle=False)
    if ending in _CODE:
        raise ValueError("what it holds runs code when it is read; leave it out with suffixes=, or give a decoder")
    return data


def _picture(data: bytes, pixels: int) -> Any:
    import numpy

    try:
        import PIL.Image
    except ImportError:
        raise ImportError("read_webdataset: pictures need Pillow: pip install pillow, or decoder=None") from None
    image = PIL.Image.open(io.BytesIO(data))
    if image.width * image.height > pixels:
        what = f"it has {image.width} x {image.height} pixels, more than the {pixels} that are allowed"
        raise ValueError(f"{what}; raise it with limits=ReadLimits(pixels=...)")
    return numpy.asarray(image)


def _steps(decoder: Any) -> list[Any]:
    """Functions of a row, or True for what is told by suffixes."""
    steps = decoder if isinstance(decoder, list) else [] if decoder is None or decoder is False else [decoder]
    for step in steps:
        if not callable(step) and step is not True and step != "PIL":
            raise TypeError(f"decoder must be True, None, a function of a row or a list of these, not {step!r}")
    return steps


def _steps_of(filerename: Any) -> list[Callable[[str], str]]:
    renames = filerename if isinstance(filerename, list) else [] if filerename is None else [filerename]
    if not all(map(callable, renames)):
        raise TypeError("filerename must be a function of a member's name, or a list of such")
    return renames


def _matcher(patterns: Patterns, argument: str) -> Callable[[str], bool]:
    if patterns is None:
        return _any_name
    if callable(patterns):
        return patterns
    if isinstance(patterns, str) or not all(isinstance(pattern, str) for pattern in patterns):
        raise TypeError(f"{argument} must be a list of patterns, a function of a name or None, not {patterns!r}")
    return functools.partial(_matches, tuple(patterns))


def _any_name(name: str) -> bool:
    return True


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    """A pattern with * or ? is a glob of the name with a dot before it; another is the name, with a dot or without."""
    return any(
        fnmatch.fnmatch(f".{name}", pattern) or fnmatch.fnmatch(name, pattern)
        if "*" in pattern or "?" in pattern
        else pattern in (name, f".{name}")
        for pattern in patterns
    )
