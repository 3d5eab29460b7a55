"""How many workers run a function, and where: ray.data's `compute=` and `concurrency=`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millstream.arguments import check_count, check_flag


@dataclass(frozen=True)
class TaskPoolStrategy:
    """`size` calls of a function at one time; None for one.

    Args:
        size: Workers.
        processes: True has them be processes of their own, False threads of this one. None decides by what the function
            does: see docs/user_functions.md.
    """

    size: int | None = None
    processes: bool | None = None

    def __post_init__(self) -> None:
        check_place(self.processes)
        if self.size is not None:
            check_count(self.size, "size", least=1)


@dataclass(frozen=True)
class ActorPoolStrategy:
    """`size` instances of a class, each with calls of its own; or from `min_size` to `max_size` of them.

    `processes` as in TaskPoolStrategy; the rest as in ray.data.
    """

    size: int | None = None
    min_size: int | None = None
    max_size: int | None = None
    initial_size: int | None = None
    max_tasks_in_flight_per_actor: int | None = None
    enable_true_multi_threading: bool = False
    processes: bool | None = None

    def __post_init__(self) -> None:
        check_place(self.processes)
        if self.size is not None and (self.min_size is not None or self.max_size is not None):
            raise ValueError("ActorPoolStrategy takes either size, or min_size and max_size")
        for name in ("size", "min_size", "max_size", "initial_size", "max_tasks_in_flight_per_actor"):
            if (value := getattr(self, name)) is not None:
                check_count(value, name, least=1)


def check_place(processes: Any) -> None:
    """TypeError for what is neither None nor a flag."""
    if processes is not None:
        check_flag(processes, "processes")


@dataclass(frozen=True)
class Workers:
    """What runs a function."""

    count: int
    processes: bool | None = None  # None: by what it does


def asked_workers(compute: Any, concurrency: Any) -> Workers:
    """The workers that `compute` or the older `concurrency` ask for; one where neither does."""
    count = _worker_count(compute, concurrency)
    return Workers(count, None if compute is None else compute.processes)


def _worker_count(compute: Any, concurrency: Any) -> int:
    """Workers that `compute` or the older `concurrency` ask for; 1 where neither does.

    One worker calls a function in the order of the batches and never twice at the same time. TypeError and ValueError
    for what is neither.
    """
    if compute is not None and concurrency is not None:
        raise ValueError("give compute=, or concurrency=, not both")
    if isinstance(compute, TaskPoolStrategy):
        return compute.size or 1
    if isinstance(compute, ActorPoolStrategy):
        return compute.size or compute.max_size or compute.min_size or 1
    if compute is not None:
        raise TypeError(
            f"compute must be a TaskPoolStrategy or an ActorPoolStrategy, for instance TaskPoolStrategy(size=4), not "
            f"{compute!r}"
        )
    if concurrency is None:
        return 1
    if isinstance(concurrency, tuple):
        if len(concurrency) not in (2, 3):
            raise ValueError(f"concurrency must be a number or (least, most), got {concurrency!r}")
        least, most = (check_count(value, "concurrency", least=1) for value in concurrency[:2])
        if least > most:
            raise ValueError(f"concurrency=(least, most) has a least of {least} above its most of {most}")
        return most
    return check_count(concurrency, "concurrency", least=1)
