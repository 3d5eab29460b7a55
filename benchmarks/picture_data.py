"""Draws the JPEG files that reader_data.py asks for: smooth random structure with a little noise, and a number each.

The number is drawn as black and white squares at the top of the picture, where it outlives JPEG and scaling, so that a
reader's pictures can be counted although no two readers give the same pixels. Needs numpy and Pillow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workloads.readers import PICTURE_BITS, ROW_STEP, SIDE
from workloads.transforms import weighted_sum

SEED = 20_117
HEIGHT, WIDTH = 375, 500
NUMBER_HEIGHT = 24
OCTAVES = 6  # of structure, each twice as fine as the one before and half as strong
COARSEST = (4, 3)  # width and height
NOISE = 6.0  # standard deviation
QUALITY = 90


def scaled(pixels: Any, size: tuple[int, int]) -> Any:
    """Of one channel of floats."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def structure(random: Any) -> Any:
    import numpy as np

    width, height = COARSEST
    pixels = np.zeros((height, width), np.float32)
    for octave in range(OCTAVES):
        width, height = COARSEST[0] << octave, COARSEST[1] << octave
        finer = random.normal(0.0, 48.0 / 2**octave, (height, width)).astype(np.float32)
        pixels = scaled(pixels, (width, height)) + finer
    return scaled(pixels, (WIDTH, HEIGHT))


def picture(number: int) -> Any:
    """Three channels that have most of their structure in common, as those of photographs do."""
    import numpy as np

    random = np.random.default_rng([SEED, number])
    common = structure(random)
    level = random.uniform(90.0, 160.0)
    channels = [level + common + 0.4 * structure(random) for _ in range(3)]
    pixels = np.stack(channels, axis=2) + random.normal(0.0, NOISE, (HEIGHT, WIDTH, 1)).astype(np.float32)
    pixels = pixels.clip(0, 255).astype(np.uint8)
    bits = number >> (np.arange(WIDTH) * PICTURE_BITS // WIDTH) & 1
    pixels[:NUMBER_HEIGHT] = (bits * 255)[:, None]
    return pixels


def write_picture(path: Path, number: int) -> Any:
    """Returns it as it is read again, scaled."""
    import numpy as np
    from PIL import Image

    Image.fromarray(picture(number)).save(path, quality=QUALITY)
    with Image.open(path) as stored:
        return np.asarray(stored.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def write_pictures(directory: Path, count: int) -> dict[str, Any]:
    import numpy as np

    if count > 1 << PICTURE_BITS:
        raise ValueError(f"There are numbers for {1 << PICTURE_BITS} pictures, {count} were asked for")
    pictures = (write_picture(directory / f"{number:06d}.jpg", number) for number in range(count))
    means = [round(float(pixels[::ROW_STEP].mean()), 3) for pixels in pictures]
    return {
        "files": count,
        "decoded_bytes": count * SIDE * SIDE * 3,
        "rows": count,
        "checksum": weighted_sum(np.arange(1, count + 1)) % 2**63,
        "means": means,
    }
