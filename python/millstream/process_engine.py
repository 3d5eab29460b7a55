"""The engine of this process: made when first needed, and anew after a fork."""

import os
import threading
from dataclasses import dataclass

from millstream import _core
from millstream.byte_size import parse_byte_size


@dataclass(frozen=True)
class EngineSettings:
    """What `init` was given; None where the environment or the machine decides."""

    num_cpus: int | None = None
    memory_limit: int | None = None  # bytes
    spill_directory: str | None = None


class ProcessEngine:
    """Holds one engine for the process that uses it.

    At exit _core stops it, after all that user code registered for exit.

    After a fork the child drops what it inherited, keeps the settings and makes an engine of its own at the next use.
    """

    def __init__(self) -> None:
        self._settings = EngineSettings()
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()  # the inherited one may be held for ever
        self._engine: _core.Engine | None = None
        self._process_id = os.getpid()

    def configure(self, settings: EngineSettings) -> None:
        """Takes effect for executions that start from now on; running ones keep their engine."""
        with self._lock:
            self._settings = settings
            self._engine = None

    def get(self) -> _core.Engine:
        """The live engine of this process. ValueError for settings that cannot be."""
        if self._process_id != os.getpid():  # a fork that ran no Python hook
            self._forget()
        with self._lock:
            if self._engine is None:
                self._engine = _make_engine(self._settings)
            return self._engine

    def close(self) -> None:
        """Ends the engine and what runs on it."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def drop_inherited(self) -> None:
        """In the child of a fork."""
        self._forget()


def _make_engine(settings: EngineSettings) -> _core.Engine:
    return _core.Engine(
        num_cpus=settings.num_cpus or _cpus_from_environment(),
        memory_limit=settings.memory_limit or _memory_limit_from_environment(),
        spill_directory=settings.spill_directory or os.environ.get("MILLSTREAM_SPILL_DIRECTORY", ""),
    )


def _cpus_from_environment() -> int:
    text = os.environ.get("MILLSTREAM_NUM_CPUS", "").strip()
    if not text:
        return 0
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"MILLSTREAM_NUM_CPUS must be a whole number of at least 1, got {text!r}")
    return int(text)


def _memory_limit_from_environment() -> int:
    text = os.environ.get("MILLSTREAM_MEMORY_LIMIT", "").strip()
    return parse_byte_size(text, "MILLSTREAM_MEMORY_LIMIT") if text else 0


PROCESS_ENGINE = ProcessEngine()

os.register_at_fork(after_in_child=PROCESS_ENGINE.drop_inherited)
