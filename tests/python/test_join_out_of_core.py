"""Joins whose right side does not fit memory give the rows, and the order, that a plain join gives."""

import random

import numpy as np
import pyarrow as pa
import pytest

import millstream as ms

TYPES = (
    "inner",
    "left_outer",
    "right_outer",
    "full_outer",
    "left_semi",
    "right_semi",
    "left_anti",
    "right_anti",
)


def plain_join(left, right, join_type, key):
    """In the order of the left, those of one left row in that of the right; then rows of the right alone."""
    matches = {}
    for number, row in enumerate(right):
        if row[key] is not None:
            matches.setdefault(row[key], []).append(number)
    of_left = [matches.get(row[key], []) if row[key] is not None else [] for row in left]
    matched_right = {number for numbers in of_left for number in numbers}
    if join_type in ("left_semi", "left_anti"):
        return [row for row, found in zip(left, of_left, strict=True) if bool(found) == (join_type == "left_semi")]
    if join_type in ("right_semi", "right_anti"):
        return [row for number, row in enumerate(right) if (number in matched_right) == (join_type == "right_semi")]
    left_columns, right_columns = list(left[0]), [name for name in right[0] if name != key]
    rows = []
    for row, found in zip(left, of_left, strict=True):
        rows.extend({**row, **{name: right[number][name] for name in right_columns}} for number in found)
        if not found and join_type in ("left_outer", "full_outer"):
            rows.append({**row, **dict.fromkeys(right_columns)})
    if join_type in ("right_outer", "full_outer"):
        for number, row in enumerate(right):
            if number not in matched_right:
                rows.append({**dict.fromkeys(left_columns), **row})
    return rows


def sides(seed, *, left_rows, right_rows, keys, of_one_key=0.0, text=False):
    """Two lists of rows; `of_one_key` of the right's have one key, which few of the left's have."""
    draw = random.Random(seed)

    def key(share_of_one=0.0):
        if draw.random() < share_of_one:
            return "one" if text else -1
        if draw.random() < 0.05:
            return None
        number = draw.randrange(keys)
        return f"key {number}" if text else number

    left = [{"key": key(0.002), "left": number, "name": f"left {number}"} for number in range(left_rows)]
    right = [{"right": number, "key": key(of_one_key), "note": "n" * (number % 9)} for number in range(right_rows)]
    return left, right


def joined(left, right, join_type):
    return ms.from_arrow(pa.Table.from_pylist(left)).join(
        ms.from_arrow(pa.Table.from_pylist(right)), join_type, on="key"
    )


@pytest.mark.parametrize("join_type", TYPES)
@pytest.mark.parametrize("text", [False, True], ids=["numbers", "texts"])
def test_a_join_through_the_exchange_is_that_in_memory(use_engine, join_type, text):
    left, right = sides(3, left_rows=3000, right_rows=2000, keys=1500, text=text)
    use_engine(always_spill=True)
    assert joined(left, right, join_type).take_all() == plain_join(left, right, join_type, "key")


@pytest.mark.parametrize("join_type", TYPES)
def test_a_right_side_beyond_the_limit(use_engine, join_type):
    """75 MB of the right under 64 MB."""
    rows, payload = 150_000, 60
    use_engine(memory_limit=64 << 20)
    padding = {f"pad{i}": pa.array(np.arange(rows, dtype=np.int64) * (i + 1)) for i in range(payload)}
    keys = np.random.default_rng(5).permutation(rows)
    right = ms.from_arrow(pa.table({"key": pa.array(keys), **padding}).slice(0, rows))
    left = ms.range(rows * 2).rename_columns({"id": "key"}).with_column("left", ms.col("key") * 3)
    selected = ["key", "left", "pad0", "pad59"]
    result = left.join(right, join_type, on="key")
    result = result.select_columns([name for name in selected if name in result.columns()])
    batches = list(result.iter_batches(batch_size=10_000, batch_format="numpy"))
    if join_type == "right_anti":
        assert batches == []
        return
    columns = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    place = np.argsort(keys)
    if join_type in ("inner", "right_outer", "left_outer", "full_outer"):
        both = slice(0, rows)
        assert len(columns["key"]) == (2 * rows if join_type in ("left_outer", "full_outer") else rows)
        assert (columns["key"][both] == np.arange(rows)).all()
        assert (columns["left"][both] == np.arange(rows) * 3).all()
        assert (columns["pad0"][both] == place).all()
        assert (columns["pad59"][both] == place * 60).all()
        assert np.isnan(columns["pad0"][rows:].astype(float)).all()
    elif join_type == "left_semi":
        assert (columns["key"] == np.arange(rows)).all()
    elif join_type == "left_anti":
        assert (columns["key"] == np.arange(rows, 2 * rows)).all()
    else:
        assert (columns["key"] == keys).all()
        assert (columns["pad59"] == np.arange(rows) * 60).all()


@pytest.mark.parametrize("join_type", TYPES)
def test_one_key_has_more_rows_than_a_table_can_hold(use_engine, join_type):
    rows = 150_000
    use_engine(memory_limit=96 << 20)
    wide = {f"pad{i}": pa.array(np.arange(rows, dtype=np.int64) + i) for i in range(60)}
    keys = np.where(np.arange(rows) % 10 < 9, 7, np.arange(rows))
    right = ms.from_arrow(pa.table({"key": pa.array(keys), "right": pa.array(np.arange(rows)), **wide}))
    left = ms.from_arrow(pa.table({"key": pa.array([7, 3, 9, 7, 1_000_000, 19]), "left": pa.array(range(6))}))
    result = left.join(right, join_type, on="key")
    left_rows, right_rows = left.take_all(), [{"key": int(key), "right": row} for row, key in enumerate(keys)]
    expected = plain_join(left_rows, right_rows, join_type, "key")
    names = [name for name in ("key", "left", "right") if name in result.columns()]
    seen = [
        row
        for batch in result.select_columns(names).iter_batches(batch_size=20_000, batch_format="pyarrow")
        for row in batch.to_pylist()
    ]
    assert seen == expected


def test_a_batch_with_very_many_matches_is_cut(use_engine):
    """Three rows of the left make 600,000 of the result, which come some at a time."""
    use_engine(memory_limit=64 << 20)
    right = ms.range(200_000).with_column("key", ms.col("id") * 0)
    left = ms.from_items([{"key": 0, "left": number} for number in range(3)])
    result = left.join(right, "inner", on="key")
    assert result.count() == 600_000
    lefts, ids = zip(*((batch["left"], batch["id"]) for batch in result.iter_batches(batch_size=None)), strict=True)
    assert (np.concatenate(lefts) == np.repeat(np.arange(3), 200_000)).all()
    assert (np.concatenate(ids) == np.tile(np.arange(200_000), 3)).all()


def test_a_key_with_too_many_rows_on_both_sides_is_named_as_the_cause(use_engine):
    use_engine(memory_limit=96 << 20)
    rows = 200_000
    wide = {f"pad{i}": pa.array(np.arange(rows)) for i in range(40)}
    side = ms.from_arrow(pa.table({"key": pa.array(np.zeros(rows, dtype=np.int64)), **wide}))
    other = side.rename_columns({name: f"other {name}" for name in wide})
    with pytest.raises(MemoryError, match=r"one key has more than .* rows on the left .* filter that key out"):
        next(iter(side.join(other, "inner", on="key").iter_batches()))


def wide_rows(rows, keys):
    """Rows of 2 KB."""
    text = [f"{number:05d}" * 400 for number in range(rows)]
    return ms.from_arrow(pa.table({"key": pa.array(keys, pa.int64()), "wide": text}))


@pytest.mark.parametrize("wide_side", ["left", "right"])
def test_a_wide_row_that_matches_many_narrow_ones(use_engine, wide_side):
    use_engine(memory_limit=160 << 20)
    wide = wide_rows(60_000, np.arange(60_000))
    narrow = ms.range(250_000).with_column("key", ms.col("id") % 20)
    # The narrow side is made too large for memory by its other columns.
    padded = narrow
    for number in range(60):
        padded = padded.with_column(f"pad{number}", ms.col("id") + number)
    left, right = (wide, padded) if wide_side == "left" else (narrow, wide)
    rows, seen = 0, set()
    for batch in left.join(right, "inner", on="key").iter_batches(batch_size=2048, batch_format="pyarrow"):
        rows += batch.num_rows
        seen.update(batch["key"].to_pylist())
        assert all(
            text == f"{key:05d}" * 400
            for key, text in zip(batch["key"].to_pylist()[:9], batch["wide"].to_pylist()[:9], strict=True)
        )
    assert (rows, seen) == (250_000, set(range(20)))


def test_few_rows_of_a_large_side_that_match(use_engine):
    use_engine(memory_limit=96 << 20)
    right = wide_rows(60_000, np.arange(60_000))
    left = ms.range(60_000).with_column("key", ms.col("id") * 500)
    batches = list(left.join(right, "inner", on="key").iter_batches(batch_format="pyarrow"))
    assert [key for batch in batches for key in batch["key"].to_pylist()] == list(range(0, 60_000, 500))


@pytest.mark.parametrize("join_type", ["right_outer", "full_outer", "left_semi"])
def test_a_left_side_whose_rows_are_all_filtered_out_keeps_its_columns(use_engine, tmp_path, join_type):
    use_engine(memory_limit=64 << 20)
    ms.range(100).with_column("left", ms.col("id") + 1).rename_columns({"id": "key"}).write_parquet(
        str(tmp_path / "left")
    )
    left = ms.read_parquet(str(tmp_path / "left")).filter(expr=ms.col("left") < 0)
    right = wide_rows(60_000, np.arange(60_000))
    joined = (
        left.join(right, join_type, on="key").materialize()
        if join_type == "left_semi"
        else left.join(right, join_type, on="key")
    )
    assert joined.columns()[:2] == ["key", "left"]
    if join_type != "left_semi":
        first = next(iter(joined.iter_batches(batch_size=10, batch_format="pyarrow")))
        assert first.column_names == ["key", "left", "wide"]
        assert first["left"].null_count == 10
