"""The state of a DataIterator: a small JSON-ready dict that says where a pass stands.

    {"version": 1,
     "plan": {"files": "<hash>", "file_count": 12, "rows": 336776, "schema": "<hash>", "stages": "<hash>",
              "seed": "each epoch 5", "order_version": 1},
     "seed": 5,
     "epoch": 2,
     "position": {"key": 812, "ties": 1, "rows": 4096, "skip": 0},
     "finished": false}

`position` is where the batch delivered last ended: its last key at the shuffle and how many rows so far share that
key (without a shuffle: the ordinal of the last row's source and the number of the row to go on with), the rows
delivered, and how many rows to leave out after them. It is None before the first batch. `finished` means that the
pass had ended: the next one is the next epoch. Nothing here depends on threads, memory or batch size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

STATE_VERSION = 1

_INT64_MAX = 2**63 - 1
_UINT64_MAX = 2**64 - 1


class Position(NamedTuple):
    """Where a pass stands: everything up to here was delivered."""

    key: int
    ties: int
    rows: int
    skip: int = 0  # rows delivered after `rows`, of a batch that was not used up

    def resume(self) -> dict[str, int]:
        """As the engine takes it; `skip` is the caller's."""
        return {"key": self.key, "ties": self.ties, "rows": self.rows}


@dataclass(frozen=True)
class ResumeState:
    """A checked state."""

    plan: dict[str, Any]
    seed: int | None
    epoch: int
    position: Position | None
    finished: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, under 1 KB."""
        return {
            "version": STATE_VERSION,
            "plan": dict(self.plan),
            "seed": self.seed,
            "epoch": self.epoch,
            "position": None if self.position is None else self.position._asdict(),
            "finished": self.finished,
        }


# The parts of a plan that a position depends on: how to name each, and its type.
_PLAN_PARTS: dict[str, type] = {
    "files": str,
    "file_count": int,
    "rows": int,
    "schema": str,
    "stages": str,
    "seed": str,
    "order_version": int,
}


def parse_state(state: object) -> ResumeState:
    """Checks a dict that came from anywhere. ValueError, naming what is wrong, for anything that `state_dict`
    cannot have made.
    """
    fields = _mapping(state, "state", {"version", "plan", "seed", "epoch", "position", "finished"}, check_version=True)
    plan = _mapping(fields["plan"], "state['plan']", set(_PLAN_PARTS))
    for part, kind in _PLAN_PARTS.items():
        if type(plan[part]) is not kind:
            raise ValueError(f"state['plan'][{part!r}] must be of type {kind.__name__}, got {plan[part]!r}")
    if type(fields["finished"]) is not bool:
        raise ValueError(f"state['finished'] must be true or false, got {fields['finished']!r}")
    seed = None if fields["seed"] is None else _integer(fields["seed"], "state['seed']", _UINT64_MAX)
    return ResumeState(
        plan,
        seed,
        _integer(fields["epoch"], "state['epoch']", _INT64_MAX),
        _position(fields["position"]),
        fields["finished"],
    )


def check_same_plan(saved: dict[str, Any], current: dict[str, Any]) -> None:
    """ValueError that names each part in which the plan of the state differs from the one to go on with."""
    differing = [_difference(part, saved, current) for part in _reported_parts(saved, current)]
    if differing:
        raise ValueError(
            "the state is of another plan or data set and cannot be continued: "
            + "; ".join(differing)
            + ". Load it into an iterator over the same files and stages, or start afresh without it"
        )


def _reported_parts(saved: dict[str, Any], current: dict[str, Any]) -> list[str]:
    parts = [part for part in _PLAN_PARTS if saved[part] != current[part]]
    if "file_count" in parts and "files" in parts:
        parts.remove("file_count")  # said with the files
    return parts


def _difference(part: str, saved: dict[str, Any], current: dict[str, Any]) -> str:
    then, now = saved[part], current[part]
    if part == "files":
        return (
            f"files differ ({saved['file_count']} when saved, {current['file_count']} now; their relative paths "
            "or sizes changed)"
        )
    if part == "file_count":
        return f"files differ ({then} when saved, {now} now)"
    if part == "rows":
        return f"rows differ ({then} when saved, {now} now)"
    if part == "schema":
        return "schema differs (names or types of the source's columns)"
    if part == "stages":
        return "stages differ (filters, projections, limits or shuffles above the source)"
    if part == "order_version":
        return (
            f"order version differs ({then} when saved, {now} now: another release of Millstream defines another order)"
        )
    return f"seed differs ({then!r} when saved, {now!r} now)"


def _mapping(value: object, name: str, keys: set[str], *, check_version: bool = False) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a dict as state_dict() gives it, got {type(value).__name__}")
    if check_version:
        version = value.get("version")
        if type(version) is not int or version != STATE_VERSION:
            raise ValueError(
                f"{name} must have version {STATE_VERSION}, got {version!r}; load it with the release of Millstream "
                "that saved it"
            )
    missing, unknown = sorted(keys - value.keys()), sorted(str(key) for key in value.keys() - keys)
    if missing or unknown:
        raise ValueError(f"{name} is not one that state_dict() made: missing keys {missing}, unknown keys {unknown}")
    return value


def _integer(value: object, name: str, largest: int) -> int:
    if type(value) is not int or not 0 <= value <= largest:
        raise ValueError(f"{name} must be a whole number from 0 to {largest}, got {value!r}")
    return value


def _position(value: object) -> Position | None:
    if value is None:
        return None
    fields = _mapping(value, "state['position']", {"key", "ties", "rows", "skip"})
    return Position(
        key=_integer(fields["key"], "state['position']['key']", _UINT64_MAX),
        ties=_integer(fields["ties"], "state['position']['ties']", _INT64_MAX),
        rows=_integer(fields["rows"], "state['position']['rows']", _INT64_MAX),
        skip=_integer(fields["skip"], "state['position']['skip']", _INT64_MAX),
    )
