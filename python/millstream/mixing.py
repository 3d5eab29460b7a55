"""How data sets are mixed, and when a mix ends."""

import enum
from collections.abc import Sequence
from typing import Any


class MixStoppingCondition(enum.Enum):
    """When `Dataset.mix` ends.

    STOP_ON_SHORTEST: when one data set has no more rows. STOP_ON_LONGEST_DROP: when none has; those that end earlier
    drop out.
    """

    STOP_ON_SHORTEST = "stop_on_shortest"
    STOP_ON_LONGEST_DROP = "stop_on_longest_drop"


def mix_weights(weights: Sequence[float] | None, datasets: int) -> list[float]:
    """One weight a data set; equal ones where none are given. TypeError, ValueError."""
    if weights is None:
        return [1.0] * datasets
    if not isinstance(weights, list | tuple) or not all(_is_number(weight) for weight in weights):
        raise TypeError(f"weights must be a list of numbers, not {weights!r}")
    return [float(weight) for weight in weights]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
