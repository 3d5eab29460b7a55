"""What a pass did, stage by stage, and a verdict: what the trainer waited for, the most that could be gained, and
the setting that may gain it.
"""

from __future__ import annotations

from typing import Any

from millstream import _core
from millstream.pass_record import PassRecord, PassTimes

_COLUMNS = ("stage", "rows", "bytes", "CPU s", "wait in s", "wait out s", "spilled", "read back", "peak memory")

# Below this share of the time, waiting is not what makes an epoch long.
_KEEPS_UP_SHARE = 0.05


def describe_pass(record: PassRecord | None, engine: _core.Engine | None) -> str:
    """The table and the verdict as text. Times are seconds, of all threads together where they are CPU's."""
    if record is None:
        return "no pass has been begun yet; iterate first"
    stages = record.stages()
    state = "finished" if record.finished else "under way" if record.under_way else "left before its end"
    return "\n".join(
        [
            f"epoch {record.epoch}, {state}: {record.rows} rows in {record.batches} batches",
            *_table([_COLUMNS, *(_row(stage) for stage in stages)]),
            *(f"{stage['name']}: {stage['place']}" for stage in stages if stage["place"]),
            *(_skipped_line(stage) for stage in stages if stage["rows_skipped"]),
            _times_line(record.times),
            verdict(record.times, stages, engine),
        ]
    )


def verdict(times: PassTimes, stages: list[dict[str, Any]], engine: _core.Engine | None) -> str:
    """One line: what made the epoch as long as it was."""
    if times.total == 0.0:
        return "verdict: no batch has been delivered yet"
    loading = times.wait + times.convert
    share = loading / times.total
    gain = f"with a loader of zero cost the epoch would be {_times_faster(times)} faster"
    if share < _KEEPS_UP_SHARE:
        return f"verdict: loading keeps up; the trainer's own step took {1 - share:.0%} of the time, and {gain}"
    cause, setting = _cause(times, stages, engine)
    return f"verdict: the trainer waited {share:.0%} of the time for {cause}; {gain}. {setting}"


def _cause(times: PassTimes, stages: list[dict[str, Any]], engine: _core.Engine | None) -> tuple[str, str]:
    """What was waited for, and what may help."""
    if times.convert > times.wait:
        return (
            "batches to be converted to the form asked for",
            "Plain number columns without nulls cost nothing to convert: encode text and fill nulls before, or "
            "ask for batch_format='pyarrow'.",
        )
    stage = max(stages, key=lambda each: each["cpu_seconds"], default=None)
    if stage is None:
        return "the engine", ""
    spilled = _spilled_by_operation(stages)
    spilling = max(spilled, key=lambda name: spilled[name])
    if spilled[spilling] > 0 and _mostly_idle(stages, times, engine):
        return (
            f"{spilling}, which spilled {_bytes(spilled[spilling])} to disk",
            "A larger memory_limit in millstream.init spills less; a faster disk for spill_directory, or fewer "
            f"columns before {spilling}, may help too.",
        )
    return stage["name"], _setting_for(stage, engine)


def _spilled_by_operation(stages: list[dict[str, Any]]) -> dict[str, int]:
    """Bytes of all stages that one operation takes: "Join, left rows" and "Join, pairs sorted" are of Join."""
    spilled: dict[str, int] = {}
    for stage in stages:
        name = stage["name"].partition(", ")[0]
        spilled[name] = spilled.get(name, 0) + stage["spilled_bytes"]
    return spilled


def _mostly_idle(stages: list[dict[str, Any]], times: PassTimes, engine: _core.Engine | None) -> bool:
    """Whether the engine's threads had time to spare while the consumer waited."""
    lanes = engine.num_cpus if engine is not None else 1
    busy: float = sum(stage["cpu_seconds"] for stage in stages)
    return busy < 0.7 * lanes * times.total


def _setting_for(stage: dict[str, Any], engine: _core.Engine | None) -> str:
    threads = "" if engine is None else f" than the {engine.num_cpus} of now"
    more = f"More CPUs{threads} (num_cpus in millstream.init) may help"
    if stage["name"] == "LocalShuffle":
        return "A smaller local_shuffle_buffer_size, or random_shuffle() in its place, may help."
    if stage["name"].startswith("Read"):
        return f"{more}, and so may reading fewer columns (select_columns) and more prefetch_batches."
    return f"{more}, and so may more prefetch_batches."


def _times_faster(times: PassTimes) -> str:
    if times.step <= times.total / 100:
        return "more than 100x"
    return f"{times.total / times.step:.2f}x"


def _times_line(times: PassTimes) -> str:
    return (
        f"consumer: {times.step:.3f} s in its own loop, {times.wait:.3f} s waiting for batches "
        f"({times.first_wait:.3f} s of it for the first), "
        f"{times.convert:.3f} s converting them"
    )


def _skipped_line(stage: dict[str, Any]) -> str:
    rows = stage["rows_skipped"]
    return f"{stage['name']}: skipped {rows:,} row{'s' if rows > 1 else ''}; dead_letters() tells of them"


def _row(stage: dict[str, Any]) -> tuple[str, ...]:
    return (
        stage["name"],
        f"{stage['rows']:,}",
        _bytes(stage["bytes"]),
        f"{stage['cpu_seconds']:.3f}",
        f"{stage['wait_in_seconds']:.3f}",
        f"{stage['wait_out_seconds']:.3f}",
        _bytes(stage["spilled_bytes"]),
        _bytes(stage["read_back_bytes"]),
        _bytes(stage["peak_memory_bytes"]),
    )


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Names to the left, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
