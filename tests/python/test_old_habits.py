"""Code of the first versions of ray.data, whose rows were plain values: errors say what to write instead."""

import math

import numpy as np
import pytest

import millstream as ms
from millstream import col

HINT = r"rows are dicts: use row\['column'\]"


@pytest.mark.parametrize(
    "ask",
    [
        lambda rows: rows.filter(lambda x: x < 0),
        lambda rows: rows.filter(lambda x: x % 2 == 0),
        lambda rows: rows.map(lambda x: x**2),
        lambda rows: rows.map(lambda x: x[0]),
        lambda rows: rows.map(lambda x: x.lower()),
        lambda rows: rows.map(lambda x: {"y": abs(x)}),
        lambda rows: rows.map(lambda x: {"y": float(x)}),
        lambda rows: rows.map(lambda x: {"y": math.sqrt(x)}),
        lambda rows: rows.map(lambda x: {"y": np.sqrt(x)}),
        lambda rows: rows.flat_map(lambda x: [x, x + 1]),
    ],
)
def test_rows_are_dicts(ask):
    with pytest.raises(ms.UserCodeError, match=HINT):
        ask(ms.range(3)).take_all()


def test_batches_are_dicts_of_arrays():
    with pytest.raises(ms.UserCodeError, match=r"batches are dicts of arrays: use batch\['column'\]"):
        ms.range(3).map_batches(lambda batch: batch * 2).take_all()


def test_errors_of_other_values_have_no_hint():
    with pytest.raises(ms.UserCodeError) as caught:
        ms.range(3).map(lambda row: {"y": row["idd"]}).take_all()
    assert "dicts" not in str(caught.value)
    with pytest.raises(ms.UserCodeError) as caught:
        ms.range(3).map(lambda row: {"y": row["id"] + "a"}).take_all()
    assert "dicts" not in str(caught.value)


def test_keys_are_names_of_columns_and_not_functions():
    rows = ms.range(3)
    with pytest.raises(TypeError, match=r"sort takes .* not a function; to sort by what is computed, .*with_column\("):
        rows.sort(key=lambda row: row["id"])
    with pytest.raises(
        TypeError, match=r"groupby takes .* not a function; to group by what is computed, .*groupby\('key'"
    ):
        rows.groupby(lambda row: row["id"] % 2)
    with pytest.raises(TypeError, match=r"with_column\('key', \(col\('id'\) % lit\(2\)\)\), then groupby\('key'\)"):
        rows.groupby(col("id") % 2)
    proposed = rows.with_column("key", (col("id") % 2)).groupby("key").count()
    assert proposed.take_all() == [{"key": 0, "count()": 2}, {"key": 1, "count()": 1}]


@pytest.mark.parametrize("method", ["sum", "min", "max", "mean", "std"])
def test_functions_of_rows_are_not_aggregated(method):
    with pytest.raises(
        TypeError, match=r"on= must name a column, .*not function; functions of rows are not aggregated"
    ):
        getattr(ms.range(3), method)(lambda row: row["id"])
    with pytest.raises(TypeError, match="on= must name a column"):
        getattr(ms.range(3).groupby("id"), method)([3])


def test_other_arguments_of_the_wrong_kind():
    with pytest.raises(TypeError, match="column must be a text, not function"):
        ms.range(3).unique(lambda row: row)
    with pytest.raises(TypeError, match=r"not function; give a function of rows without its name: filter\(fn\)"):
        ms.range(3).filter(expr=lambda row: True)
