"""Files that claim what cannot be, and queries that readers of files are narrowed for."""

import io
import struct
import zlib

import numpy
import pyarrow
import pytest
from pyarrow import ipc

import millstream as ms
from millstream import col

TENSORS = pyarrow.struct([("data", pyarrow.list_(pyarrow.int64())), ("shape", pyarrow.list_(pyarrow.int32(), 2))])


@pytest.fixture(params=["csv", "arrow"])
def two_columns(request, write, tmp_path):
    if request.param == "csv":
        return ms.read_csv(write("t.csv", "d,x\n1,4\n2,5\n3,6\n"))
    table = pyarrow.table({"d": [1, 2, 3], "x": [4, 5, 6]})
    with ipc.new_file(tmp_path / "t.arrow", table.schema) as out:
        out.write_table(table)
    return ms.read_ipc(tmp_path / "t.arrow")


def test_columns_that_are_dropped_on_the_way_do_not_matter(two_columns):
    rows = two_columns
    xs = [{"x": 4}, {"x": 5}, {"x": 6}]
    assert rows.select_columns(["x"]).count() == 3
    assert rows.rename_columns({"d": "e"}).count() == 3
    assert rows.drop_columns(["d"]).count() == 3
    assert rows.with_column("z", col("x") + 1).count() == 3
    assert rows.select_columns(["x"]).filter(expr=col("x") > 4).count() == 2
    assert rows.filter(expr=col("d") > 1).select_columns(["x"]).count() == 2
    assert rows.with_column("z", col("d") + 1).select_columns(["x"]).take_all() == xs
    assert rows.with_column("z", col("d") + 1).with_column("w", col("z") + 1).select_columns(["x"]).take_all() == xs
    assert rows.select_columns(["d", "x"]).rename_columns({"d": "q"}).select_columns(["x"]).take_all() == xs
    assert rows.with_column("z", col("d") + 1).groupby("x").count().count() == 3
    assert rows.rename_columns({"x": "d", "d": "x"}).select_columns(["x"]).sum("x") == 6


def npy(shape, kind="|u1", data=b""):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize("shape", [(0, 2**31), (2**62, 0), (2**40, 0), (0, 2**63 - 1), (3, 2**62), (0, 2**40, 2**40)])
def test_shapes_that_cannot_be_are_refused(write, shape):
    path = write("a.npy", npy(shape))
    with pytest.raises(ValueError, match=r"a\.npy"):
        ms.read_numpy(path, include_paths=True).count()


def test_a_few_rows_without_values_are_read(write):
    assert ms.read_numpy(write("a.npy", npy((7, 0)))).count() == 7


def test_batches_of_columns_without_bytes_claim_no_endless_rows(tmp_path):
    path = tmp_path / "null.arrow"
    with ipc.new_file(path, pyarrow.schema([("n", pyarrow.null())])) as out:
        out.write_batch(pyarrow.record_batch({"n": pyarrow.nulls(1234567)}))
    assert ms.read_ipc(path, include_paths=True).count() == 1234567
    whole = path.read_bytes()
    assert whole.count(struct.pack("<q", 1234567)) >= 2
    path.write_bytes(whole.replace(struct.pack("<q", 1234567), struct.pack("<q", 2**62)))
    with pytest.raises(ValueError, match=r"null\.arrow is no whole Arrow IPC file: a record batch has \d+ rows"):
        ms.read_ipc(path, include_paths=True).count()


def test_files_without_columns_have_those_of_their_paths(tmp_path):
    directory = tmp_path / "a=1" / "b=2"
    directory.mkdir(parents=True)
    with ipc.new_file(directory / "x.arrow", pyarrow.schema([])):
        pass
    assert ms.read_ipc(tmp_path).count() == 0
    assert ms.read_ipc(tmp_path).columns() == ["a", "b"]


def test_tensors_whose_axes_have_names_are_united_with_others(tmp_path):
    storage = pyarrow.array([{"data": [1, 2, 3], "shape": [3, 1]}], TENSORS)
    for name, metadata in (("a", "{}"), ("b", '{"dim_names":["h","w"]}')):
        field = pyarrow.field(
            "x",
            storage.type,
            metadata={"ARROW:extension:name": "arrow.variable_shape_tensor", "ARROW:extension:metadata": metadata},
        )
        batch = pyarrow.record_batch([storage], schema=pyarrow.schema([field]))
        with ipc.new_file(tmp_path / f"{name}.arrow", batch.schema) as out:
            out.write_batch(batch)
    both = ms.read_ipc(tmp_path / "a.arrow").union(ms.read_ipc(tmp_path / "b.arrow"))
    assert [row["x"].tolist() for row in both.take_all()] == [[[1], [2], [3]]] * 2


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, rows, *extra):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [png_chunk(b"IHDR", head), *extra, png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_pictures_larger_than_a_value_are_refused(write):
    path = write("huge.png", png(30_000, 30_000, b""))
    with pytest.raises(ValueError, match=r"huge\.png: it has 30000 x 30000 pixels, more than the"):
        ms.read_images(path, max_pixels=1 << 40).take_all()
    with pytest.raises(ValueError, match="a size of 30000 x 30000 is more than a value can have"):
        ms.read_images(path, size=(30_000, 30_000))


def test_texts_in_pictures_are_not_unpacked(write):
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(7 << 20)))
    content = png(2, 1, b"\0" + bytes(range(6)), *[text] * 50)
    (row,) = ms.read_images(write("a.png", content)).take_all()
    assert row["image"].tolist() == [[[0, 1, 2], [3, 4, 5]]]


def test_pictures_of_many_scans_are_refused(write):
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.fromarray(numpy.zeros((64, 64), numpy.uint8)).save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    last = whole.rindex(b"\xff\xda")  # the last scan, once more and more
    scan = whole[last:-2]
    with pytest.raises(ValueError, match=r"a\.jpg: it is damaged: it has more than 100 scans"):
        ms.read_images(write("a.jpg", whole[:-2] + scan * 200 + whole[-2:])).take_all()


def test_names_that_are_no_text_are_told(tmp_path):
    with ipc.new_file(tmp_path / "a.arrow", pyarrow.schema([("name", pyarrow.int64())])):
        pass
    content = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(content.replace(b"name", b"n\xffme"))
    with pytest.raises(ValueError, match=r"a\.arrow has a column whose name is not UTF-8"):
        ms.read_ipc(tmp_path)
