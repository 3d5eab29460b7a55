"""Data sets cut into parts: plans that each run the rows they were cut from, and leave the other parts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.arguments import check_count
from millstream.seeds import check_seed

if TYPE_CHECKING:
    from millstream.dataset import Dataset


def split_at_indices(dataset: Dataset, indices: Sequence[int]) -> list[Dataset]:
    """The rows before the first index, from each to the next, and from the last on."""
    if not isinstance(indices, list | tuple):
        raise ValueError("split_at_indices takes a list of at least one row number")
    bounds = [check_count(index, "an index of split_at_indices") for index in indices]
    return _each(dataset, dataset._plan.split_at_indices(bounds))


def split_proportionately(dataset: Dataset, proportions: Sequence[float]) -> list[Dataset]:
    """One part a proportion, and one of the rows that are left."""
    if not isinstance(proportions, list | tuple):
        raise ValueError("split_proportionately takes a list of at least one proportion")
    return _each(dataset, dataset._plan.split_proportionately(proportions, dataset.count()))


def split(dataset: Dataset, n: int, equal: bool) -> list[Dataset]:
    """`n` parts whose sizes differ by at most one row; `equal` leaves out the rows that do not divide."""
    check_count(n, "n", least=1)
    return _each(dataset, dataset._plan.split_evenly(n, equal, dataset.count()))


def train_test_split(dataset: Dataset, test_size: Any, *, shuffle: bool, seed: int | None) -> tuple[Dataset, Dataset]:
    """The first rows and the last: `test_size` is a share of all rows, or a number of rows."""
    if shuffle:
        dataset = dataset.random_shuffle(seed=seed)
    if isinstance(test_size, bool) or not isinstance(test_size, int | float):
        raise TypeError(f"test_size must be a share or a number of rows, not {type(test_size).__name__}")
    plan, rows = dataset._plan, dataset.count()
    by_share = isinstance(test_size, float)
    parts = plan.split_last_share(test_size, rows) if by_share else plan.split_last_rows(int(test_size), rows)
    train, test = _each(dataset, parts)
    return train, test


def stratified_split(dataset: Dataset, test_size: Any, stratify: str, *, shuffle: bool) -> tuple[Dataset, Dataset]:
    """The first and the last rows of each value of the column `stratify`, `test_size` being the share of the last."""
    if shuffle:
        raise ValueError("train_test_split takes shuffle=True or stratify=..., not both; shuffle the rows before")
    if isinstance(test_size, bool) or not isinstance(test_size, int | float):
        raise TypeError(f"test_size must be a share of the rows, not {type(test_size).__name__}")
    share = float(test_size) if isinstance(test_size, float) else test_size / max(dataset.count(), 1)
    if not 0 < share < 1:
        raise ValueError(f"test_size must be above 0 and below all rows, got {test_size}")
    groups = dataset.groupby(stratify)
    first, last = (groups.map_groups(_PartOfGroup(share, last=last), batch_format="pyarrow") for last in (False, True))
    return first, last


class _PartOfGroup:
    """The first rows of a group, or its last."""

    def __init__(self, share: float, *, last: bool) -> None:
        self._share = share
        self._last = last
        self.__name__ = "train_test_split"

    def __call__(self, group: Any) -> Any:
        first = group.num_rows - round(group.num_rows * self._share)
        return group.slice(first) if self._last else group.slice(0, first)


def streaming_train_test_split(
    dataset: Dataset, test_size: float, split_type: str, hash_column: str | None, seed: int | None
) -> tuple[Dataset, Dataset]:
    """Each row to one of two parts, by its place and a seed, or by the hash of a column."""
    if isinstance(test_size, bool) or not isinstance(test_size, int | float):
        raise TypeError(f"test_size must be a number between 0 and 1, not {type(test_size).__name__}")
    if not 0 < test_size < 1:
        raise ValueError(f"test_size must be above 0 and below 1, got {test_size}")
    if split_type not in ("random", "hash"):
        raise ValueError(f"split_type must be 'random' or 'hash', got {split_type!r}")
    if (split_type == "hash") != (hash_column is not None):
        raise ValueError("streaming_train_test_split takes hash_column with split_type='hash', and only then")
    if split_type == "hash" and seed is not None:
        raise ValueError("split_type='hash' goes by the values alone; leave the seed out")
    drawn = 0 if split_type == "hash" else drawn_or(seed)
    train, test = _each(dataset, dataset._plan.split_sampled(float(test_size), drawn, hash_column or ""))
    return train, test


def checked_fraction(fraction: Any) -> float:
    """A share of rows. TypeError, ValueError."""
    if isinstance(fraction, bool) or not isinstance(fraction, int | float):
        raise TypeError(f"fraction must be a number from 0 to 1, not {type(fraction).__name__}")
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must be from 0 to 1, got {fraction}")
    return float(fraction)


def drawn_or(seed: int | None) -> int:
    """The seed, or one that is drawn now."""
    return _core.random_seed() if seed is None else check_seed(seed)


def _each(dataset: Dataset, plans: list[_core.Plan]) -> list[Dataset]:
    return [dataset._with(plan) for plan in plans]
