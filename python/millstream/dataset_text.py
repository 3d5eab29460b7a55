"""A data set as a table of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millstream.dataset import Dataset

_CELL_WIDTH_MAX = 40


def describe_dataset(dataset: Dataset, preview: Sequence[dict[str, Any]] = (), note: str = "") -> str:
    """Rows and columns, each column's name and type, then the rows of `preview` and a note. Runs nothing."""
    schema = dataset.schema(fetch_if_missing=False)
    rows = dataset._plan.known_row_count()
    lines = [] if dataset.name is None else [f"name: {dataset.name}"]
    lines.append(f"shape: ({'?' if rows is None else rows}, {'?' if schema is None else len(schema.names)})")
    if schema is not None and schema.names:
        heads = [
            [_short(name), "---", _short(type_)] for name, type_ in zip(schema.names, schema.type_names, strict=True)
        ]
        lines += _table(heads, [[_short(str(value)) for value in row.values()] for row in preview])
    return "\n".join([*lines, note])


def _short(text: str) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= _CELL_WIDTH_MAX else text[: _CELL_WIDTH_MAX - 1] + "…"


def _table(heads: list[list[str]], rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, [*head, *(row[index] for row in rows)])) for index, head in enumerate(heads)]

    def rule(left: str, line: str, joint: str, right: str) -> str:
        return left + joint.join(line * (width + 2) for width in widths) + right

    def cells(row: Sequence[str]) -> str:
        return "│" + "┆".join(f" {cell:<{width}} " for cell, width in zip(row, widths, strict=True)) + "│"

    body = [cells(row) for row in zip(*heads, strict=True)]
    if rows:
        body += [rule("╞", "═", "╪", "╡"), *map(cells, rows)]
    return [rule("╭", "─", "┬", "╮"), *body, rule("╰", "─", "┴", "╯")]
