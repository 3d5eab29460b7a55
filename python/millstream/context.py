"""Settings of data sets, under the names of ray.data's."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from millstream.ray_settings import RAY_SETTINGS


@dataclass
class ExecutionResources:
    """Amounts of CPUs, GPUs and bytes; None where nothing is said."""

    cpu: float | None = None
    gpu: float | None = None
    object_store_memory: float | None = None
    memory: float | None = None


@dataclass
class ExecutionOptions:
    """How a data set runs.

    Args:
        resource_limits: Kept for ray.data's sake, without effect; `millstream.init` sets what an engine may use.
        exclude_resources: As resource_limits.
        preserve_order: True (unlike ray.data) gives rows in the source's order, always the same. False lets batches
            come as they are ready.
        actor_locality_enabled: Kept, without effect.
        verbose_progress: Whether the progress bar has a line for each stage.
        label_selector: Kept, without effect.
    """

    resource_limits: ExecutionResources = field(default_factory=ExecutionResources)
    exclude_resources: ExecutionResources = field(default_factory=ExecutionResources)
    preserve_order: bool = True
    actor_locality_enabled: bool = True
    verbose_progress: bool = True
    label_selector: dict[str, str] | None = None


class DataContext:
    """Settings that a data set takes over when it is made; later changes reach later data sets only.

    `get_current()` is this process's. Every field of ray.data's DataContext can be read and set. These have an effect:
    `execution_options.preserve_order`, `execution_options.verbose_progress`, `enable_progress_bars`, and one that
    ray.data has not: `function_timeout_s`, how many seconds one call of a function may take (None, the default: any
    number). The others are kept and travel with the data set, so that scripts written for ray.data run.
    """

    execution_options: ExecutionOptions
    enable_progress_bars: bool
    function_timeout_s: float | None

    _current: DataContext | None = None

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(copy.deepcopy(RAY_SETTINGS))
        self.execution_options = ExecutionOptions()
        self.function_timeout_s = None
        self._configs: dict[str, Any] = {}
        for name, value in settings.items():
            if name not in self.__dict__:
                raise TypeError(f"DataContext has no field {name!r}")
            setattr(self, name, value)

    @staticmethod
    def get_current() -> DataContext:
        """The settings of this process, made at the first call."""
        if DataContext._current is None:
            DataContext._current = DataContext()
        return DataContext._current

    @staticmethod
    @contextmanager
    def current(context: DataContext) -> Iterator[DataContext]:
        """Makes `context` the process's own within a `with` block."""
        before = DataContext._set_current(context)
        try:
            yield context
        finally:
            DataContext._set_current(before)

    @staticmethod
    def _set_current(context: DataContext | None) -> DataContext | None:
        before, DataContext._current = DataContext._current, context
        return before

    def get_config(self, key: str, default: Any = None) -> Any:
        """A setting of the user's own."""
        return self._configs.get(key, default)

    def set_config(self, key: str, value: Any) -> None:
        """Keeps a setting of the user's own."""
        self._configs[key] = value

    def remove_config(self, key: str) -> None:
        """Forgets a setting of the user's own."""
        self._configs.pop(key, None)

    def copy(self) -> DataContext:
        """A copy that shares nothing with this one."""
        return copy.deepcopy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._changed(), self._configs)

    def _changed(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self.__dict__.items()
            if name != "_configs" and (name not in RAY_SETTINGS or RAY_SETTINGS[name] != value)
        }

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"DataContext has no field {name!r}")

    def __repr__(self) -> str:
        return f"DataContext({', '.join(f'{name}={value!r}' for name, value in self._changed().items())})"


def _restore(changed: dict[str, Any], configs: dict[str, Any]) -> DataContext:
    context = DataContext()
    context.__dict__.update(changed, _configs=configs)
    return context
