"""A data set as a table of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millstream.dataset import Dataset

_CELL_WIDTH_MAX = 40


def describe_dataset(dataset: Dataset) -> str:
    """Rows and columns, each column's name and type. Runs nothing."""
    schema = dataset.schema()
    rows = dataset._plan.known_row_count()
    lines = [] if dataset.name is None else [f"name: {dataset.name}"]
    lines.append(f"shape: ({'?' if rows is None else rows}, {len(schema.names)})")
    if schema.names:
        lines += _table([_cells(name, type_) for name, type_ in zip(schema.names, schema.type_names, strict=True)])
    return "\n".join([*lines, dataset._kind_text()])


def _cells(name: str, type_: str) -> tuple[str, str, str]:
    return _short(name), "---", _short(type_)


def _short(text: str) -> str:
    return text if len(text) <= _CELL_WIDTH_MAX else text[: _CELL_WIDTH_MAX - 1] + "…"


def _table(columns: list[tuple[str, str, str]]) -> list[str]:
    widths = [max(map(len, column)) for column in columns]
    edge = ["─" * (width + 2) for width in widths]
    body = [
        "│" + "┆".join(f" {cell:<{width}} " for cell, width in zip(row, widths, strict=True)) + "│"
        for row in zip(*columns, strict=True)
    ]
    return ["╭" + "┬".join(edge) + "╮", *body, "╰" + "┴".join(edge) + "╯"]
