"""Tar files of WebDataset: read, written, and what is no such file."""

import gzip
import io
import json
import pickle
import tarfile

import numpy as np
import PIL.Image
import pytest

import millstream as ms


def png_of(array):
    out = io.BytesIO()
    PIL.Image.fromarray(array).save(out, "png")
    return out.getvalue()


def tar_of(members, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


PICTURE = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
MEMBERS = [
    (f"train/{row:03}.{suffix}", data)
    for row in range(30)
    for suffix, data in [
        ("cls", str(row % 3).encode()),
        ("png", png_of(PICTURE + row)),
        ("txt", f"é {row}".encode()),
        ("meta.json", json.dumps({"row": row, "tags": ["a"] * (row % 3)}).encode()),
        ("bin", bytes([row])),
    ]
]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar_of(MEMBERS))
    return tmp_path / "a.tar"


def test_members_of_a_key_are_a_row_decoded_by_their_suffixes(path):
    rows = ms.read_webdataset(path).take_all()
    assert len(rows) == 30
    for number, row in enumerate(rows):
        assert row["__key__"] == f"train/{number:03}"
        assert row["__url__"] == str(path)
        assert (row["cls"], row["txt"], row["bin"]) == (number % 3, f"é {number}", bytes([number]))
        assert row["meta.json"] == {"row": number, "tags": ["a"] * (number % 3)}
        assert np.array_equal(row["png"], PICTURE + number)


def test_bytes_and_decoders_of_ones_own(path):
    plain = ms.read_webdataset(path, decoder=None).take(1)[0]
    assert plain["cls"] == b"0"
    assert plain["txt"] == "é 0".encode()

    def shape(sample):
        return {"__key__": sample["__key__"], "pixels": int(np.prod(sample["png"].shape))}

    assert ms.read_webdataset(path, decoder=[True, shape]).take(1)[0]["pixels"] == 60
    with pytest.raises(TypeError, match="decoder"):
        ms.read_webdataset(path, decoder=3)


def test_members_and_suffixes_are_chosen_and_renamed(path):
    chosen = ms.read_webdataset(path, suffixes=["cls", "*.txt"])
    assert sorted(chosen.columns()) == ["__key__", "__url__", "cls", "txt"]
    some = ms.read_webdataset(path, fileselect=lambda name: name.endswith("cls") and "01" in name)
    assert [row["__key__"][-3:] for row in some.take_all()] == ["001", *(f"0{number}" for number in range(10, 20))]
    renamed = ms.read_webdataset(
        path, filerename=lambda name: name.replace(".cls", ".label.txt"), suffixes=["label.txt"]
    )
    assert renamed.take(1)[0]["label.txt"] == "0"
    with pytest.raises(TypeError, match="suffixes"):
        ms.read_webdataset(path, suffixes="cls")


def test_compressed_files_lacking_members_and_several_files(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(
        gzip.compress(tar_of([("1.a.txt", b"x"), ("1.b.txt", b"y"), ("2.a.txt", b"z")]))
    )
    (tmp_path / "b.tar").write_bytes(tar_of([("3.b.txt", b"w"), ("no suffix", b""), ("dir/.hidden", b"")]))
    dataset = ms.read_webdataset(tmp_path)
    assert [(row["__key__"], row["a.txt"], row["b.txt"]) for row in dataset.take_all()] == [
        ("1", "x", "y"),
        ("2", "z", None),
        ("3", None, "w"),
    ]
    shuffled = dataset.random_shuffle(seed=1)
    assert sorted(row["__key__"] for row in shuffled.take_all()) == ["1", "2", "3"]


def test_json_may_become_columns(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar_of([("1.json", b'{"a": 1, "b": "x"}'), ("2.json", b'{"a": 2, "b": "y"}')]))
    rows = ms.read_webdataset(tmp_path, expand_json=True).take_all()
    assert [(row["a"], row["b"]) for row in rows] == [(1, "x"), (2, "y")]


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_what_is_written_comes_back(tmp_path, compression):
    rows = [
        {
            "__key__": f"k/{number}",
            "png": PICTURE + number,
            "cls": number,
            "txt": f"é{number}",
            "x.json": {"a": number, "b": [1.5, None]},
            "v.npy": np.arange(3) * 0.5 + number,
            "raw": bytes(number),
            "none.txt": None if number % 2 else "there",
        }
        for number in range(40)
    ]
    ms.from_items(rows).write_webdataset(tmp_path, compression=compression, max_rows_per_file=15)
    assert len(list(tmp_path.iterdir())) == 3
    back = ms.read_webdataset(tmp_path).take_all()
    assert len(back) == 40
    for row, found in zip(rows, back, strict=True):
        assert np.array_equal(found["png"], row["png"])
        assert np.array_equal(found["v.npy"], row["v.npy"])
        for name in ("__key__", "cls", "txt", "x.json", "raw", "none.txt"):
            assert found[name] == row[name]


def test_keys_are_made_where_there_are_none_and_long_names_fit(tmp_path):
    ms.from_items([{"txt": "a"}, {"txt": "b"}]).write_webdataset(tmp_path / "a")
    (path,) = (tmp_path / "a").iterdir()
    with tarfile.open(path) as tar:
        assert [name.rsplit("_", 1)[1] for name in tar.getnames()] == ["0.txt", "1.txt"]
    long = "/".join(["directory" * 5] * 4)
    ms.from_items([{"__key__": long, "txt": "a"}]).write_webdataset(tmp_path / "b")
    assert ms.read_webdataset(tmp_path / "b").take_all()[0]["__key__"] == long
    with pytest.raises(ValueError, match="longer than"):
        ms.from_items([{"__key__": "x" * 300, "txt": "a"}]).write_webdataset(tmp_path / "c")
    doubled = ms.from_items([{"n": 2}]).write_webdataset
    doubled(tmp_path / "d", encoder=lambda row: {"__key__": "k", "txt": str(2 * row["n"])})
    assert ms.read_webdataset(tmp_path / "d").take_all()[0]["txt"] == "4"


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/x", "", "a\0b"])
def test_keys_that_lead_elsewhere_are_refused(tmp_path, key):
    with pytest.raises(ValueError, match="row 0"):
        ms.from_items([{"__key__": key, "txt": "a"}]).write_webdataset(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_columns_without_a_form_are_refused(tmp_path):
    for items, error, match in [
        ([{"x": [1, 2]}], TypeError, "'x'"),
        ([{"jpg": np.zeros((2, 2))}], TypeError, "'jpg'"),
        ([{"png": np.zeros((2, 2, 2), np.uint8)}], ValueError, "no picture"),
        ([{"__key__": "a"}], ValueError, "without columns"),
    ]:
        with pytest.raises(error, match=match):
            ms.from_items(items).write_webdataset(tmp_path / "out")
        assert not (tmp_path / "out").exists()


# ---- hostile files ----
def test_members_that_lead_elsewhere_are_names_and_nothing_is_written(tmp_path):
    data = tar_of([("../../evil.txt", b"1"), ("/etc/evil.txt", b"2")])
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tar").write_bytes(data)
    rows = ms.read_webdataset(tmp_path / "in").take_all()
    assert [row["txt"] for row in rows] == ["1", "2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_what_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    for suffix in ("pickle", "pkl", "pyd", "pt", "pth"):
        (tmp_path / "a.tar").write_bytes(tar_of([(f"1.{suffix}", pickle.dumps(Evil()))]))
        with pytest.raises(Exception, match=r"a\.tar.*runs code"):
            ms.read_webdataset(tmp_path).take_all()
    out = io.BytesIO()
    np.save(out, np.array([Evil()], dtype=object), allow_pickle=True)
    (tmp_path / "a.tar").write_bytes(tar_of([("1.npy", out.getvalue())]))
    with pytest.raises(Exception, match=r"1\.npy"):
        ms.read_webdataset(tmp_path).take_all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar"]


def test_damaged_files_name_the_file_and_member(tmp_path):
    path = tmp_path / "a.tar"
    whole = tar_of(MEMBERS)
    for data, match in [
        (b"no tar file at all" * 100, r"a\.tar"),
        (whole[: len(whole) // 2 + 100], r"a\.tar.*train/"),
        (gzip.compress(whole)[:-2000], r"a\.tar"),
        (tar_of([("1.cls", b"x")]), r"a\.tar, the member '1\.cls'"),
        (tar_of([("1.txt", b"\xff")]), r"'1\.txt'"),
        (tar_of([("1.png", b"no picture")]), r"'1\.png'"),
        (tar_of([("1.txt", b"a"), ("1.txt", b"b")]), "twice"),
        (tar_of([("1.a", b"a"), ("2.a", b"b"), ("1.b", b"c")]), "follow one another"),
    ]:
        path.write_bytes(data)
        with pytest.raises(Exception, match=match):
            ms.read_webdataset(tmp_path).take_all()


def test_bad_files_are_passed_over(path):
    whole = path.read_bytes()
    directory = path.parent
    (directory / "b.tar").write_bytes(whole[: len(whole) // 2])
    (directory / "c.tar").write_bytes(b"no tar at all" * 100)
    (directory / "d.tar").write_bytes(tar_of([("x.cls", b"1"), ("y.cls", b"not a number"), ("z.cls", b"3")]))
    (directory / "e.tar").write_bytes(whole)
    with pytest.raises(ValueError, match=r"b\.tar"):
        ms.read_webdataset(directory).take_all()
    recorded = ms.read_webdataset(directory, on_bad_file="record")
    keys = [row["__key__"] for row in recorded.iter_rows()]
    all_keys = [f"train/{row:03}" for row in range(30)]
    of_b = len(keys) - 61
    assert 5 < of_b < 30
    assert keys == [*all_keys, *all_keys[:of_b], "x", *all_keys]
    letters = recorded.dead_letters().take_all()
    assert [letter["source"] for letter in letters] == [str(directory / name) for name in ("b.tar", "c.tar", "d.tar")]
    assert "y" in letters[2]["error"]
    skipped = ms.read_webdataset(directory, on_bad_file="skip", max_errors=3)
    assert [row["__key__"] for row in skipped.iter_rows()] == keys
    with pytest.raises(ValueError, match=r"d\.tar"):
        ms.read_webdataset(directory, on_bad_file="skip", max_errors=2).take_all()


@pytest.mark.parametrize("name", ["decoder", "fileselect", "filerename", "suffixes"])
def test_what_a_function_of_the_users_raises_is_no_fault_of_the_file(path, name):
    def function(_):
        raise ValueError("of mine")

    with pytest.raises(Exception, match="of mine"):
        ms.read_webdataset(path, on_bad_file="skip", **{name: function}).take_all()


@pytest.mark.parametrize("decoder", [None, True])
@pytest.mark.parametrize("text", [b"{", b"[1]"])
def test_json_that_cannot_be_expanded_is_a_fault_of_the_file(tmp_path, decoder, text):
    (tmp_path / "a.tar").write_bytes(tar_of([("x.json", text)]))
    (tmp_path / "b.tar").write_bytes(tar_of([("y.json", b'{"n": 1}')]))
    with pytest.raises(ValueError, match=r"a\.tar"):
        ms.read_webdataset(tmp_path, decoder=decoder, expand_json=True).take_all()
    dataset = ms.read_webdataset(tmp_path, decoder=decoder, expand_json=True, on_bad_file="record")
    assert [row["__key__"] for row in dataset.take_all()] == ["y"]
    assert [letter["source"] for letter in dataset.dead_letters().take_all()] == [str(tmp_path / "a.tar")]
