"""read_images, beside Pillow."""

import io
import pickle
import random

import numpy
import pytest

import millstream as ms

Image = pytest.importorskip("PIL.Image")


def picture(height, width, channels=3, seed=0):
    """Smooth, so that it survives JPEG, with some noise."""
    draw = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [127 + 80 * numpy.sin(x / (7 + c) + seed) + 40 * numpy.cos(y / (5 + c)) for c in range(max(channels, 1))]
    noisy = numpy.stack(planes, axis=-1) + draw.normal(0, 3, (height, width, max(channels, 1)))
    array = noisy.clip(0, 255).astype(numpy.uint8)
    return array[:, :, 0] if channels == 1 else array


def encoded(array, kind, mode=None, **options):
    out = io.BytesIO()
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(out, kind, **options)
    return out.getvalue()


def read(path, **options):
    (row,) = ms.read_images(path, **options).take_all()
    return row["image"]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "LA", "I;16"])
@pytest.mark.parametrize("asked", [None, "L", "RGB", "RGBA"])
def test_png_is_what_pillow_reads(write, mode, asked):
    array = picture(37, 53)
    if mode == "I;16":
        content = encoded((picture(37, 53, 1).astype(numpy.uint16) * 257), "PNG")
    else:
        content = encoded(array, "PNG", mode)
    got = read(write("a.png", content), mode=asked)
    image = Image.open(io.BytesIO(content))
    if mode == "I;16":
        wanted = Image.fromarray((numpy.asarray(image) // 257).astype(numpy.uint8))
    elif mode in ("P", "LA"):
        wanted = image.convert("RGBA" if mode == "LA" else "RGB")
    else:
        wanted = image.convert("L") if mode == "1" else image
    wanted = numpy.asarray(wanted if asked is None else wanted.convert(asked))
    assert got.dtype == numpy.uint8
    assert numpy.array_equal(got, wanted)


def test_palettes_with_transparency_and_interlacing(write):
    image = Image.fromarray(picture(20, 30)).convert("P")
    out = io.BytesIO()
    image.save(out, "PNG", transparency=3)
    got = read(write("p.png", out.getvalue()))
    assert numpy.array_equal(got, numpy.asarray(Image.open(out).convert("RGBA")))


@pytest.mark.parametrize("size", [(20, 30), (100, 140), (37, 10), (1, 1), (38, 53)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_scaled_png_is_pillows_to_the_bit(write, mode, size):
    content = encoded(picture(37, 53), "PNG", mode)
    got = read(write("a.png", content), size=size)
    wanted = Image.open(io.BytesIO(content)).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    assert numpy.array_equal(got, numpy.asarray(wanted))


def test_scaled_pictures_with_alpha_are_not_coloured_by_what_is_not_seen(write):
    array = numpy.zeros((40, 40, 4), numpy.uint8)
    array[:20] = (255, 0, 0, 0)
    array[20:] = (0, 0, 255, 255)
    got = read(write("a.png", encoded(array, "PNG")), size=(10, 10)).astype(int)
    assert got[:, :, 0].max() == 0
    wanted = Image.fromarray(array).resize((10, 10), Image.Resampling.BILINEAR)
    assert abs(got - numpy.asarray(wanted).astype(int)).max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpeg_is_what_pillow_reads(write, mode, options):
    content = encoded(picture(61, 83), "JPEG", mode, quality=90, **options)
    got = read(write("a.jpg", content)).astype(int)
    image = Image.open(io.BytesIO(content))
    wanted = numpy.asarray(image if mode != "CMYK" else image.convert("RGB")).astype(int)
    assert got.shape == wanted.shape
    assert abs(got - wanted).max() <= (0 if mode != "CMYK" else 2)
    gray = read(write("a.jpg", content), mode="L").astype(int)
    assert abs(gray - numpy.asarray(image.convert("L"))).max() <= 3
    assert read(write("a.jpg", content), mode="RGBA")[:, :, 3].min() == 255


@pytest.mark.parametrize("size", [(224, 224), (50, 60), (375, 500), (400, 600), (11, 500)])
def test_scaled_jpeg_is_near_pillows(write, size):
    smooth = Image.fromarray(picture(100, 130)).resize((500, 375), Image.Resampling.BICUBIC)
    content = encoded(numpy.asarray(smooth), "JPEG", quality=92)
    got = read(write("a.jpg", content), size=size).astype(int)
    wanted = Image.open(io.BytesIO(content)).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    difference = abs(got - numpy.asarray(wanted).astype(int))
    assert got.shape == (*size, 3)
    assert difference.mean() < 3


def test_pictures_of_one_shape_are_one_array(each_engine, write):
    for number in range(150):
        path = write(f"d/{number:03}.png", encoded(picture(12, 9, seed=number), "PNG"))
    rows = ms.read_images(path.rsplit("/", 1)[0])
    batches = [batch["image"] for batch in rows.iter_batches(batch_size=64)]
    assert [batch.shape for batch in batches] == [(64, 12, 9, 3), (64, 12, 9, 3), (22, 12, 9, 3)]
    wanted = numpy.stack([picture(12, 9, seed=number) for number in range(150)])
    assert numpy.array_equal(numpy.concatenate(batches), wanted)
    shuffled = pickle.loads(pickle.dumps(rows.random_shuffle(seed=1))).take_all()
    assert {row["image"].tobytes() for row in shuffled} == {image.tobytes() for image in wanted}


def test_pictures_of_several_shapes_are_arrays_of_their_own(write):
    shapes = [(4, 5), (7, 3), (4, 5)]
    for number, shape in enumerate(shapes):
        path = write(f"d/{number}.png", encoded(picture(*shape, seed=number), "PNG"))
    directory = path.rsplit("/", 1)[0]
    rows = ms.read_images(directory, include_paths=True).take_all()
    assert [row["image"].shape for row in rows] == [(*shape, 3) for shape in shapes]
    assert [row["path"][-5:] for row in rows] == ["0.png", "1.png", "2.png"]
    scaled = next(iter(ms.read_images(directory, size=(8, 8), mode="L").iter_batches()))
    assert scaled["image"].shape == (3, 8, 8)


def test_gray_and_coloured_pictures_need_a_mode(write):
    write("d/a.png", encoded(picture(4, 5, 1), "PNG"))
    path = write("d/b.png", encoded(picture(4, 5), "PNG"))
    directory = path.rsplit("/", 1)[0]
    with pytest.raises(ValueError, match=r"gray and others in colour, such as file .*b\.png; give a mode"):
        ms.read_images(directory)
    assert [row["image"].shape for row in ms.read_images(directory, mode="RGB").take_all()] == [(4, 5, 3)] * 2


def test_bad_pictures_are_named(write):
    whole = {"png": encoded(picture(40, 40), "PNG"), "jpg": encoded(picture(40, 40), "JPEG")}
    for kind, content in whole.items():
        path = write(f"short.{kind}", content[: len(content) // 2])
        with pytest.raises(ValueError, match=rf"short\.{kind}: it is damaged: .*; write it again"):
            ms.read_images(path).take_all()
    with pytest.raises(ValueError, match=r"text\.png: it is no picture"):
        ms.read_images(write("text.png", "no picture at all")).take_all()
    with pytest.raises(ValueError, match=r"empty\.png: it is no picture"):
        ms.read_images(write("empty.png", b"")).take_all()
    with pytest.raises(
        ValueError, match=r"a\.jp2: it is a JPEG 2000 picture, which read_images\(\) does not read; convert"
    ):
        ms.read_images(write("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n")).take_all()
    with pytest.raises(ValueError, match=r"big\.png: it has 40 x 40 pixels, more than the 1000 that are allowed"):
        ms.read_images(write("big.png", whole["png"]), max_pixels=1000).take_all()


def test_arguments_are_checked(write):
    path = write("a.png", encoded(picture(4, 4), "PNG"))
    with pytest.raises(ValueError, match=r"size must be \(height, width\)"):
        ms.read_images(path, size=224)
    with pytest.raises(ValueError, match=r"size\[0\]"):
        ms.read_images(path, size=(0, 3))
    with pytest.raises(ValueError, match='mode is one of "L", "RGB", "RGBA", not "CMYK"'):
        ms.read_images(path, mode="CMYK")


OTHERS = {
    "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"],
    "WEBP": ["RGB", "RGBA"],
    "GIF": ["1", "L", "P"],
    "BMP": ["1", "L", "P", "RGB"],
    "PPM": ["1", "L", "RGB"],
}
STORED = {"1": "L", "L": "L", "LA": "RGBA", "RGBA": "RGBA"}  # of Pillow's modes; others are colours


@pytest.mark.parametrize("asked", [None, "L", "RGB", "RGBA"])
@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in OTHERS.items() for mode in modes])
def test_other_formats_are_what_pillow_reads(write, kind, mode, asked):
    array = picture(37, 53, 4) if mode == "RGBA" else picture(37, 53)
    content = encoded(array, kind, mode)
    got = read(write(f"a.{kind.lower()}", content), mode=asked)
    opened = Image.open(io.BytesIO(content))
    assert mode != "RGBA" or opened.mode == "RGBA"
    stored = opened.convert(STORED.get(opened.mode, "RGB"))
    assert got.dtype == numpy.uint8
    assert numpy.array_equal(got, numpy.asarray(stored if asked is None else stored.convert(asked)))


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("size", [(20, 30), (100, 140), (1, 1)])
def test_other_formats_are_scaled_as_png_is(write, kind, size):
    lossless = {"lossless": True} if kind == "WEBP" else {}
    gray = encoded(picture(37, 53, 1), kind, **lossless)
    pixels = numpy.asarray(Image.open(io.BytesIO(gray)).convert("L"))
    got = read(write(f"a.{kind.lower()}", gray), size=size, mode="L")
    assert numpy.array_equal(got, read(write("a.png", encoded(pixels, "PNG")), size=size))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4", "zstd"])
def test_compressed_tiff_is_what_pillow_reads(write, compression):
    content = encoded(picture(37, 53), "TIFF", "1" if compression == "group4" else "RGB", compression=compression)
    wanted = Image.open(io.BytesIO(content))
    wanted = wanted.convert("L") if compression == "group4" else wanted
    assert numpy.array_equal(read(write("a.tif", content)), numpy.asarray(wanted))


def test_turned_tiff_is_turned(write):
    content = encoded(picture(20, 31), "TIFF", tiffinfo={274: 6})
    got = read(write("a.tiff", content))
    assert got.shape == (31, 20, 3)
    assert numpy.array_equal(got, numpy.asarray(Image.open(io.BytesIO(content))))


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_of_tiff_become_eight_as_those_of_png(write, order):
    array = numpy.random.default_rng(1).integers(0, 1 << 16, (20, 30), dtype=numpy.uint16)
    got = read(write("a.tif", encoded(array.astype(f"{order}u2"), "TIFF")))
    assert numpy.array_equal(got, read(write("a.png", encoded(array, "PNG"))))


@pytest.mark.parametrize("kind", ["float32", "int32"])
def test_numbers_without_a_white_are_refused(write, kind):
    path = write("a.tif", encoded(numpy.zeros((4, 5), kind), "TIFF"))
    with pytest.raises(
        ValueError, match=r"a\.tif: its pixels are of Pillow's mode '[FI]'.*; convert it, or read it with"
    ):
        ms.read_images(path).take_all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_of_several_pictures_the_first_is_read(write, kind):
    pages = [Image.fromarray(picture(12, 9, seed=seed)) for seed in range(3)]
    out = io.BytesIO()
    pages[0].save(out, kind, save_all=True, append_images=pages[1:])
    got = read(write("a.many", out.getvalue()), mode="RGB")
    assert numpy.array_equal(got, numpy.asarray(Image.open(out).convert("RGB")))


def test_gif_with_transparency_has_alpha(write):
    out = io.BytesIO()
    Image.fromarray(picture(20, 30)).quantize(9).save(out, "GIF", transparency=3)
    got = read(write("a.gif", out.getvalue()))
    assert numpy.array_equal(got, numpy.asarray(Image.open(out).convert("RGBA")))
    assert got[:, :, 3].min() == 0


def test_a_directory_of_all_formats(each_engine, write):
    kinds = ["JPEG", "PNG", *OTHERS]
    for number in range(70):
        kind = kinds[number % len(kinds)]
        path = write(f"d/{number:03}.{kind.lower()}", encoded(picture(12, 9, seed=number), kind))
    directory = path.rsplit("/", 1)[0]
    assert len(ms.read_images(directory, mode="RGB").take_all()) == 60  # those of PPM are not asked for
    images = ms.read_images(directory, mode="RGB", file_extensions=None)
    (batch,) = images.iter_batches(batch_size=100)
    assert batch["image"].shape == (70, 12, 9, 3)
    for number in range(1, 70, 7):
        assert numpy.array_equal(batch["image"][number], picture(12, 9, seed=number))
    shuffled = pickle.loads(pickle.dumps(images.random_shuffle(seed=1))).take_all()
    assert {row["image"].tobytes() for row in shuffled} == {image.tobytes() for image in batch["image"]}


@pytest.mark.filterwarnings("error")
def test_large_files_that_tell_their_shape_at_their_end(write):
    noise = numpy.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=numpy.uint8)
    for kind, options in (("TIFF", {"compression": "tiff_lzw"}), ("WEBP", {"lossless": True})):
        path = write(f"{kind}/a.{kind.lower()}", encoded(noise, kind, **options))
        assert ms.read_images(path).schema().types[0].shape == [200, 300, 3]
        assert numpy.array_equal(read(path), noise)


@pytest.mark.parametrize("kind", OTHERS)
def test_damaged_files_of_other_formats_are_named(write, kind):
    whole = encoded(picture(40, 40), kind)
    path = write(f"d/short.{kind.lower()}", whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=rf"short\.{kind.lower()}: it is damaged: .*; write it again"):
        ms.read_images(path, mode="RGB").take_all()
    write(f"d/whole.{kind.lower()}", whole)
    rows = ms.read_images(path.rsplit("/", 1)[0], mode="RGB", file_extensions=None, on_bad_file="record")
    assert [row["image"].shape for row in rows.take_all()] == [(40, 40, 3)]
    (letter,) = rows.dead_letters().take_all()
    assert "it is damaged" in letter["error"]


def huge(kind):
    """Of 60,000 x 60,000 pixels, as it says."""
    side = 60_000
    if kind == "PPM":
        return b"P6 60000 60000 255\n"
    if kind == "WEBP":
        frames = [Image.fromarray(picture(8, 8))]
        whole = bytearray(encoded(picture(8, 8, seed=1), kind, save_all=True, append_images=frames))
        whole[24:30] = (side - 1).to_bytes(3, "little") * 2
        return bytes(whole)
    whole = encoded(picture(8, 8), kind)
    if kind == "TIFF":
        head, body = whole[:8], whole[8:]
        return head + body.replace(b"\x08\0\0\0", side.to_bytes(4, "little"))
    at, width = {"GIF": (6, 2), "BMP": (18, 4)}[kind]
    return whole[:at] + side.to_bytes(width, "little") * 2 + whole[at + 2 * width :]


@pytest.mark.parametrize("kind", OTHERS)
def test_pictures_that_claim_too_much_are_refused(write, kind, monkeypatch):
    path = write(f"huge.{kind.lower()}", huge(kind))
    with pytest.raises(ValueError, match=r"huge\.\w+: .*PIL\.Image\.MAX_IMAGE_PIXELS"):
        ms.read_images(path).take_all()
    small = write("small", encoded(picture(40, 40), kind))
    with pytest.raises(ValueError, match=r"small: it has 40 x 40 pixels, more than the 1000 that are allowed"):
        ms.read_images(small, max_pixels=1000).take_all()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(
        ValueError, match=r"small: it has 40 x 40 pixels, more than the 1000 that Pillow allows; scale it"
    ):
        ms.read_images(small).take_all()
    if kind != "WEBP":  # whose canvas has to be made before anything is told
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        with pytest.raises(
            ValueError, match=r"huge\.\w+: it has 60000 x 60000 pixels, more than the \d+ that are allowed"
        ):
            ms.read_images(path).take_all()


def test_other_readers_of_pillow_are_not_asked(write, monkeypatch):
    def reader(*_):
        raise AssertionError("it was asked")

    monkeypatch.setattr(Image, "OPEN", dict.fromkeys(Image.OPEN, (reader, None)))
    assert read(write("a.webp", encoded(picture(4, 5), "WEBP"))).shape == (4, 5, 3)
    path = write("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n")
    with pytest.raises(ValueError, match=r"a\.eps: it is no picture that is read"):
        ms.read_images(path).take_all()


def test_without_pillow_it_is_told_what_to_install(write, run_python):
    write("d/a.png", encoded(picture(4, 5), "PNG"))
    path = write("d/b.webp", encoded(picture(4, 5), "WEBP"))
    source = """
import sys, pickle, millstream as ms
sys.modules["PIL"] = None
directory, plan = sys.argv[1:]
print(ms.read_images(directory, file_extensions=["png"]).count())
made = lambda: ms.read_images(directory, on_bad_file="skip")
travelled = lambda: pickle.loads(bytes.fromhex(plan)).take_all()
for read in (made, travelled):
    try:
        read()
    except ImportError as error:
        print(error)
"""
    plan = pickle.dumps(ms.read_images(path, size=(4, 4), mode="RGB")).hex()
    first, *errors = run_python(source, path.rsplit("/", 1)[0], plan).splitlines()
    assert first == "1"
    assert len(errors) == 2
    for error in errors:
        assert error.startswith("read_images, of a WEBP file, needs Pillow, which cannot be imported (")
        assert error.endswith("pip install 'millstream[images]'")


def test_forked_and_other_processes_decode(write, run_python):
    path = write("a.webp", encoded(picture(12, 9), "WEBP", lossless=True))
    source = """
import multiprocessing, pickle, sys, millstream as ms
def read(plan):
    (row,) = pickle.loads(plan).take_all()
    return row["image"].tobytes()
if __name__ == "__main__":
    rows = ms.read_images(sys.argv[1])
    plan = pickle.dumps(rows)
    wanted = read(plan)
    for start in ("fork", "spawn"):
        with multiprocessing.get_context(start).Pool(2) as pool:
            assert pool.map(read, [plan] * 4) == [wanted] * 4
    ms.shutdown()
    print(read(plan) == wanted)
"""
    assert run_python(source, path) == "True\n"


@pytest.mark.filterwarnings("ignore")  # of Pillow's, about odd metadata
def test_bent_bytes_are_errors_or_pictures(write):
    seed = random.randrange(1 << 32)
    draw = random.Random(seed)
    wholes = [
        encoded(picture(30, 40), "PNG"),
        encoded(picture(30, 40), "PNG", "P"),
        encoded(picture(30, 40), "JPEG"),
        encoded(picture(30, 40), "JPEG", progressive=True),
        *(encoded(picture(30, 40), kind) for kind in OTHERS),
        encoded(picture(30, 40), "TIFF", compression="tiff_lzw"),
    ]
    for _ in range(400):
        bent = bytearray(draw.choice(wholes))
        if draw.random() < 0.3:
            del bent[draw.randint(0, len(bent)) :]
        for _ in range(draw.randint(0, 5)):
            if bent:
                bent[draw.randrange(len(bent))] = draw.randrange(256)
        try:
            ms.read_images(write("bent.png", bytes(bent)), size=(8, 8), mode="RGB").take_all()
        except ValueError:
            pass
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
