"""The order in which files are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millstream import _core
from millstream.seeds import check_seed


@dataclass(frozen=True)
class FileShuffleConfig:
    """A random order of files, for `shuffle=` of readers.

    Args:
        seed: From 0 to 2**64 - 1. None draws one when the data set is made.
        reseed_after_execution: With a seed it must be False: the order of files is the same at every execution.
    """

    seed: int | None = None
    reseed_after_execution: bool = True

    def __post_init__(self) -> None:
        if self.seed is not None:
            check_seed(self.seed)


def shuffle_seed(shuffle: Any) -> int:
    """TypeError for what is neither "files" nor a FileShuffleConfig, NotImplementedError for a new order each time."""
    if shuffle == "files":
        return _core.random_seed()
    if not isinstance(shuffle, FileShuffleConfig):
        raise TypeError(f"shuffle must be 'files', a FileShuffleConfig or None, not {shuffle!r}")
    if shuffle.seed is None:
        return _core.random_seed()
    if shuffle.reseed_after_execution:
        raise NotImplementedError(
            "FileShuffleConfig(reseed_after_execution=True): files come in the same order at every execution; give "
            "reseed_after_execution=False, or use random_shuffle(), whose order of rows is a function of the epoch too"
        )
    return shuffle.seed
