"""How CSV files are to be written: pyarrow's options."""

from __future__ import annotations

from typing import Any

from millstream import _core


def csv_files(options: Any, compression: str) -> _core.WriteFormat:
    """Of a `pyarrow.csv.WriteOptions`, or anything with its attributes. TypeError for what has none of them."""
    if options is not None and not hasattr(options, "include_header"):
        raise TypeError(f"write_options must be a pyarrow.csv.WriteOptions, not {type(options).__name__}")
    for name, default in (("eol", "\n"), ("null_string", "")):
        if getattr(options, name, default) != default:
            raise NotImplementedError(f"write_csv: WriteOptions({name}=...) is not supported; leave it out")
    return _core.csv_files(
        include_header=bool(getattr(options, "include_header", True)),
        delimiter=getattr(options, "delimiter", ","),
        quoting=getattr(options, "quoting_style", "needed"),
        quoting_header=getattr(options, "quoting_header", "needed"),
        compression=compression,
    )
