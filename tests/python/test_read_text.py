"""read_text and read_binary_files."""

import gzip
import pickle
import random

import pytest

import millstream as ms


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("drop", [True, False])
def test_lines_are_rows(each_engine, write, newline, drop):
    draw = random.Random(9)
    words = ["", " \t", "a line", "ünïcode ☃", "x" * 500, "a\rb"]
    lines = [draw.choice(words) for _ in range(30_000)] + ["the last one"]
    path = write("lines.txt", newline.join(lines))
    read = ms.read_text(path, drop_empty_lines=drop)
    assert [row["text"] for row in read.iter_rows()] == [line for line in lines if line.strip() or not drop]


def test_a_shuffle_of_lines_has_each_once(use_engine, write):
    write("d/a.txt", "".join(f"{n}\n" for n in range(50_000)))
    path = write("d/b.txt.gz", gzip.compress("".join(f"{n}\n" for n in range(50_000, 60_000)).encode()))
    orders = set()
    for options in ({"num_cpus": 1}, {"num_cpus": 4}, {"always_spill": True}):
        use_engine(**options)
        rows = ms.read_text(path.rsplit("/", 1)[0]).random_shuffle(seed=1)
        orders.add(tuple(int(row["text"]) for row in rows.iter_rows()))
    (order,) = orders
    assert sorted(order) == list(range(60_000))


def test_a_mark_and_an_end_without_line_end(write):
    path = write("m.txt", b"\xef\xbb\xbffirst\n\nlast")
    assert ms.read_text(path).take_all() == [{"text": "first"}, {"text": "last"}]
    assert ms.read_text(path, drop_empty_lines=False).count() == 3
    assert ms.read_text(write("empty.txt", "")).take_all() == []


def test_lines_that_are_not_utf8_are_named(write):
    path = write("latin.txt", b"fine\ncaf\xe9\n")
    with pytest.raises(
        ValueError, match=r"latin\.txt, byte 5: the line that begins there is not UTF-8.*read_binary_files"
    ):
        ms.read_text(path).take_all()
    with pytest.raises(NotImplementedError, match="'latin-1' are not read"):
        ms.read_text(path, encoding="latin-1")


def test_a_line_that_does_not_end_is_an_error_and_not_all_of_the_memory(write):
    path = write("long.txt", "x" * (90 << 20))
    with pytest.raises(ValueError, match=r"long\.txt has no end of a line"):
        ms.read_text(path).take_all()


def test_binary_files_are_rows(each_engine, write):
    draw = random.Random(2)
    contents = [draw.randbytes(draw.choice([0, 1, 1000, 300_000])) for _ in range(30)]
    for number, content in enumerate(contents):
        path = write(f"d/{number:02}.bin", content)
    read = ms.read_binary_files(path.rsplit("/", 1)[0])
    assert [row["bytes"] for row in read.iter_rows()] == contents
    assert read.count() == 30
    assert [row["bytes"] for row in pickle.loads(pickle.dumps(read)).iter_rows()] == contents
    shuffled = [row["bytes"] for row in read.random_shuffle(seed=5).iter_rows()]
    assert sorted(shuffled) == sorted(contents) != shuffled


def test_many_small_files(write):
    for number in range(2_000):
        path = write(f"d/{number:04}.txt", f"line {number}\n")
    directory = path.rsplit("/", 1)[0]
    assert ms.read_binary_files(directory).count() == 2_000
    assert [row["text"] for row in ms.read_text(directory).iter_rows()] == [f"line {n}" for n in range(2_000)]
