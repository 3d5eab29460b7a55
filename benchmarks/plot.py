"""Draws the seconds of every peer, one panel a workload: `plot.py RESULTS.json PLOT.png`. Needs matplotlib."""

from __future__ import annotations

import json
import sys
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import results
from report import TITLES
from schedule import LIMITS, OURS, WORKLOADS

OUR_COLOUR, PEER_COLOUR, LIMIT_COLOUR = "#1b6ca8", "#b8c0c8", "#c0392b"
COLUMNS = 3
BARS_LEAST = 3  # so that a panel of few bars does not make them fat


def draw_panel(axes: Any, measured: dict[str, Any], workload: str) -> None:
    names = results.peers(measured, workload)
    cells = [
        [run["seconds"] for run in results.good(results.runs_of(measured, workload, name)).values()] for name in names
    ]
    for place, (name, values) in enumerate(zip(names, cells, strict=True)):
        if not values:
            axes.text(0, place, " no figure", va="center", color="grey")
            continue
        middle = median(values)
        axes.barh(place, middle, color=OUR_COLOUR if name == OURS else PEER_COLOUR)
        axes.errorbar(middle, place, xerr=[[middle - min(values)], [max(values) - middle]], color="black", capsize=3)
        axes.text(max(values), place, f"  {middle:.2f}", va="center")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(max(len(names), BARS_LEAST) - 0.5, -0.5)
    axes.margins(x=0.15)
    axes.set_title(TITLES[workload], fontsize=9)
    axes.set_xlabel("seconds: median, least and most")


def draw_decode_limit(axes: Any, measured: dict[str, Any], workload: str) -> None:
    runs = results.good(results.runs_of(measured, workload, LIMITS)).values()
    if runs:
        axes.axvline(median(run["decode_seconds"] for run in runs), color=LIMIT_COLOUR, label="bare Arrow decode")
        axes.legend(loc="lower right")


def has_comparison(measured: dict[str, Any], workload: str) -> bool:
    return len({run["peer"] for run in measured["runs"] if run["workload"] == workload}) > 1


def main(results_path: str, plot_path: str) -> None:
    with open(results_path) as file:
        measured = json.load(file)
    shown = [workload for workload in WORKLOADS if has_comparison(measured, workload)]
    lines = -(-len(shown) // COLUMNS)
    size = (6 * COLUMNS, 3.2 * lines)
    figure, panels = plt.subplots(lines, COLUMNS, figsize=size, squeeze=False, layout="constrained")
    for panel in panels.flat[len(shown) :]:
        panel.set_axis_off()
    for panel, workload in zip(panels.flat, shown, strict=False):
        draw_panel(panel, measured, workload)
        draw_decode_limit(panel, measured, workload)
    figure.savefig(plot_path, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
