"""Modin's frames: from them and to them."""

import os

import pandas as pd
import pyarrow as pa
import pytest

import millstream as ms

pytest.importorskip("modin")
os.environ.setdefault("MODIN_ENGINE", "python")  # which begins no other processes
mpd = pytest.importorskip("modin.pandas")


@pytest.fixture
def frame():
    return mpd.DataFrame({"n": range(1000), "s": ["x", None] * 500}, index=range(1000, 2000))


def expected(first, end):
    return [{"n": n, "s": None if n % 2 else "x"} for n in range(first, end)]


def test_rows_come_in_order_without_the_index(each_engine, frame):
    rows = ms.from_modin(frame)
    assert rows.take_all() == expected(0, 1000)
    assert rows.num_blocks() == 8
    assert rows.filter(expr="n >= 998").take_all() == expected(998, 1000)
    assert ms.from_modin(frame.reset_index()).columns() == ["index", "n", "s"]


def test_a_frame_is_taken_as_it_is_now(frame):
    rows = ms.from_modin(frame)
    frame["n"] = 0
    assert rows.sum("n") == sum(range(1000))
    assert ms.from_modin(frame).sum("n") == 0
    assert ms.from_modin(frame[frame["n"] > 0]).take_all() == []


def test_what_is_no_frame_is_refused(frame):
    with pytest.raises(TypeError, match=r"takes a modin\.pandas\.DataFrame, not Series"):
        ms.from_modin(frame["n"])
    with pytest.raises(TypeError, match="not DataFrame"):
        ms.from_modin(pd.DataFrame({"n": [1]}))


def test_a_modin_frame_is_what_to_pandas_gives(each_engine):
    table = pa.table({"n": range(200_000), "s": ["x", None] * 100_000, "l": [[1], []] * 100_000})
    rows = ms.from_arrow(table)
    frame = rows.to_modin()
    assert isinstance(frame, mpd.DataFrame)
    pd.testing.assert_frame_equal(frame._to_pandas(), rows.to_pandas())
    assert int(frame["n"].sum()) == sum(range(200_000))


def test_a_data_set_without_rows_has_its_columns():
    frame = ms.range(10).filter(expr="id > 100").to_modin()
    assert list(frame.columns) == ["id"]
    assert len(frame) == 0
