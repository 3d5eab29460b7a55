"""What decides the order of `random_shuffle`."""

from dataclasses import dataclass
from typing import Literal, cast

from millstream import _core

SeedKind = Literal["fixed", "per_execution", "unset"]


@dataclass(frozen=True)
class RandomSeedConfig:
    """A seed, and whether each execution is shuffled anew.

    Args:
        seed: From 0 to 2**64 - 1. None draws one when the data set is made, and gives every epoch a new order.
        reseed_after_execution: True gives every epoch an order of its own, a function of (seed, epoch); False gives
            the same order at every execution.
    """

    seed: int | None = None
    reseed_after_execution: bool = True

    def __post_init__(self) -> None:
        if self.seed is not None:
            check_seed(self.seed)


@dataclass(frozen=True)
class SeedState:
    """The seed of a data set's uppermost shuffle, as the plan holds it.

    kind: "fixed" (the same order at every execution), "per_execution" (a function of (seed, epoch)), "unset" (drawn
    once, then as per_execution), or None where nothing is shuffled.
    """

    kind: SeedKind | None = None
    seed: int = 0

    @staticmethod
    def of(plan: _core.Plan) -> "SeedState":
        """The state of the plan's uppermost shuffle."""
        return SeedState(cast("SeedKind | None", plan.shuffle_seed_kind()), plan.shuffle_seed() or 0)


def seed_state(seed: int | RandomSeedConfig | None) -> SeedState:
    """What `random_shuffle(seed=...)` asks for; draws the seed where none was given."""
    if seed is None:
        return SeedState("unset", _core.random_seed())
    if not isinstance(seed, RandomSeedConfig):
        return SeedState("fixed", check_seed(seed))
    if seed.seed is None:
        return SeedState("unset", _core.random_seed())
    return SeedState("per_execution" if seed.reseed_after_execution else "fixed", check_seed(seed.seed))


def run_seed(plan: _core.Plan) -> int:
    """The seed of an execution that goes on from no state."""
    run = plan.run_seed()
    return 0 if run is None else run[0]


def check_seed(seed: int) -> int:
    """The seed as a plain int. TypeError or ValueError for one that is not."""
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise TypeError(f"seed must be a whole number, a RandomSeedConfig or None, not {type(seed).__name__}")
    seed = int(seed)
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must be between 0 and 2**64 - 1, got {seed}")
    return seed
