"""docs/ray_data_names.md tells of each name of ray.data 2.60 whether it is here, and is not out of date."""

import importlib
import pathlib
import re

import pytest

import millstream as ms
from millstream import col, expressions

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "ray_data_names.md"
NAMES = (pathlib.Path(__file__).parent / "ray_data_names.txt").read_text().split()
ROW = re.compile(r"\| `(?P<name>\w+)` \| (?P<cell>.+) \|")
LINK = re.compile(r"\[(?P<text>test_\w+)\]\(\.\./(?P<path>tests/python/(?P=text)\.py)\)")


def module(name):
    try:
        return importlib.import_module(f"millstream.{name}")
    except ModuleNotFoundError:
        return None


OWNERS = {
    "readers": ms,
    "Dataset": ms.Dataset,
    "DataIterator": ms.DataIterator,
    "Schema": ms.Schema,
    "GroupedData": getattr(module("grouped_data"), "GroupedData", None),
    "aggregate": module("aggregate"),
    "datasource": module("datasource"),
    "expressions": expressions,
    "Expr": ms.Expr,
    "preprocessors": module("preprocessors"),
    "Preprocessor": ms.Preprocessor,
    **{f"Expr.{kind}": type(getattr(col("x"), kind)) for kind in ("arr", "dt", "list", "map", "str", "struct")},
}


def rows_of_page():
    rows, owner = {}, None
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            owner = line.removeprefix("## ")
        elif (row := ROW.fullmatch(line)) and owner in OWNERS:
            name = f"{owner}.{row['name']}"
            assert name not in rows, f"{name} has two rows"
            rows[name] = row["cell"]
    return rows


ROWS = rows_of_page()


def test_the_page_has_the_names_of_ray_data_and_no_others():
    assert sorted(NAMES) == sorted(ROWS)


@pytest.mark.parametrize("name", NAMES)
def test_the_row_says_what_is_so(name):
    owner, _, own = name.rpartition(".")
    cell = ROWS.get(name, "")
    if not hasattr(OWNERS[owner], own):
        assert re.match(r"(not yet|no: .+)", cell), f"{name} is not here: its row says why, or 'not yet', not {cell!r}"
        return
    assert not cell.startswith(("no", "not yet")), f"{name} is here: put a link to its test into its row of {PAGE.name}"
    if cell != "untested":
        link = LINK.match(cell)
        assert link is not None, f"the row of {name} begins with a link to its test, or is 'untested', not {cell!r}"
        assert re.search(rf"\b{own}\b", (ROOT / link["path"]).read_text()), f"{link['path']} says nothing of {own}"
