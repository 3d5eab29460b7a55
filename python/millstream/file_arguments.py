"""Checks of the arguments that all readers of files share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from millstream.arguments import check_count, check_local_path


def path_list(paths: Any) -> list[str]:
    """The paths as texts. TypeError, ValueError where there is none, NotImplementedError for a URL."""
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    if isinstance(given, bytes) or not isinstance(given, Sequence):
        raise TypeError(f"paths must be a path or a list of paths, not {type(paths).__name__}")
    if not given:
        raise ValueError("paths is empty: name at least one file, directory or glob")
    return [check_local_path(path, "a path") for path in given]


def path_remedy(paths: Sequence[str]) -> str:
    """What to do about a path that is not there."""
    if any(path.startswith("~") for path in paths):
        return "~ is not expanded in paths: use os.path.expanduser()"
    if not all(os.path.isabs(path) for path in paths):
        return f"check the path; relative paths begin at {os.getcwd()}"
    return "check the path"


def extension_list(extensions: Any) -> list[str]:
    """File extensions as the engine takes them, each with its dot; none: all files."""
    if extensions is None:
        return []
    given = [extensions] if isinstance(extensions, str) else extensions
    if not isinstance(given, Sequence) or not all(isinstance(each, str) and each.strip(".") for each in given):
        raise TypeError(f"file_extensions must be a list of texts such as 'csv', not {extensions!r}")
    return [f".{each.lstrip('.')}" for each in given]


def block_count(parallelism: int, override_num_blocks: int | None) -> int:
    """What the engine takes: 0 lets the source decide."""
    if override_num_blocks is not None:
        return check_count(override_num_blocks, "override_num_blocks", least=1)
    if parallelism == -1:
        return 0
    return check_count(parallelism, "parallelism", least=1)
