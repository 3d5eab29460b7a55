"""Preprocessors as JSON.

    {"millstream_preprocessor": 1, "class": "StandardScaler", "version": 1, "arguments": {...}, "fitted": true,
     "stats": {...}}

Reading it back calls the constructor of a class that this process has already, with arguments that it checks; stored
text names no module and holds no code. Values that JSON lacks are told in stored_values.py.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from millstream.preprocessor import Preprocessor
from millstream.preprocessors.stored_values import from_json, to_json
from millstream.preprocessors.tokens import simple_split_tokenizer

_FORMAT = "millstream_preprocessor"
_FORMAT_VERSION = 1


def stored_form(preprocessor: Preprocessor) -> str:
    """TypeError, naming argument and preprocessor, for what cannot be stored."""
    return json.dumps(_stored(preprocessor), allow_nan=False)


def restored(serialized: str | bytes) -> Preprocessor:
    """ValueError for what `stored_form` did not write, or another version."""
    if not isinstance(serialized, str | bytes):
        raise TypeError(f"deserialize takes what serialize() gave, a text, not {type(serialized).__name__}")
    try:
        form = json.loads(serialized)
    except (ValueError, RecursionError):
        form = None
    if not isinstance(form, dict) or _FORMAT not in form:
        raise ValueError(
            f"this is not what Preprocessor.serialize() writes, which is JSON: {serialized[:40]!r}; pickles hold code "
            "and are not read: fit the preprocessor again"
        )
    try:
        return _restored(form)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"the stored preprocessor is damaged: {type(error).__name__}: {error}") from error


def _stored(preprocessor: Preprocessor) -> dict[str, Any]:
    kind = type(preprocessor)
    name = kind.__name__
    if _classes().get(name) is not kind:
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} has the name of another preprocessor; give it its own")
    inner = getattr(preprocessor, "preprocessors", None)
    if inner is not None:
        arguments: Any = [_stored(each) for each in inner]
    else:
        arguments = {
            key: to_json(_storable(value), f"{name}: argument {key}")
            for key, value in preprocessor._arguments().items()
        }
    return {
        _FORMAT: _FORMAT_VERSION,
        "class": name,
        "version": kind._stored_version,
        "arguments": arguments,
        "fitted": preprocessor._fitted,
        "stats": to_json(getattr(preprocessor, "stats_", {}), f"{name}: stats_"),
    }


def _storable(value: Any) -> Any:
    return None if value is simple_split_tokenizer else value  # constructors take None for it


def _restored(form: dict[str, Any]) -> Preprocessor:
    if form[_FORMAT] != _FORMAT_VERSION:
        raise ValueError(
            f"the stored preprocessor has format {form[_FORMAT]!r} and this version reads {_FORMAT_VERSION}; read it "
            "with the version of millstream that wrote it"
        )
    kind = _class_named(form["class"])
    if form["version"] != kind._stored_version:
        raise ValueError(
            f"the stored {form['class']} has version {form['version']!r} and this one reads {kind._stored_version}; "
            "read it with the version that wrote it, or fit it again"
        )
    stored = form["arguments"]
    if isinstance(stored, list):
        preprocessor = kind(*map(_restored, stored))
    else:
        preprocessor = kind(**{key: from_json(value) for key, value in stored.items()})
    stats = from_json(form["stats"])
    if not isinstance(stats, dict) or not isinstance(form["fitted"], bool):
        raise TypeError("its statistics are no dict")
    preprocessor.stats_ = stats
    preprocessor._fitted = form["fitted"]
    return preprocessor


def _class_named(name: str) -> type[Preprocessor]:
    known = _classes()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, 1)
        hint = f"did you mean {near[0]!r}?" if near else "import the module that defines it first"
        raise ValueError(f"there is no preprocessor class {name!r}; {hint}")
    return known[name]


def _classes() -> dict[str, type[Preprocessor]]:
    """The package's own first: another of the same name does not take its place."""
    import millstream.preprocessors as package

    own = {name: getattr(package, name) for name in package.__all__}
    others = {kind.__name__: kind for kind in _subclasses(Preprocessor) if not kind.__name__.startswith("_")}
    return others | {name: kind for name, kind in own.items() if issubclass(kind, Preprocessor)}


def _subclasses(kind: type[Preprocessor]) -> Iterator[type[Preprocessor]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
