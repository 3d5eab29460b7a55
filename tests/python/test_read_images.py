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
    with pytest.raises(ValueError, match=r"a\.gif: it is a GIF picture, and read_images\(\) reads JPEG and PNG"):
        ms.read_images(write("a.gif", encoded(picture(4, 4), "GIF"))).take_all()
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


def test_bent_bytes_are_errors_or_pictures(write):
    seed = random.randrange(1 << 32)
    draw = random.Random(seed)
    wholes = [
        encoded(picture(30, 40), "PNG"),
        encoded(picture(30, 40), "PNG", "P"),
        encoded(picture(30, 40), "JPEG"),
        encoded(picture(30, 40), "JPEG", progressive=True),
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
