"""How much a file may make its reader hold or do."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from millstream import _core
from millstream.arguments import check_count


@dataclass(frozen=True)
class ReadLimits:
    """How much a file may make its reader hold or do, for `limits=` of readers of files.

    What is beyond a limit is a bad row, or a bad file where its rows cannot be told from one another: a ValueError that
    names the file, the place and the limit, or passed over as on_bad_row and on_bad_file say. It is not held. A limit
    that does not concern a reader is not looked at. None is what each has by default.

    Args:
        line_bytes: Of a line of CSV, JSON or text without its end, so that no value is longer either; of the values of
            a CSV row that goes over several lines; of an object of a JSON array. By default 64 MiB, 1 GiB at most.
        record_bytes: Of a TFRecord, and of the texts and the values in lists of an ORC file's row, by default 64 MiB,
            1 GiB at most; of a member of a tar file, by default 2 GiB.
        nesting: Lists and structs within each other in a column: JSON, IPC, ORC, Parquet, Avro. By default 62, which is
            what functions and pyarrow can be given, 120 at most.
        columns: Of a file and of all files together, those within structs counted: CSV, JSON, TFRecords, IPC, ORC,
            Parquet, Avro. By default 100,000.
        decompressed_ratio: Bytes that a compressed file gives for each that it has: CSV, JSON, text, TFRecords, tar. By
            default 1000. It may always give 1 MiB.
        pixels: Of a picture, before it is scaled. By default 2**28.

    Raises:
        TypeError: a limit that is no whole number.
        ValueError: one that is less than 1; in a reader, one that is more than can be.
    """

    line_bytes: int | None = None
    record_bytes: int | None = None
    nesting: int | None = None
    columns: int | None = None
    decompressed_ratio: int | None = None
    pixels: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if (value := getattr(self, field.name)) is not None and check_count(value, field.name, least=1) >= 1 << 63:
                raise ValueError(f"{field.name} must be less than 2**63, got {value}")


def check_limits(limits: Any) -> ReadLimits:
    """TypeError for what is neither a ReadLimits nor None."""
    if limits is not None and not isinstance(limits, ReadLimits):
        raise TypeError(f"limits must be a millstream.ReadLimits or None, not {type(limits).__name__}")
    return limits or ReadLimits()


def limit_values(limits: Any) -> dict[str, int]:
    """Those that are given, as the engine takes them."""
    given = check_limits(limits)
    values = {field.name: getattr(given, field.name) for field in fields(given)}
    return {name: int(value) for name, value in values.items() if value is not None}


def all_limit_values(limits: Any) -> dict[str, int]:
    """The same of all of them."""
    return {**_core.default_limits(), **limit_values(limits)}


def with_pixels(limits: Any, max_pixels: int) -> ReadLimits:
    """`limits` with another name's value of `pixels`. ValueError where they have one of their own."""
    given = check_limits(limits)
    if given.pixels is not None:
        raise ValueError("max_pixels is the same as the pixels of limits; leave one of them out")
    return replace(given, pixels=check_count(max_pixels, "max_pixels", least=1))
