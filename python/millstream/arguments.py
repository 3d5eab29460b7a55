"""Checks of arguments that many functions share."""

import os
from collections.abc import Mapping
from typing import Any

_PLACEMENT = frozenset(
    {
        "accelerator_type",
        "compute",
        "concurrency",
        "fallback_strategy",
        "fn_args",
        "fn_constructor_args",
        "fn_constructor_kwargs",
        "fn_kwargs",
        "label_selector",
        "max_calls",
        "memory",
        "num_cpus",
        "num_gpus",
        "ray_remote_args",
        "ray_remote_args_fn",
        "resources",
        "runtime_env",
        "scheduling_strategy",
    }
)


def check_count(value: Any, name: str, *, least: int = 0) -> int:
    """`value` as an int of at least `least`. TypeError or ValueError naming the argument."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be a whole number, not {type(value).__name__}")
    count = int(value)
    if count < least:
        raise ValueError(f"{name} must be at least {least}, got {count}")
    return count


def check_flag(value: Any, name: str) -> bool:
    """`value` as a bool. TypeError for what is neither true nor false, such as the text "no"."""
    if isinstance(value, str | bytes) or value not in (True, False):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def check_text(value: Any, name: str) -> str:
    """`value` as it is. TypeError where it is not a text."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, not {type(value).__name__}")
    return value


def check_columns(value: Any, name: str) -> list[str]:
    """The names of columns, given as one or as a list. TypeError for another type, ValueError for one twice."""
    names = [value] if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else None
    if names is None or not all(isinstance(column, str) for column in names):
        raise TypeError(f"{name} must be the name of a column, or a list of names, not {value!r}")
    if len(set(names)) < len(names):
        raise ValueError(f"{name} has a column twice: {names}")
    return names


def check_local_path(path: Any, name: str) -> str:
    """`path` as text. TypeError for another type, ValueError for none, NotImplementedError for a URL."""
    if not isinstance(path, str | os.PathLike) or not isinstance(text := os.fspath(path), str):
        raise TypeError(f"{name} must be a text or os.PathLike, not {type(path).__name__}")
    if not text:
        raise ValueError(f"{name} is empty")
    scheme, separator, rest = text.partition("://")
    if separator and scheme.isidentifier():
        remedy = f"write {rest!r}" if scheme in ("file", "local") else "give one on a disk of this machine"
        raise NotImplementedError(f"{text!r}: {name} is a directory of this machine; {remedy}")
    return text


def refuse_placement(function: str, arguments: Mapping[str, Any]) -> None:
    """For arguments of ray.data that place work on a cluster: None is taken, anything else NotImplementedError.

    TypeError for an argument that ray.data does not have either.
    """
    for name, value in arguments.items():
        if name not in _PLACEMENT:
            raise TypeError(f"{function}() has no argument {name!r}")
        if value is not None:
            raise NotImplementedError(
                f"{function}({name}={value!r}): this version runs in one process on the CPUs and memory that "
                "millstream.init gives it; leave the argument out"
            )


def refuse(function: str, arguments: Mapping[str, Any], remedies: Mapping[str, str] | None = None) -> None:
    """NotImplementedError for the first of `arguments` that is set: ray.data has it, this version does not.

    `remedies` says for some of them what to do instead.
    """
    for name, value in arguments.items():
        if value is not None and value is not False:
            remedy = (remedies or {}).get(name, "leave it out")
            raise NotImplementedError(f"{function}({name}=...) is not supported by this version; {remedy}")
