"""Draws the seconds of every peer, one panel a workload: `plot.py RESULTS.json PLOT.png`. Needs matplotlib."""

from __future__ import annotations

import json
import sys
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

import report  # noqa: E402

OUR_COLOUR, PEER_COLOUR, LIMIT_COLOUR = "#1b6ca8", "#b8c0c8", "#c0392b"
COLUMNS = 2


def draw_panel(axes: Any, results: dict[str, Any], workload: str) -> None:
    names = report.peers(results, workload)
    cells = [
        [run["seconds"] for run in report.good(report.runs_of(results, workload, name)).values()] for name in names
    ]
    for place, (name, values) in enumerate(zip(names, cells, strict=True)):
        if not values:
            axes.text(0, place, " no figure", va="center", color="grey")
            continue
        middle = median(values)
        axes.barh(place, middle, color=OUR_COLOUR if name == report.OURS else PEER_COLOUR)
        axes.errorbar(middle, place, xerr=[[middle - min(values)], [max(values) - middle]], color="black", capsize=3)
        axes.text(max(values), place, f"  {middle:.2f}", va="center")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_title(report.TITLES[workload], fontsize=9)
    axes.set_xlabel("seconds: median, least and most")


def draw_decode_limit(axes: Any, results: dict[str, Any]) -> None:
    runs = report.good(report.runs_of(results, report.LIMITS, report.LIMITS)).values()
    if runs:
        axes.axvline(median(run["decode_seconds"] for run in runs), color=LIMIT_COLOUR, label="bare Arrow decode")
        axes.legend(loc="lower right")


def main(results_path: str, plot_path: str) -> None:
    with open(results_path) as file:
        results = json.load(file)
    shown = report.workloads(results)
    lines = -(-len(shown) // COLUMNS)
    figure, panels = plt.subplots(lines, COLUMNS, figsize=(12, 3.2 * lines), squeeze=False, layout="constrained")
    for panel in panels.flat[len(shown) :]:
        panel.set_axis_off()
    for panel, workload in zip(panels.flat, shown, strict=False):
        draw_panel(panel, results, workload)
        if workload in ("read", "shuffle", "shuffle_warm"):
            draw_decode_limit(panel, results)
    figure.savefig(plot_path, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
