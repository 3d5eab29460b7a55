"""read_csv: the rows that pyarrow reads, whatever the files' shapes, and what is said of files that are wrong."""

import csv
import datetime
import pickle
import random

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

import millstream as ms
from millstream.expressions import col


def table_of(dataset):
    return pa.concat_tables(
        [pa.table(batch) for batch in dataset.iter_batches(batch_format="pyarrow", batch_size=None)]
    )


def generated(rows, seed=5):
    draw = random.Random(seed)
    words = ["", "a", "some words", 'with "quotes"', "comma, here", "ünïcode", "x" * 300]
    return pa.table(
        {
            "number": [draw.choice([None, draw.randrange(-(10**12), 10**12)]) for _ in range(rows)],
            "share": [draw.choice([None, draw.random() * 1e6]) for _ in range(rows)],
            "yes": [draw.random() < 0.5 for _ in range(rows)],
            "day": [datetime.date(2000, 1, 1) + datetime.timedelta(draw.randrange(9000)) for _ in range(rows)],
            "at": pa.array([draw.randrange(1 << 31) for _ in range(rows)], pa.timestamp("s")),
            "text": [draw.choice(words) for _ in range(rows)],
        }
    )


def test_rows_are_those_that_pyarrow_reads(each_engine, tmp_path):
    table = generated(60_000)  # several ranges
    path = tmp_path / "all.csv"
    pacsv.write_csv(table, path)
    assert path.stat().st_size > 3 << 20
    rows = ms.read_csv(path)
    expected = pacsv.read_csv(path)
    assert rows.schema().base_schema.equals(expected.schema)
    assert table_of(rows).equals(expected)
    assert rows.count() == 60_000
    assert rows.input_files() == [str(path)]


def test_files_of_a_directory_come_in_order_and_hidden_ones_do_not(write, tmp_path):
    for name in ("b.csv", "a.csv", "deep/c.csv"):
        write(name, f"name\n{name}\n")
    for name in ("_SUCCESS", ".a.csv.crc", "_temporary/x.csv", ".hidden.csv"):
        write(name, "name\nno\n")
    write("notes.txt", "name\nnotes\n")
    rows = ms.read_csv(tmp_path, file_extensions=["CSV"])
    assert [row["name"] for row in rows.take_all()] == ["a.csv", "b.csv", "deep/c.csv"]
    assert ms.read_csv(tmp_path).count() == 4
    assert ms.read_csv(f"{tmp_path}/*.csv").count() == 2
    assert ms.read_csv([f"{tmp_path}/b.csv", f"{tmp_path}/a.csv"]).take(1) == [{"name": "b.csv"}]


def test_columns_are_those_of_all_files(write, tmp_path):
    write("a.csv", "x,y\n1,2\n")
    write("b.csv", "y,z\n3.5,four\n")
    write("c.csv", "")
    assert ms.read_csv(tmp_path).take_all() == [{"x": 1, "y": 2.0, "z": None}, {"x": None, "y": 3.5, "z": "four"}]


def test_names_may_be_longer_than_what_is_read_first(write):
    names = [f"column {number}" for number in range(5_000)]
    path = write("wide.csv", ",".join(names) + "\n" + ",".join(["1"] * 5_000) + "\n")
    assert ms.read_csv(path).columns() == names
    assert ms.read_csv(path).select_columns(["column 4999"]).take_all() == [{"column 4999": 1}]


def test_types_are_told_from_rows_far_behind(write):
    path = write("late.csv", "a,b\n" + "1,\n" * 200_000 + "2.5,text\n" * 200_000)
    rows = ms.read_csv(path)
    assert rows.schema().types == [pa.float64(), pa.string()]
    assert rows.count() == 400_000
    assert rows.sum("a") == 200_000 * 3.5


def test_options_are_pyarrows(write):
    path = write("o.csv", "# made by hand\nid|when|ok|none\n7|01/02/2020|ja|N/A\n\n8|03/04/2021|nein|'x|y'\n")
    rows = ms.read_csv(
        path,
        read_options=pacsv.ReadOptions(skip_rows=1),
        parse_options=pacsv.ParseOptions(delimiter="|", quote_char="'"),
        convert_options=pacsv.ConvertOptions(
            column_types={"id": pa.int8(), "when": pa.timestamp("s")},
            timestamp_parsers=["%d/%m/%Y"],
            true_values=["ja"],
            false_values=["nein"],
            null_values=["N/A"],
            strings_can_be_null=True,
            include_columns=["none", "when", "id", "ok"],
        ),
    )
    assert rows.schema().base_schema.types == [pa.string(), pa.timestamp("s"), pa.int8(), pa.bool_()]
    assert rows.take_all() == [
        {"none": None, "when": datetime.datetime(2020, 2, 1), "id": 7, "ok": True},
        {"none": "x|y", "when": datetime.datetime(2021, 4, 3), "id": 8, "ok": False},
    ]
    named = write("n.csv", "1;2,5\n")
    options = {
        "read_options": pacsv.ReadOptions(column_names=["a", "b"]),
        "parse_options": pacsv.ParseOptions(delimiter=";"),
        "convert_options": pacsv.ConvertOptions(decimal_point=","),
    }
    assert ms.read_csv(named, **options).take_all() == [{"a": 1, "b": 2.5}]
    generated_names = ms.read_csv(named, read_options=pacsv.ReadOptions(autogenerate_column_names=True))
    assert generated_names.take_all() == [{"f0": "1;2", "f1": 5}]


def test_line_ends_within_quotes(write):
    path = write("q.csv", "id,text\n" + "".join(f'{n},"line\none, {n}"\n' for n in range(100_000)))
    rows = ms.read_csv(path, parse_options=pacsv.ParseOptions(newlines_in_values=True))
    assert rows.count() == 100_000
    assert rows.take(1) == [{"id": 0, "text": "line\none, 0"}]
    assert rows.sum("id") == sum(range(100_000))


def test_everything_above_a_reader_works(each_engine, tmp_path):
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "group", "text"])
        out.writerows([n, n % 7, f"row {n}"] for n in range(150_000))
    rows = ms.read_csv(path)
    assert rows.filter(expr=col("group") == 3).count() == sum(n % 7 == 3 for n in range(150_000))
    assert rows.select_columns("id").limit(3).take_all() == [{"id": 0}, {"id": 1}, {"id": 2}]
    assert rows.map_batches(lambda batch: {"id": batch["id"] * 2}).sum("id") == 2 * sum(range(150_000))
    assert rows.groupby("group").count().take(1) == [{"group": 0, "count()": 21_429}]
    assert rows.sort("id", descending=True).take(2)[0]["id"] == 149_999
    assert rows.join(ms.range(10).rename_columns({"id": "key"}), "inner", on="id", right_on="key").count() == 10
    assert rows.union(rows).count() == 300_000


def test_a_shuffle_is_one_order_whatever_the_machine(use_engine, tmp_path):
    for name, first in (("a", 0), ("b", 40_000)):
        pacsv.write_csv(
            pa.table({"id": range(first, first + 40_000), "text": ["x" * 60] * 40_000}), tmp_path / f"{name}.csv"
        )
    orders = set()
    for options in ({"num_cpus": 1}, {"num_cpus": 4}, {"memory_limit": 48 << 20}, {"always_spill": True}):
        use_engine(**options)
        shuffled = ms.read_csv(tmp_path).random_shuffle(seed=11)
        orders.add(tuple(row["id"] for row in shuffled.select_columns("id").iter_rows()))
    (order,) = orders
    assert sorted(order) == list(range(80_000))
    assert list(order) != sorted(order)


def test_the_order_of_a_shuffle_is_that_of_docs_order(write):
    """Row identity is (file, row): the same order as Parquet files with the same rows."""
    import pyarrow.parquet as pq

    for name, rows in (("a", 12), ("b", 8)):
        path = write(f"csv/{name}.csv", "id\n" + "".join(f"{n}\n" for n in range(rows)))
        parquet = path.replace("/csv/", "/parquet/").replace(".csv", ".parquet")
        write(f"parquet/{name}.parquet", "")
        pq.write_table(pacsv.read_csv(path), parquet)
    root = path.rsplit("/", 2)[0]
    read = {"csv": ms.read_csv, "parquet": ms.read_parquet}
    orders = [
        [row["id"] for row in reader(f"{root}/{form}").random_shuffle(seed=7).take_all()]
        for form, reader in read.items()
    ]
    assert orders[0] == orders[1]


def test_a_pass_is_resumed_at_any_batch(write):
    path = write("r.csv", "id\n" + "".join(f"{n}\n" for n in range(1000)))
    rows = ms.read_csv(path).random_shuffle(seed=ms.RandomSeedConfig(3, reseed_after_execution=True))
    iterator = rows.iterator()
    batches = iter(iterator.iter_batches(batch_size=64))
    seen = [next(batches)["id"].tolist() for _ in range(5)]
    state = iterator.state_dict()
    rest = [batch["id"].tolist() for batch in batches]
    again = ms.read_csv(path).random_shuffle(seed=ms.RandomSeedConfig(3, reseed_after_execution=True)).iterator()
    again.load_state_dict(state)
    assert [batch["id"].tolist() for batch in again.iter_batches(batch_size=64)] == rest
    assert sorted(row for batch in seen + rest for row in batch) == list(range(1000))


def test_a_plan_travels(write):
    path = write("p.csv", "id,text\n1,a\n2,b\n")
    rows = ms.read_csv(path, convert_options=pacsv.ConvertOptions(column_types={"id": pa.int16()}))
    again = pickle.loads(pickle.dumps(rows.randomize_block_order(seed=1).filter(expr=col("id") > 1)))
    assert again.schema().base_schema.field("id").type == pa.int16()
    assert again.take_all() == [{"id": 2, "text": "b"}]


def test_explain_and_stats_name_the_reader(write, capsys):
    rows = ms.read_csv(write("e.csv", "id\n1\n"))
    rows.explain()
    assert capsys.readouterr().out.startswith("ReadCSV[1 columns]\nFiles[1 files, 1 ranges]\n")
    iterator = rows.iterator()
    assert [batch["id"].tolist() for batch in iterator.iter_batches()] == [[1]]
    assert "ReadCSV" in iterator.stats()


def test_columns_that_nothing_asks_for_are_not_converted(write, capsys):
    path = write("wide.csv", "a,b,c\n" + "1,2,x\n" * 400_000 + "3,oops,y\n" + "1,2,x\n" * 400_000)
    typed = pacsv.ConvertOptions(column_types={"b": pa.int64()})
    rows = ms.read_csv(path, convert_options=typed, include_paths=True)
    with pytest.raises(ValueError, match="'oops'"):
        rows.materialize()
    assert rows.select_columns("a").sum("a") == 800_003
    assert rows.filter(expr=col("c") == "y").select_columns(["a", "path"]).take_all() == [{"a": 3, "path": path}]
    assert rows.select_columns("path").limit(1).take_all() == [{"path": path}]
    assert rows.groupby("c").sum("a").take_all() == [{"c": "x", "sum(a)": 800_000}, {"c": "y", "sum(a)": 3}]
    assert rows.select_columns(["c", "a"]).random_shuffle(seed=1).filter(expr=col("a") == 3).take_all() == [
        {"c": "y", "a": 3}
    ]
    rows.select_columns("a").explain()
    assert "ReadCSV[1 columns]" in capsys.readouterr().out


def test_damaged_bytes_of_a_plan_are_refused(write):
    from millstream import _core

    plan = ms.read_csv(write("year=1/d.csv", "a,b\n1,2\n")).randomize_block_order(seed=1)._plan
    stored = plan.serialize()
    assert _core.Plan.deserialize(stored).schema().names == ["a", "b", "year"]
    draw = random.Random(1)
    for length in range(len(stored)):
        with pytest.raises(ValueError, match=r"damaged|version"):
            _core.Plan.deserialize(stored[:length])
    for _ in range(2_000):
        damaged = bytearray(stored)
        for _ in range(draw.choice([1, 2, 8])):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        try:
            read = _core.Plan.deserialize(bytes(damaged))
        except (ValueError, OSError, TypeError, KeyError, MemoryError):
            continue
        assert read.schema() is not None


# ---- bad input ----
def test_a_row_with_too_many_values_is_named(write):
    path = write("bad.csv", "a,b\n" + "1,2\n" * 5 + "3,4,5\n")
    with pytest.raises(ValueError, match=r"bad\.csv: row 5 has 3 values for 2 columns: '3,4,5'.*delimiter"):
        ms.read_csv(path).take_all()


def test_a_value_of_another_type_is_named_with_a_remedy(write):
    path = write("late.csv", "a,b\n" + "1,2\n" * 2_175_000 + "oops,2\n" + "1,2\n" * 800_000)
    with pytest.raises(
        ValueError, match=r"late\.csv, from byte \d+ on, column 'a': .*'oops'.*column_types=\{'a': \.\.\.\}"
    ):
        ms.read_csv(path).count()


def test_text_that_is_not_utf8_is_named(write):
    path = write("latin.csv", "name\ncaf\xe9\n", encoding="latin-1")
    with pytest.raises(ValueError, match=r"latin\.csv, column 'name': .*UTF8"):
        ms.read_csv(path).take_all()
    with pytest.raises(ValueError, match=r"utf16\.csv .* is UTF-16; write it as UTF-8"):
        ms.read_csv(write("utf16.csv", "a\n1\n", encoding="utf-16"))
    with pytest.raises(NotImplementedError, match=r"latin-1.*write them as UTF-8"):
        ms.read_csv(path, read_options=pacsv.ReadOptions(encoding="latin-1"))


def test_headers_that_cannot_be_are_named(write, tmp_path):
    with pytest.raises(ValueError, match=r"twice\.csv has two columns 'a'"):
        ms.read_csv(write("twice.csv", "a,a\n1,2\n"))
    with pytest.raises(ValueError, match="all files are empty"):
        ms.read_csv(write("empty.csv", ""))
    with pytest.raises(KeyError, match="no file has the column 'c'; there are a, b"):
        ms.read_csv(write("x.csv", "a,b\n1,2\n"), convert_options=pacsv.ConvertOptions(include_columns=["c"]))


def test_paths_and_arguments_that_cannot_be_are_refused(write, tmp_path):
    path = write("x.csv", "a\n1\n")
    with pytest.raises(FileNotFoundError, match="missing"):
        ms.read_csv(tmp_path / "missing.csv")
    with pytest.raises(ValueError, match=r"has no file ending in \.tsv"):
        ms.read_csv(tmp_path, file_extensions=["tsv"])
    with pytest.raises(TypeError, match=r"parse_options must be a pyarrow\.csv\.ParseOptions, not dict"):
        ms.read_csv(path, parse_options={"delimiter": ";"})
    with pytest.raises(TypeError, match="no argument 'delimiter'"):
        ms.read_csv(path, delimiter=";")


def test_a_file_that_changes_after_it_was_listed_is_an_error(write):
    path = write("c.csv", "a\n1\n")
    rows = ms.read_csv(path)
    write("c.csv", "a\n1\n2\n")
    with pytest.raises(ValueError, match=r"c\.csv changed after it was listed.*read_csv\(\) again"):
        rows.take_all()


def test_a_row_without_end_is_an_error_and_not_all_of_the_memory(write):
    path = write("long.csv", "a,b\n1," + "x" * (90 << 20))
    with pytest.raises(ValueError, match=r"long\.csv"):
        ms.read_csv(path, parse_options=pacsv.ParseOptions(newlines_in_values=True)).take_all()
