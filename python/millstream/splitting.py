"""Data sets cut into parts: plans that each run the rows they were cut from, and leave the other parts out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from millstream.arguments import check_count
from millstream.seeds import check_seed

if TYPE_CHECKING:
    from millstream.dataset import Dataset

_ALL = (1 << 63) - 1


def split_at_indices(dataset: Dataset, indices: Sequence[int]) -> list[Dataset]:
    """The rows before the first index, from each to the next, and from the last on."""
    if not isinstance(indices, list | tuple) or not indices:
        raise ValueError("split_at_indices takes a list of at least one row number")
    bounds = [check_count(index, "an index of split_at_indices") for index in indices]
    if bounds != sorted(bounds):
        raise ValueError(f"split_at_indices takes numbers in ascending order, got {list(indices)}")
    return _parts(dataset, [0, *bounds], None)


def split_proportionately(dataset: Dataset, proportions: Sequence[float]) -> list[Dataset]:
    """One part a proportion, and one of the rows that are left."""
    if not isinstance(proportions, list | tuple) or not proportions:
        raise ValueError("split_proportionately takes a list of at least one proportion")
    if any(not 0 < proportion < 1 for proportion in proportions) or sum(proportions) >= 1:
        raise ValueError(f"proportions must each be above 0, and less than 1 together, got {list(proportions)}")
    rows = dataset.count()
    bounds = [int(rows * whole) for whole in itertools.accumulate(proportions)]
    # As in ray.data no part is empty: bounds that fall together move apart, downwards, and those before them as far.
    moved = 0
    for place in range(len(bounds) - 2, -1, -1):
        bounds[place] -= moved
        if bounds[place] == bounds[place + 1]:
            moved += 1
            bounds[place] -= 1
    if min(bounds) <= 0:
        raise ValueError(
            f"split_proportionately would leave a part of {rows} rows by {list(proportions)} empty; use more rows, "
            "larger proportions, or split_at_indices()"
        )
    return _parts(dataset, [0, *bounds], rows)


def split(dataset: Dataset, n: int, equal: bool) -> list[Dataset]:
    """`n` parts whose sizes differ by at most one row; `equal` leaves out the rows that do not divide."""
    check_count(n, "n", least=1)
    rows = dataset.count()
    if equal:
        size = rows // n
        return _parts(dataset, [size * part for part in range(n)], size * n)
    return _parts(dataset, [rows * part // n for part in range(n)], rows)


def train_test_split(dataset: Dataset, test_size: Any, *, shuffle: bool, seed: int | None) -> tuple[Dataset, Dataset]:
    """The first rows and the last: `test_size` is a share of all rows, or a number of rows."""
    if shuffle:
        dataset = dataset.random_shuffle(seed=seed)
    if isinstance(test_size, bool) or not isinstance(test_size, int | float):
        raise TypeError(f"test_size must be a share or a number of rows, not {type(test_size).__name__}")
    rows = dataset.count()
    if isinstance(test_size, float):
        if not 0 < test_size < 1:
            raise ValueError(f"a test_size that is a share must be above 0 and below 1, got {test_size}")
        first = int(rows * (1 - test_size))
    else:
        if not 0 < test_size < rows:
            raise ValueError(f"a test_size of {test_size} rows must be above 0 and below the {rows} rows there are")
        first = rows - test_size
    train, test = _parts(dataset, [0, first], rows)
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
    # By its place: a shuffle below stays as it is in the first epoch, so that no row changes its part.
    plan = dataset._plan.freeze_shuffles() if split_type == "random" else dataset._plan
    train, test = (
        plan.random_sample(float(test_size), drawn, column=hash_column or "", rest=rest) for rest in (True, False)
    )
    return dataset._with(train), dataset._with(test)


def checked_fraction(fraction: Any) -> float:
    """A share of rows. TypeError, ValueError."""
    if isinstance(fraction, bool) or not isinstance(fraction, int | float):
        raise TypeError(f"fraction must be a number from 0 to 1, not {type(fraction).__name__}")
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must be from 0 to 1, got {fraction}")
    return float(fraction)


def drawn_or(seed: int | None) -> int:
    """The seed, or one that is drawn now."""
    from millstream import _core

    return _core.random_seed() if seed is None else check_seed(seed)


def _parts(dataset: Dataset, begins: list[int], end: int | None) -> list[Dataset]:
    """Parts of one order: a shuffle below them stays as it is in the first epoch, so that no row changes its part."""
    plan = dataset._plan.freeze_shuffles()
    ends = [*begins[1:], _ALL if end is None else end]
    return [dataset._with(plan.limit(max(last - first, 0), first)) for first, last in zip(begins, ends, strict=True)]
