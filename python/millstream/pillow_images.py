"""Pictures that Pillow decodes for the engine, which calls this from its lanes (src/bindings/image_decoder.cc).

The engine tells by a file's first bytes what it is, and it is opened as that alone. Of what cannot be read Pillow's own
exceptions tell, and NotImplementedError of a whole picture that is not read.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from millstream.libraries import library

if TYPE_CHECKING:
    from PIL import ImageFile

Shape = tuple[int, int, int]

_CLASSES = {
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "GIF": ("GifImagePlugin", "GifImageFile"),
    "PPM": ("PpmImagePlugin", "PpmImageFile"),
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),
    "WEBP": ("WebPImagePlugin", "WebPImageFile"),
}
_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
_DECODED_MODES = {
    "1": "L",
    "L": "L",
    "LA": "RGBA",
    "I;16": "L",
    "I;16B": "L",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBX": "RGB",
    "RGBA": "RGBA",
    "CMYK": "RGB",
    "YCbCr": "RGB",
}


def image_shape(form: str, data: bytes) -> Shape:
    """Height, width and channels of a picture as it is stored; no pixels are decoded."""
    with contextlib.closing(_opened(form, data)) as image:
        return _shape(image, _decoded_mode(image))


def image_pixels(form: str, data: bytes) -> tuple[Shape, bytes]:
    """The shape, and the pixels of the first picture of the file."""
    with contextlib.closing(_opened(form, data)) as image:
        mode = _decoded_mode(image)
        pixels = _pixels(image, mode)
        return _shape(image, mode), pixels


def _opened(form: str, data: bytes) -> ImageFile.ImageFile:
    reader = _reader(form)
    from PIL import Image

    remedy = "scale it down, leave it out, or set PIL.Image.MAX_IMAGE_PIXELS"
    try:
        image = reader(io.BytesIO(data))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NotImplementedError(f"{error} {remedy}") from None
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        size = f"{image.width} x {image.height} pixels"
        raise NotImplementedError(f"it has {size}, more than the {limit} that Pillow allows; {remedy}")
    return image


def _reader(form: str) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """The class that reads this format alone, whatever else is registered with Pillow."""
    module, name = _CLASSES[form]
    plugin = library(f"PIL.{module}", "images", f"read_images, of a {form} file,", "Pillow")
    if not getattr(plugin, "SUPPORTED", True):
        raise ImportError(f"read_images: this Pillow was built without {form}; install it anew")
    return cast("Callable[[io.BytesIO], ImageFile.ImageFile]", getattr(plugin, name))


def _shape(image: ImageFile.ImageFile, mode: str) -> Shape:
    return image.height, image.width, _CHANNELS[mode]


def _decoded_mode(image: ImageFile.ImageFile) -> str:
    mode = _DECODED_MODES.get(image.mode)
    if mode is None:
        raise NotImplementedError(
            f"its pixels are of Pillow's mode {image.mode!r}, and 8 or 16 bits a channel are read; convert it, or read "
            "it with read_binary_files() and map_batches()"
        )
    return "RGBA" if image.has_transparency_data else mode


def _pixels(image: ImageFile.ImageFile, mode: str) -> bytes:
    if image.mode.startswith("I;16"):
        import numpy

        # Rounded as libpng does it for PNG.
        wide = numpy.asarray(image).astype(numpy.uint32)
        return ((wide * 255 + 32895) >> 16).astype(numpy.uint8).tobytes()
    return (image if image.mode == mode else image.convert(mode)).tobytes()
