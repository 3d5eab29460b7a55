"""What a data set gives: columns, rows, whole results."""

import pyarrow as pa
import pytest

import millstream as ms
from millstream import col


def test_rows_come_in_the_order_of_the_files(rows, expected):
    assert rows.take_all() == expected
    assert rows.take(5) == expected[:5]
    assert rows.take(0) == []
    assert rows.take(5000) == expected


def test_counts_agree_with_the_rows(rows):
    assert rows.count() == 1000
    assert rows.limit(7).count() == 7
    assert rows.filter(expr=col("key") < 10).count() == 10
    assert rows.filter(expr=col("key") < 10).random_shuffle(seed=1).count() == 10
    assert rows.limit(0).count() == 0


def test_the_schema_has_names_types_and_a_text(rows, data):
    schema = rows.schema()
    assert schema.names == rows.columns() == ["key", "half", "name", "tags"]
    assert schema.types[:3] == [pa.int64(), pa.float64(), pa.string()]
    assert schema.base_schema.field("key").type == pa.int64()
    assert str(schema).splitlines()[:3] == ["Column  Type", "------  ----", "key     int64"]
    assert schema == ms.read_parquet(data).schema()
    assert schema != rows.limit(1).select_columns("key").schema()


def test_select_columns_keeps_those_named_in_that_order(rows):
    assert rows.select_columns(["name", "key"]).take(1) == [{"name": None, "key": 0}]
    assert rows.select_columns("key").take(1) == [{"key": 0}]


def test_drop_columns_keeps_the_others(rows):
    assert rows.drop_columns(["tags", "half"]).columns() == ["key", "name"]
    assert rows.drop_columns([]).columns() == rows.columns()


def test_rename_columns_takes_a_dict_or_all_names(rows):
    assert rows.rename_columns({"half": "h"}).columns() == ["key", "h", "name", "tags"]
    assert rows.rename_columns({"key": "half", "half": "key"}).take(2)[1] == {
        "half": 1,
        "key": 0.5,
        "name": "row 1",
        "tags": [1],
    }
    assert rows.rename_columns(list("abcd")).columns() == list("abcd")


def test_with_column_adds_at_the_end_or_replaces_in_place(rows):
    assert rows.with_column("twice", col("key") * 2).columns() == ["key", "half", "name", "tags", "twice"]
    replaced = rows.with_column("key", col("key") * 2)
    assert replaced.columns() == rows.columns()
    assert [row["key"] for row in replaced.take(3)] == [0, 2, 4]
    both = rows.with_columns({"key": col("key") + 1, "was": col("key")})
    assert both.take(1)[0]["key"] == 1
    assert both.take(1)[0]["was"] == 0


def test_filter_keeps_rows_for_which_the_expression_is_true(rows, expected):
    kept = rows.filter(expr=(col("half") > 100) & ~col("name").is_null())
    assert kept.take_all() == [
        r for r in expected if r["half"] is not None and r["half"] > 100 and r["name"] is not None
    ]


def test_a_filter_may_be_text(rows, expected):
    kept = rows.filter(expr="half > 100 and name is not None and key in (300, 301, 302, 303)")
    assert kept.take_all() == [
        r for r in expected[300:304] if r["half"] is not None and r["half"] > 100 and r["name"] is not None
    ]


def test_a_shuffle_gives_every_row_once_and_the_same_order_for_a_seed(rows, expected):
    shuffled = rows.random_shuffle(seed=5)
    order = shuffled.take_all()
    assert order != expected
    assert sorted(order, key=lambda row: row["key"]) == expected
    assert shuffled.take_all() == order
    assert rows.random_shuffle(seed=5).take(10) == order[:10]
    assert rows.random_shuffle(seed=6).take_all() != order


def test_looking_at_rows_shows_the_first_epoch_each_time(rows):
    shuffled = rows.random_shuffle(seed=ms.RandomSeedConfig(3))
    assert shuffled.take(5) == shuffled.take(5) == shuffled.take_all()[:5]


def test_take_all_refuses_more_than_its_limit(rows, expected):
    assert rows.take_all(1000) == expected
    with pytest.raises(ValueError, match="more than 999 rows"):
        rows.take_all(999)


def test_show_prints_a_row_a_line(rows, capsys):
    rows.select_columns("key").show(2)
    assert capsys.readouterr().out == "{'key': 0}\n{'key': 1}\n"


def test_to_arrow_gives_all_rows_with_their_types(rows, expected):
    table = rows.to_arrow()
    assert table.to_pylist() == expected
    assert table.schema.field("tags").type == pa.list_(pa.int32())
    empty = rows.filter(expr=col("key") < 0).to_arrow()
    assert empty.num_rows == 0
    assert empty.schema == table.schema


def test_to_pandas_keeps_arrow_types_and_nulls(rows):
    frame = rows.to_pandas()
    assert frame["key"].tolist() == list(range(1000))
    assert str(frame["half"].dtype) == "double[pyarrow]"
    assert frame["half"].isna().sum() == 143
    with pytest.raises(ValueError, match="1000 rows, more than the limit of 10"):
        rows.to_pandas(limit=10)


def test_a_materialized_set_holds_the_rows_of_one_execution(rows, expected, tmp_path):
    shuffled = rows.random_shuffle(seed=9).filter(expr=col("key") < 500)
    held = shuffled.materialize()
    assert isinstance(held, ms.MaterializedDataset)
    assert held.take_all() == shuffled.take_all()
    assert held.count() == 500
    assert held.schema() == rows.schema()
    assert rows.limit(0).materialize().take_all() == []
    assert rows.materialize().filter(expr=col("key") < 3).take_all() == expected[:3]


def test_a_materialized_set_outlives_its_files(tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1, 2, 3]}), tmp_path / "a.parquet")
    held = ms.read_parquet(tmp_path).materialize()
    (tmp_path / "a.parquet").unlink()
    assert held.take_all() == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_size_bytes_is_known_or_counted(rows):
    assert rows.size_bytes() > 1000 * 8
    assert ms.range(1000).size_bytes() == 8000


def test_the_text_of_a_set_shows_its_columns(rows):
    text = repr(rows)
    assert text.startswith("shape: (1000, 4)\n")
    assert "┆" in text
    assert "list<" in text
    assert repr(rows.filter(expr=col("key") > 1)).startswith("shape: (?, 4)")
    rows.set_name("flights")
    assert "flights" in repr(rows)


def test_the_text_of_a_set_in_memory_shows_its_first_rows():
    text = repr(ms.from_items([{"a": 1, "s": "x" * 50}, {"a": None, "s": None}]))
    assert text.splitlines()[6:8] == [f"│ 1     ┆ {'x' * 39}… │", f"│ None  ┆ None{' ' * 36} │"]
    assert text.splitlines()[-1] == "(Showing 2 of 2 rows)"


def test_a_set_has_a_name_and_copies(rows):
    rows.set_name("a")
    copied = ms.Dataset.copy(rows)
    copied.set_name("b")
    assert (rows.name, copied.name) == ("a", "b")
    assert copied.take(3) == rows.take(3)
    deep = ms.Dataset.copy(rows, _deep_copy=True)
    deep.context.execution_options.preserve_order = False
    assert rows.context.execution_options.preserve_order is True


def test_explain_prints_the_plan(rows, capsys):
    rows.filter(expr=col("key") > 1).random_shuffle(seed=1).explain()
    text = capsys.readouterr().out
    assert "ReadParquet" in text
    assert "RandomShuffle" in text


def test_a_zero_column_set_still_counts_its_rows(rows):
    nothing = rows.select_columns([])
    assert nothing.count() == 1000
    assert nothing.take(2) == [{}, {}]


def test_take_batch_gives_the_first_rows_in_the_format_asked(rows):
    import numpy as np
    import pandas as pd

    batch = rows.select_columns(["key", "half"]).take_batch(3)
    assert batch["key"].tolist() == [0, 1, 2]
    assert isinstance(batch["half"], np.ndarray)
    assert isinstance(rows.take_batch(3, batch_format="pandas"), pd.DataFrame)
    table = rows.take_batch(3, batch_format="pyarrow")
    assert isinstance(table, pa.Table)
    assert table.to_pylist() == rows.take(3)
    with pytest.raises(ValueError, match="empty"):
        rows.limit(0).take_batch()
    with pytest.raises(ValueError, match="arrow"):
        rows.take_batch(3, batch_format="arrow")


def test_a_set_s_own_iterations_are_successive_epochs_and_looking_is_not(rows):
    shuffled = rows.random_shuffle(seed=ms.RandomSeedConfig(3)).select_columns("key")

    def epoch():
        return [key for batch in shuffled.iter_batches(batch_size=100) for key in batch["key"].tolist()]

    first = epoch()
    shuffled.take(3), shuffled.count(), shuffled.schema()
    second = epoch()
    assert first == [row["key"] for row in shuffled.take_all()]
    assert first != second
    assert sorted(first) == sorted(second) == list(range(1000))
    assert [row["key"] for row in shuffled.iterator().iter_rows()] == first


def test_stats_tell_what_the_last_epoch_did(rows):
    for _ in rows.iter_batches(batch_size=100):
        pass
    assert "1000" in rows.stats().replace(",", "")


def test_to_pandas_makes_categoricals_of_dictionaries():
    table = pa.table({"kind": pa.array(["x", None, "y"]).dictionary_encode(), "number": [1, None, 2]})
    frame = ms.from_arrow(table).to_pandas()
    assert [str(dtype) for dtype in frame.dtypes] == ["category", "int64[pyarrow]"]
    assert frame["kind"].cat.categories.tolist() == ["x", "y"]
