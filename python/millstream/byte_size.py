"""Byte counts as a person writes them."""

import re

_FACTORS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_PATTERN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


def parse_byte_size(size: int | float | str, name: str) -> int:
    """Bytes of a size such as 536870912, "512MB" (10**6) or "2GiB" (2**30).

    `name` is what the size was given as; errors begin with it. ValueError for a size that is not positive or not
    understood, TypeError for another type.
    """
    if isinstance(size, bool) or not isinstance(size, int | float | str):
        raise TypeError(f'{name} must be bytes or a text such as "512MB" or "2GiB", not {type(size).__name__}')
    bytes_ = _parse_text(size, name) if isinstance(size, str) else size
    if not 1 <= bytes_ < 2**63:
        raise ValueError(f'{name} must be between 1 byte and 2**63 bytes, got {size!r}; write for instance "2GiB"')
    return int(bytes_)


def _parse_text(text: str, name: str) -> int | float:
    match = _PATTERN.fullmatch(text)
    factor = _FACTORS.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(
            f"{name} {text!r} is not a byte size; write a number and one of B, KB, MB, GB, TB (powers of 1000) "
            'or KiB, MiB, GiB, TiB (powers of 1024), for instance "512MB" or "2GiB"'
        )
    return int(match[1]) * factor if match[1].isdecimal() else float(match[1]) * factor
