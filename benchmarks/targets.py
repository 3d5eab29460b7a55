"""What was asked of Millstream on data A and 2 CPUs, each figure with the way it follows from the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from statistics import median
from typing import Any, NamedTuple

from results import Run, good, paired, runs_of, seconds_ratio, spread
from schedule import LIMITS, OURS
from workloads.transforms import BLOCKS

Results = dict[str, Any]
PEER_NAMES = {
    "ray": "Ray Data",
    "petastorm": "Petastorm",
    "duckdb": "DuckDB",
    "polars": "Polars",
    "pyarrow": "pyarrow",
    "torch": "torch's DataLoader",
}
ONE_COLUMN = "one_column_of_30"


class Target(NamedTuple):
    title: str
    figures: Callable[[Results], list[float]]  # one a round, or more
    least: float | None = None
    most: float | None = None
    stretch: float | None = None
    digits: int = 2

    def asked(self) -> str:
        if self.least is None and self.most is None:
            return "told"
        bound = f"≥ {self.least:g}" if self.most is None else f"≤ {self.most:g}"
        return bound if self.stretch is None else f"{bound}, stretch {self.stretch:g}"

    def met(self, values: list[float]) -> str:
        if not values:
            return "not measured"
        middle = median(values)
        if self.least is None and self.most is None:
            return ""
        if (self.least is not None and middle < self.least) or (self.most is not None and middle > self.most):
            return "no"
        return "stretch" if self.stretch is not None and middle >= self.stretch else "yes"


def decode_share(workload: str, results: Results) -> list[float]:
    """The rate, as a share of the rate at which Arrow alone decodes the same files on as many threads."""
    return paired(
        runs_of(results, workload, LIMITS),
        runs_of(results, workload, OURS),
        lambda bare, run: float(bare["decode_seconds"]) / float(run["seconds"]),
    )


def over_floor(workload: str, results: Results) -> list[float]:
    """Time over decode + 1.2 × (touching the bytes the shuffle kept + a two-pass permutation of all of them)."""
    size = results["data"]["decoded_bytes"]

    def figure(run: Run, bare: Run) -> float:
        touch = bare["first_touch_seconds"] * min(size, run["kept_bytes"]) / bare["first_touch_bytes"]
        permutation = bare["permutation_seconds"] * size / bare["permutation_bytes"]
        return float(run["seconds"] / (bare["decode_seconds"] + 1.2 * (touch + permutation)))

    return paired(runs_of(results, workload, OURS), runs_of(results, workload, LIMITS), figure)


def times_faster(workload: str, peer: str, results: Results, ours: str | None = None) -> list[float]:
    """The peer's time over ours, both of the same round; `ours` where ours is another workload."""
    return paired(runs_of(results, workload, peer), runs_of(results, ours or workload, OURS), seconds_ratio)


def over_peer(workload: str, peer: str, results: Results) -> list[float]:
    """Our time over the peer's."""
    return paired(runs_of(results, workload, OURS), runs_of(results, workload, peer), seconds_ratio)


def own(workload: str, figure: Callable[[Run], float | Iterable[float]], results: Results) -> list[float]:
    return of(OURS, workload, figure, results)


def of(peer: str, workload: str, figure: Callable[[Run], float | Iterable[float]], results: Results) -> list[float]:
    values: list[float] = []
    for run in good(runs_of(results, workload, peer)).values():
        each = figure(run)
        values.extend([each] if isinstance(each, float | int) else each)
    return values


def disk_traffic(run: Run) -> float:
    """Bytes a decoded byte, as the system counts them or as stats() tells: whichever is more."""
    system = run["disk_read_bytes"] + run["disk_write_bytes"]
    told = run["spilled_bytes"] + run["read_back_bytes"]
    return float(max(system, told) / run["decoded_bytes"])


def share(run: Run) -> float:
    """The time of one column over its share, by decoded bytes, of the time of all."""
    return float(run["over_share"])


def block_microseconds(run: Run) -> float:
    """Of all three functions together."""
    return float(run["seconds"] / BLOCKS * 1e6)


def shuffles() -> list[Target]:
    return [
        Target("read: share of the bare decode rate", partial(decode_share, "read"), least=0.95),
        Target(
            "shuffle, warm: share of the bare decode rate", partial(decode_share, "shuffle_warm"), 0.75, stretch=0.85
        ),
        Target("shuffle, fresh: share of the bare decode rate", partial(decode_share, "shuffle"), least=0.55),
        Target("shuffle, warm: time over its floor*", partial(over_floor, "shuffle_warm"), most=1.0),
        Target("shuffle, fresh: time over its floor*", partial(over_floor, "shuffle"), most=1.0),
    ]


def against_peers() -> list[Target]:
    materialized = "epochs_materialized"
    return [
        Target("shuffle, fresh: × Ray Data", partial(times_faster, "shuffle", "ray"), 3.2, stretch=4.0),
        Target("shuffle, fresh: × Petastorm", partial(times_faster, "shuffle", "petastorm"), 12.0, stretch=14.0),
        Target("shuffle, fresh: × DuckDB", partial(times_faster, "shuffle", "duckdb"), 3.0),
        Target("epochs from the third on: × Ray Data", partial(times_faster, "epochs", "ray"), 8.0, stretch=10.0),
        Target("… × Ray's materialized set", partial(times_faster, materialized, "ray", ours="epochs")),
        Target("… both materialized: × Ray Data", partial(times_faster, materialized, "ray")),
        Target("half the memory: × DuckDB", partial(times_faster, "shuffle_limited", "duckdb"), 3.0),
        Target("half the memory: × Ray, 1 GB store", partial(times_faster, "shuffle_limited", "ray"), 10.0),
    ]


def transforms() -> list[Target]:
    return [
        *versus("sort", "sort", duckdb=1.3, ray=6.0),
        *versus("sort, half the memory", "sort_limited", duckdb=1.3, ray=6.0),
        *versus("group by", "groupby", polars=1.0, ray=20.0),
        *versus("group by, half the memory", "groupby_limited", duckdb=None, ray=20.0),
        *versus("join", "join", duckdb=1.0, ray=None),
        *versus("join, half the memory", "join_limited", duckdb=1.0, ray=None),
        *versus("map_batches", "map_batches", ray=5.0),
        Target("map_batches: time over a pyarrow loop's", partial(over_peer, "map_batches", "pyarrow"), most=1.15),
        *versus("10,000 blocks of 100 rows", "small_blocks", ray=20.0),
        Target("… microseconds a block", partial(of, OURS, "small_blocks", block_microseconds), digits=0),
        Target("… microseconds a block, Ray Data", partial(of, "ray", "small_blocks", block_microseconds), digits=0),
    ]


def readers() -> list[Target]:
    return [
        *versus("CSV", "csv", pyarrow=1.0, polars=1.0, ray=5.0),
        *versus("JSON lines", "json_lines", polars=1.0, ray=5.0),
        *versus("JPEG", "jpeg", torch=4.0, ray=8.0),
        *versus("text files of 3 lines", "small_files", ray=5.0),
        *versus("CSV files of 3 rows", "small_csv_files", ray=5.0),
        *versus("shuffled trips from S3", "s3_trips", petastorm=10.0, ray=4.0),
        Target("one column of 30: time over its share", partial(of, OURS, ONE_COLUMN, share), most=1.2),
        Target("… the same of pyarrow", partial(of, "pyarrow", ONE_COLUMN, share)),
    ]


def versus(title: str, workload: str, **least: float | None) -> list[Target]:
    """At least so many times faster than each peer."""
    return [
        Target(f"{title}: × {PEER_NAMES[peer]}", partial(times_faster, workload, peer), bound)
        for peer, bound in least.items()
    ]


def alone() -> list[Target]:
    return [
        Target("a tenth of the memory: disk bytes a byte", partial(own, "shuffle_spilled", disk_traffic), most=2.2),
        Target(
            "first rows: seconds from import on",
            partial(own, "first_rows", lambda run: run["import_and_rows_seconds"]),
            most=0.25,
            digits=3,
        ),
        Target(
            "first rows: seconds, Python's start too",
            partial(own, "first_rows", lambda run: run["seconds"]),
            digits=3,
        ),
        Target(
            "first rows: of numpy, pandas, pyarrow, torch imported",
            partial(own, "first_rows", lambda run: len(run["heavy_modules"])),
            most=0.0,
            digits=0,
        ),
        *overlaps(),
    ]


def overlaps() -> list[Target]:
    """A loop shows that there is a next epoch by beginning its second, so the third is the first to be prepared."""
    return [
        Target(
            "step as long as loading: epoch over the longer",
            partial(own, "overlap", lambda run: run["over_longer"][2:]),
            most=1.05,
        ),
        Target("… of the second epoch alone", partial(own, "overlap", lambda run: run["over_longer"][1])),
        Target("… gap between epochs, in steps", partial(own, "overlap", lambda run: run["gap_steps"][2:]), most=1.5),
        Target("… gap before the second epoch", partial(own, "overlap", lambda run: run["gap_steps"][1])),
    ]


def rows(results: Results) -> list[list[str]]:
    """Title, asked, measured, met."""
    lines = []
    for target in [*shuffles(), *against_peers(), *alone(), *transforms(), *readers()]:
        values = target.figures(results)
        lines.append([target.title, target.asked(), spread(values, target.digits), target.met(values)])
    return lines
