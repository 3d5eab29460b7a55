"""What is said of a block, the rows that one task reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass
class BlockMetadata:
    """What a read task tells of its rows before it reads them; None where it does not know.

    Args:
        num_rows: Rows.
        size_bytes: Bytes of them in memory.
        exec_stats: Ray's own; nothing depends on it.
        input_files: Paths of the files that they come from.
    """

    num_rows: int | None = None
    size_bytes: int | None = None
    exec_stats: Any = None
    input_files: Sequence[str] | None = None
