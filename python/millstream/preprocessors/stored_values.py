"""Values of stored preprocessors as JSON and back.

JSON's own stand for themselves, but for objects and NaN. Others are an object of one key that tells the type:
{"$tuple": [...]}, {"$dict": [[key, value], ...]}, {"$float": "nan"}, {"$date": "2024-02-29"} and so on.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any


def to_json(value: Any, where: str) -> Any:
    """TypeError, beginning with `where`, for what has no form: functions above all."""
    if value is None or type(value) in (bool, str, int):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, list):
        return [to_json(item, where) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [to_json(item, where) for item in value]}
    if isinstance(value, Mapping):
        kind = "$counter" if isinstance(value, Counter) else "$dict"
        return {kind: [[to_json(key, where), to_json(item, where)] for key, item in value.items()]}
    for name, (matches, write, _) in _KINDS.items():
        if matches(value):
            return {name: write(value)}
    return _of_package(value, where)


def from_json(form: Any) -> Any:
    """ValueError or TypeError for what `to_json` does not write."""
    if isinstance(form, list):
        return [from_json(item) for item in form]
    if not isinstance(form, dict):
        return form
    ((kind, stored),) = form.items()
    if kind == "$float":
        return float(stored)
    if kind == "$tuple":
        return tuple(from_json(item) for item in stored)
    if kind in ("$dict", "$counter"):
        pairs = {from_json(key): from_json(item) for key, item in stored}
        return Counter(pairs) if kind == "$counter" else pairs
    read = _PACKAGE_READERS[kind] if kind in _PACKAGE_READERS else _KINDS[kind][2]
    return read(stored)


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: type(value) is kind


def _timedelta(form: list[int]) -> datetime.timedelta:
    days, seconds, microseconds = form
    return datetime.timedelta(days, seconds, microseconds)


# Of the standard library: how each is known, written and read.
_KINDS: dict[str, tuple[Callable[[Any], bool], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "$bytes": (_is(bytes), lambda value: base64.b64encode(value).decode("ascii"), base64.b64decode),
    "$decimal": (_is(decimal.Decimal), str, decimal.Decimal),
    "$datetime": (_is(datetime.datetime), lambda value: value.isoformat(), datetime.datetime.fromisoformat),
    "$date": (_is(datetime.date), lambda value: value.isoformat(), datetime.date.fromisoformat),
    "$time": (_is(datetime.time), lambda value: value.isoformat(), datetime.time.fromisoformat),
    "$timedelta": (
        _is(datetime.timedelta),
        lambda value: [value.days, value.seconds, value.microseconds],
        _timedelta,
    ),
}


# ---- numpy and pandas, where they are loaded ----
def _of_package(value: Any, where: str) -> Any:
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None:
        if isinstance(value, numpy.generic) and value.dtype.kind in "biufSU":
            return to_json(value.item(), where)
        if isinstance(value, numpy.ndarray) and value.dtype.kind in "biuf":
            return {"$array": [value.dtype.str, to_json(value.tolist(), where)]}
        if isinstance(value, numpy.dtype) or (isinstance(value, type) and issubclass(value, numpy.generic)):
            return {"$dtype": numpy.dtype(value).str}
        if isinstance(value, type) and value in (int, float, bool):
            return {"$dtype": numpy.dtype(value).str}
    if pandas is not None:
        if isinstance(value, pandas.CategoricalDtype):
            return {"$categorical": [to_json(value.categories.tolist(), where), bool(value.ordered)]}
        if isinstance(value, pandas.IntervalIndex):
            edges = [[interval.left, interval.right] for interval in value]
            return {"$intervals": [to_json(edges, where), value.closed]}
        if isinstance(value, pandas.Timestamp):
            return to_json(value.to_pydatetime(), where)
    if callable(value):
        raise TypeError(
            f"{where} is a function, and serialize() writes no code; pickle the preprocessor where its code may "
            "travel, or make it anew where it is needed"
        )
    raise TypeError(f"{where} holds a value of type {type(value).__name__}, for which serialize() has no form")


def _array(form: list[Any]) -> Any:
    import numpy

    return numpy.array(from_json(form[1]), _dtype(form[0]))


def _dtype(form: str) -> Any:
    import numpy

    dtype = numpy.dtype(form)
    if dtype.kind not in "biuf":
        raise ValueError(f"the stored preprocessor has an array of dtype {form!r}; it can only hold numbers")
    return dtype


def _categorical(form: list[Any]) -> Any:
    import pandas

    return pandas.CategoricalDtype(from_json(form[0]), ordered=form[1])


def _intervals(form: list[Any]) -> Any:
    import pandas

    return pandas.IntervalIndex.from_tuples([tuple(edges) for edges in from_json(form[0])], closed=form[1])


_PACKAGE_READERS: dict[str, Callable[[Any], Any]] = {
    "$array": _array,
    "$dtype": _dtype,
    "$categorical": _categorical,
    "$intervals": _intervals,
}
