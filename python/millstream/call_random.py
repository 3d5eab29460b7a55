"""Random numbers for users' functions, the same for the same batch of the same epoch."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy

_IN_CALL = threading.local()


def function_random() -> numpy.random.Generator:
    """A numpy Generator for the call that this thread's function is in.

    Seeded by the shuffle's seed (0 where nothing is shuffled), the epoch and the place of the batch: whatever the
    machine and the number of workers, a batch gets the same numbers, and another epoch others. The same generator for
    all of a call. RuntimeError outside a function.
    """
    import numpy

    call: Any = getattr(_IN_CALL, "call", None)
    if call is None:
        raise RuntimeError("function_random() is for functions given to map_batches and its kin, while they are called")
    if _IN_CALL.generator is None:
        _IN_CALL.generator = numpy.random.Generator(numpy.random.Philox(key=call.random_key))
    generator: numpy.random.Generator = _IN_CALL.generator
    return generator


class Keyed(Protocol):
    """A call, which has a number of its own for what is random in it."""

    @property
    def random_key(self) -> int: ...


def enter_call(call: Keyed | None) -> None:
    """What `function_random` is about on this thread from now on."""
    _IN_CALL.call = call
    _IN_CALL.generator = None
