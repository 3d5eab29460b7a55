"""Users' functions as bytes, by cloudpickle."""

from __future__ import annotations

import io
from collections import ChainMap
from types import CodeType
from typing import Any, ClassVar

import cloudpickle


def pickled(value: Any) -> bytes:
    """As cloudpickle.dumps; pickle.loads makes the value of it."""
    file = io.BytesIO()
    _Pickler(file).dump(value)
    return file.getvalue()


def _reduced_code(code: CodeType) -> tuple[Any, ...]:
    make, arguments = cloudpickle.Pickler.dispatch_table[CodeType](code)[:2]
    return _code_of_file, (code.co_filename, make, arguments)


def _code_of_file(file: str, make: Any, arguments: tuple[Any, ...]) -> CodeType:
    code: CodeType = make(*arguments)
    return code.replace(co_filename=file)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Keeps the names of files, which cloudpickle leaves out: tracebacks and messages show them."""

    dispatch_table: ClassVar[Any] = ChainMap({CodeType: _reduced_code}, cloudpickle.Pickler.dispatch_table)
