"""Files and rows that cannot be read: passed over by rule, told of in dead letters, and never more than asked for."""

import bz2
import gzip
import json
import pickle

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.json
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

import millstream as ms
from millstream import col

COLUMN_TYPES = pyarrow.csv.ConvertOptions(column_types={"n": pa.int64(), "s": pa.string()})
RECORD = {"on_bad_row": "record"}


def letters(dataset):
    return dataset.dead_letters().take_all()


def offsets(dataset):
    return [letter["offset"] for letter in letters(dataset)]


def place_of(text, part):
    return text.index(part)


# ---- rows ----
CSV = "n,s\n1,a\nnone,b\n3,c\n4\n5,e,f\n6,g\n\xff7,h\n"


def csv_file(path, text=CSV):
    path.write_bytes(text.encode("latin-1"))
    return path


def test_bad_rows_of_csv_are_passed_over_and_told_of_with_their_place(tmp_path):
    path = csv_file(tmp_path / "a.csv")
    dataset = ms.read_csv(path, convert_options=COLUMN_TYPES, **RECORD)
    assert dataset.take_all() == [{"n": 1, "s": "a"}, {"n": 3, "s": "c"}, {"n": 6, "s": "g"}]
    bad = letters(dataset)
    assert sorted(letter["offset"] for letter in bad) == [CSV.index(row) for row in ("none", "4\n", "5,e", "\xff7")]
    assert {letter["source"] for letter in bad} == {str(path)}
    assert {letter["stage"] for letter in bad} == {"ReadCSV"}
    assert {letter["first_row"] for letter in bad} == {None}
    assert any("none" in letter["error"] and "'n'" in letter["error"] for letter in bad)
    assert any("3 values for 2 columns" in letter["error"] for letter in bad)


def test_skip_tells_of_nothing_and_raise_is_the_default(tmp_path):
    path = csv_file(tmp_path / "a.csv")
    skipped = ms.read_csv(path, convert_options=COLUMN_TYPES, on_bad_row="skip")
    assert [row["n"] for row in skipped.take_all()] == [1, 3, 6]
    assert letters(skipped) == []
    with pytest.raises(ValueError, match=r"a\.csv"):
        ms.read_csv(path, convert_options=COLUMN_TYPES).take_all()


def test_so_many_bad_rows_and_no_more(tmp_path):
    path = csv_file(tmp_path / "a.csv")
    for how in ("skip", "record"):
        enough = ms.read_csv(path, convert_options=COLUMN_TYPES, on_bad_row=how, max_errors=4)
        assert enough.count() == 3
        few = ms.read_csv(path, convert_options=COLUMN_TYPES, on_bad_row=how, max_errors=3)
        with pytest.raises(ValueError, match=r"more errors now than the 3 that max_errors lets pass"):
            few.take_all()
    assert len(letters(few)) == 4


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("newlines", [False, True])
def test_rows_that_are_left_are_those_that_fit_wherever_files_are_cut(compressed, newlines, tmp_path):
    rows, good, bad = [], [], []
    for row in range(150_000):
        kind = row % 1013
        if kind == 7:
            rows.append(f"no number,{row}")
            bad.append(row)
        elif kind == 500:
            rows.append(f"{row}")
            bad.append(row)
        else:
            value = f'"text\nof {row}"' if newlines and row % 3 == 0 else f'"a ""text"" of {row}"'
            rows.append(f"{row},{value}")
            good.append({"n": row, "s": value[1:-1].replace('""', '"')})
    text = "n,s\n" + "\n".join(rows) + "\n"
    path = tmp_path / ("a.csv.gz" if compressed else "a.csv")
    path.write_bytes(gzip.compress(text.encode(), 1) if compressed else text.encode())
    assert len(text) > 2 << 20
    parse = pyarrow.csv.ParseOptions(newlines_in_values=newlines)
    dataset = ms.read_csv(path, convert_options=COLUMN_TYPES, parse_options=parse, **RECORD)
    assert dataset.take_all() == good
    assert sorted(offsets(dataset)) == [place_of(text, f"\n{rows[row]}\n") + 1 for row in bad]


def test_bad_lines_of_json_are_passed_over(tmp_path):
    lines = ['{"a": 1}', "{", '{"a": "x"}', "", '{"a": 4}', "nonsense", '{"a": 6, "b": 7}', '{"a": 8}']
    text = "\n".join(lines)
    (tmp_path / "a.json").write_text(text)
    parse = pyarrow.json.ParseOptions(explicit_schema=pa.schema([("a", pa.int64()), ("b", pa.int64())]))
    dataset = ms.read_json(tmp_path / "a.json", parse_options=parse, **RECORD)
    assert [row["a"] for row in dataset.take_all()] == [1, 4, 6, 8]
    assert offsets(dataset) == [text.index(line) for line in ("{\n", '{"a": "x"', "nonsense")]


def test_types_of_json_are_told_from_the_lines_that_are_good(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}\n{broken\n{"a": 2, "b": [1.5]}\n')
    dataset = ms.read_json(tmp_path / "a.json", **RECORD)
    assert dataset.schema().type_names == ["int64", "list<item: double>"]
    assert dataset.take_all() == [{"a": 1, "b": None}, {"a": 2, "b": [1.5]}]
    assert offsets(dataset) == [9]


def test_values_of_an_array_of_json_that_do_not_fit_are_passed_over(tmp_path):
    (tmp_path / "a.json").write_text('[{"a": 1}, {"a": "x"},\n {"a": 3}]')
    parse = pyarrow.json.ParseOptions(explicit_schema=pa.schema([("a", pa.int64())]))
    dataset = ms.read_json(tmp_path / "a.json", parse_options=parse, **RECORD)
    assert [row["a"] for row in dataset.take_all()] == [1, 3]
    assert offsets(dataset) == [None]


def test_bad_objects_over_several_lines_are_passed_over_one_by_one(tmp_path):
    rows = [{"n": value} for value in (1, 2, "text", 4, [5], 6, 7)]
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=2))
    parse = pyarrow.json.ParseOptions(explicit_schema=pa.schema([("n", pa.int64())]))
    dataset = ms.read_json(tmp_path / "a.json", parse_options=parse, **RECORD)
    assert [row["n"] for row in dataset.take_all()] == [1, 2, 4, 6, 7]
    assert len(letters(dataset)) == 2


def test_lines_that_are_not_utf8_are_passed_over(tmp_path):
    text = b"good\nb\xffd\nalso good\n\xc3\n"
    (tmp_path / "a.txt").write_bytes(text)
    (tmp_path / "b.txt.bz2").write_bytes(bz2.compress(text))
    dataset = ms.read_text(tmp_path, **RECORD)
    assert [row["text"] for row in dataset.take_all()] == ["good", "also good"] * 2
    assert offsets(dataset) == [5, text.index(b"\xc3")] * 2


def test_records_that_are_damaged_or_do_not_fit_are_passed_over(tmp_path):
    table = pa.table({"i": list(range(5)), "s": [f"text {row}" for row in range(5)]})
    ms.from_arrow(table).write_tfrecords(tmp_path / "good")
    (path,) = (tmp_path / "good").iterdir()
    data = bytearray(path.read_bytes())
    size = len(data) // 5
    data[2 * size + 30] ^= 1
    (tmp_path / "a.tfrecords").write_bytes(data)
    dataset = ms.read_tfrecords(tmp_path / "a.tfrecords", **RECORD)
    assert [row["i"] for row in dataset.take_all()] == [0, 1, 3, 4]
    assert offsets(dataset) == [2 * size]
    assert "checksum" in letters(dataset)[0]["error"]


def test_a_record_of_which_one_feature_fits_and_another_does_not_leaves_nothing_of_itself(tmp_path):
    rows = 40_000  # more than types are told from
    ms.range(rows).with_column("s", col("id") * 3).write_tfrecords(tmp_path / "many")
    ms.from_items([{"id": 7, "s": [1, 2]}]).write_tfrecords(tmp_path / "other")
    many, other = (next((tmp_path / name).iterdir()).read_bytes() for name in ("many", "other"))
    (tmp_path / "a.tfrecords").write_bytes(many + other + many)
    assert len(many) > 1 << 20
    dataset = ms.read_tfrecords(tmp_path / "a.tfrecords", **RECORD)
    assert [row["id"] for row in dataset.take_all()] == [*range(rows), *range(rows)]
    assert offsets(dataset) == [len(many)]


def test_records_after_a_long_stretch_of_bad_ones_are_kept(tmp_path):
    size = 2 << 20
    for name, values in {"good": [b"a", b"b"], "bad": [b"x" * size] * 4}.items():
        ms.from_items([{"v": value} for value in values]).write_tfrecords(tmp_path / name)
    good, bad = (bytearray(next((tmp_path / name).iterdir()).read_bytes()) for name in ("good", "bad"))
    one = len(bad) // 4
    for row in range(4):
        bad[row * one + size // 2] ^= 1
    for name, data in {"among": good + bad + good, "before": bad + good}.items():
        (tmp_path / f"{name}.tfrecords").write_bytes(data)
        first = len(good) if name == "among" else 0
        dataset = ms.read_tfrecords(tmp_path / f"{name}.tfrecords", **RECORD)
        assert [row["v"] for row in dataset.take_all()] == [b"a", b"b"] * (2 if name == "among" else 1)
        assert offsets(dataset) == [first + row * one for row in range(4)]


def test_what_is_bad_does_not_hang_on_the_columns_that_are_used(tmp_path):
    (tmp_path / "a.json").write_text('{"n": 1, "s": 2}\n{"n": 3, "s": "text"}\n{"n": "text", "s": 4}\n')
    parse = pyarrow.json.ParseOptions(explicit_schema=pa.schema([("n", pa.int64()), ("s", pa.int64())]))
    as_csv = pyarrow.csv.ConvertOptions(column_types={"n": pa.int64(), "s": pa.int64()})
    (tmp_path / "a.csv").write_text("n,s\n1,2\n3,text\ntext,4\n")
    for dataset in (
        ms.read_json(tmp_path / "a.json", parse_options=parse, on_bad_row="skip"),
        ms.read_csv(tmp_path / "a.csv", convert_options=as_csv, on_bad_row="skip"),
    ):
        assert dataset.take_all() == [{"n": 1, "s": 2}]
        assert dataset.count() == 1
        assert dataset.select_columns("n").take_all() == [{"n": 1}]
        assert dataset.select_columns("s").take_all() == [{"s": 2}]


# ---- files ----
def write_good_and_bad(form, directory):
    """Three files, of which the second one is damaged from its beginning."""
    directory.mkdir()
    if form == "csv":
        for name in "ac":
            (directory / f"{name}.csv").write_text("n\n1\n2\n")
        (directory / "b.csv").write_bytes("n\n1\n".encode("utf-16"))
    elif form == "json":
        for name in "ac":
            (directory / f"{name}.json").write_text('{"n": 1}\n{"n": 2}\n')
        (directory / "b.json.gz").write_bytes(b"no gzip at all")
    elif form == "ipc":
        for name in "ac":
            pa.feather.write_feather(pa.table({"n": [1, 2]}), str(directory / f"{name}.arrow"))
        (directory / "b.arrow").write_bytes(b"ARROW1 and nothing behind it")
    elif form == "orc":
        for name in "ac":
            pa.orc.write_table(pa.table({"n": [1, 2]}), str(directory / f"{name}.orc"))
        (directory / "b.orc").write_bytes(b"ORC?")
    elif form == "parquet":
        for name in "ac":
            pq.write_table(pa.table({"n": [1, 2]}), str(directory / f"{name}.parquet"))
        (directory / "b.parquet").write_bytes(b"PAR1 and no footer PAR1")
    elif form == "numpy":
        for name in "ac":
            np.save(directory / f"{name}.npy", np.array([1, 2]))
        (directory / "b.npy").write_bytes(b"\x93NUMPY and what?")
    elif form == "images":
        for name in "ac":
            PIL.Image.fromarray(np.zeros((2, 3), np.uint8)).save(directory / f"{name}.png")
        (directory / "b.png").write_bytes((directory / "a.png").read_bytes()[:40])
    elif form == "tfrecords":
        for name in "ac":
            ms.from_items([{"n": 1}, {"n": 2}]).write_tfrecords(directory / f"_{name}")
            (path,) = (directory / f"_{name}").iterdir()
            path.rename(directory / f"{name}.tfrecords")
        (directory / "b.tfrecords").write_bytes(b"no records")
    elif form == "text":
        for name in "ac":
            (directory / f"{name}.txt").write_text("1\n2\n")
        (directory / "b.txt.gz").write_bytes(gzip.compress(b"1\n2\n" * 1000)[:40])


FORMS = ["parquet", "csv", "json", "ipc", "orc", "numpy", "images", "tfrecords", "text"]


@pytest.mark.parametrize("form", FORMS)
def test_a_bad_file_is_left_out_and_told_of(form, tmp_path):
    write_good_and_bad(form, tmp_path / "x")
    read = getattr(ms, f"read_{form}")
    everything = {"file_extensions": None}
    with pytest.raises((ValueError, TypeError), match=r"b\."):
        read(tmp_path / "x", **everything).take_all()
    for how in ("skip", "record"):
        dataset = read(tmp_path / "x", on_bad_file=how, **everything)
        assert dataset.count() == (2 if form == "images" else 4)
        rows = dataset.take_all()
        assert len(rows) == (2 if form == "images" else 4)
        told = letters(dataset)
        assert [letter["source"].rsplit("/", 1)[1][:2] for letter in told] == (["b."] if how == "record" else [])
        for letter in told:
            assert "b." in letter["error"]


def only_the_bad_one(form, directory):
    write_good_and_bad(form, directory)
    for path in directory.iterdir():
        if not path.name.startswith("b."):
            path.unlink() if path.is_file() else path.rmdir()
    return directory


@pytest.mark.parametrize(
    ("form", "match"),
    [
        *((form, r"none is left.*b\.") for form in ("parquet", "csv", "json", "ipc", "orc", "numpy")),
        ("tfrecords", "no features"),
    ],
)
def test_where_no_file_is_left_to_tell_columns_from_that_is_an_error(form, match, tmp_path):
    directory = only_the_bad_one(form, tmp_path / "x")
    with pytest.raises(ValueError, match=match):
        getattr(ms, f"read_{form}")(directory, on_bad_file="record", file_extensions=None)


@pytest.mark.parametrize("form", ["images", "text"])
def test_where_columns_are_known_there_are_no_rows(form, tmp_path):
    directory = only_the_bad_one(form, tmp_path / "x")
    dataset = getattr(ms, f"read_{form}")(directory, on_bad_file="record", file_extensions=None)
    assert dataset.take_all() == []
    assert len(letters(dataset)) == 1


def test_of_a_file_that_ends_too_early_what_was_read_stays(tmp_path):
    lines = "".join(f"{number}\n" for number in range(300_000))
    whole = gzip.compress(lines.encode())
    (tmp_path / "a.txt.gz").write_bytes(whole[: len(whole) * 2 // 3])
    (tmp_path / "b.txt").write_text("last\n")
    with pytest.raises(ValueError, match=r"a\.txt\.gz"):
        ms.read_text(tmp_path).take_all()
    dataset = ms.read_text(tmp_path, on_bad_file="record")
    rows = [row["text"] for row in dataset.take_all()]
    assert rows[-1] == "last"
    assert rows[:-1] == lines.splitlines()[: len(rows) - 1]
    assert len(rows) > 50_000
    (letter,) = letters(dataset)
    assert letter["source"].endswith("a.txt.gz")


def test_columns_of_paths_and_partitions_go_with_the_files_that_are_left(tmp_path):
    for part in ("a", "b", "c"):
        (tmp_path / f"p={part}").mkdir()
        text = "n\n1\n" if part != "b" else "n,n\n1,2\n"
        (tmp_path / f"p={part}" / "x.csv").write_text(text)
    dataset = ms.read_csv(tmp_path, on_bad_file="record", include_paths=True)
    assert [row["p"] for row in dataset.take_all()] == ["a", "c"]
    assert [letter["source"] for letter in letters(dataset)] == [str(tmp_path / "p=b" / "x.csv")]
    assert dataset.input_files() == [str(tmp_path / f"p={part}" / "x.csv") for part in "ac"]


def test_files_of_other_types_than_those_before_them_are_bad(tmp_path):
    pa.feather.write_feather(pa.table({"n": [1]}), str(tmp_path / "a.arrow"))
    pa.feather.write_feather(pa.table({"n": ["text"]}), str(tmp_path / "b.arrow"))
    pa.feather.write_feather(pa.table({"n": [3.5]}), str(tmp_path / "c.arrow"))
    dataset = ms.read_ipc(tmp_path, on_bad_file="record")
    assert [row["n"] for row in dataset.take_all()] == [1.0, 3.5]
    assert [letter["source"][-7:] for letter in letters(dataset)] == ["b.arrow"]


def test_a_bad_file_adds_no_columns(tmp_path):
    pa.feather.write_feather(pa.table({"n": [1]}), str(tmp_path / "a.arrow"))
    pa.feather.write_feather(pa.table({"extra": [1], "n": ["text"]}), str(tmp_path / "b.arrow"))
    pa.feather.write_feather(pa.table({"extra": ["x"], "n": [3]}), str(tmp_path / "c.arrow"))
    dataset = ms.read_ipc(tmp_path, on_bad_file="record")
    assert dataset.take_all() == [{"n": 1, "extra": None}, {"n": 3, "extra": "x"}]
    assert [letter["source"][-7:] for letter in letters(dataset)] == ["b.arrow"]


# ---- with all else ----
def test_letters_are_those_of_each_epoch_and_of_all_that_runs(tmp_path):
    path = csv_file(tmp_path / "a.csv")
    dataset = ms.read_csv(path, convert_options=COLUMN_TYPES, **RECORD)
    iterator = dataset.iterator()
    for _ in range(2):
        assert sum(len(batch["n"]) for batch in iterator.iter_batches()) == 3
    assert [letter["epoch"] for letter in iterator.dead_letters().take_all()] == [0] * 4 + [1] * 4
    shuffled = dataset.random_shuffle(seed=1).filter(expr=col("n") > 1)
    assert sorted(row["n"] for row in shuffled.take_all()) == [3, 6]
    assert len(letters(shuffled)) == 4
    dataset.write_parquet(tmp_path / "out")
    assert len(letters(dataset)) == 4
    assert ms.read_parquet(tmp_path / "out").count() == 3


def test_a_data_set_that_travels_passes_over_the_same(tmp_path):
    write_good_and_bad("csv", tmp_path / "x")
    dataset = ms.read_csv(tmp_path / "x", on_bad_file="record", max_errors=5)
    travelled = pickle.loads(pickle.dumps(dataset))
    assert travelled.take_all() == dataset.take_all()
    assert letters(travelled) == letters(dataset)
    assert len(letters(travelled)) == 1
    assert travelled.select_columns(["n"]).count() == 4


def test_what_is_not_the_datas_fault_is_never_passed_over(tmp_path):
    with pytest.raises(FileNotFoundError):
        ms.read_csv(tmp_path / "none.csv", on_bad_file="skip", on_bad_row="skip")
    (tmp_path / "a.json").write_text(json.dumps({"a": 1}))
    broken = ms.read_json(tmp_path / "a.json", on_bad_file="skip", on_bad_row="skip").with_column(
        "b", 1 // (col("a") - 1)
    )
    with pytest.raises(ValueError, match="zero"):
        broken.take_all()


def test_mistakes_are_told(tmp_path):
    csv_file(tmp_path / "a.csv")
    with pytest.raises(ValueError, match=r"on_bad_row is one of 'raise', 'skip' and 'record', not 'ignore'"):
        ms.read_csv(tmp_path, on_bad_row="ignore")
    with pytest.raises(TypeError, match="on_bad_file"):
        ms.read_csv(tmp_path, on_bad_file=True)
    with pytest.raises(NotImplementedError, match="use on_bad_file"):
        ms.read_images(tmp_path, on_bad_row="skip")
    with pytest.raises(ValueError, match="max_errors"):
        ms.read_csv(tmp_path, on_bad_row="skip", max_errors=-1)
