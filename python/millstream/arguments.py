"""Checks of arguments that many functions share."""

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
