"""What executions of this process may use."""

import os

from millstream.arguments import check_local_path
from millstream.byte_size import parse_byte_size
from millstream.process_engine import PROCESS_ENGINE, EngineSettings


def init(
    num_cpus: int | None = None,
    memory_limit: int | str | None = None,
    spill_directory: str | os.PathLike[str] | None = None,
    num_gpus: int | None = None,
    address: str | None = None,
) -> None:
    """Sets what Millstream may use in this process. Calling it is optional.

    Args:
        num_cpus: Threads that decode and compute, at least 1. Default: MILLSTREAM_NUM_CPUS, else the least of the
            process's CPU affinity and its cgroup's quota.
        memory_limit: Bytes, or a text such as "512MB" or "2GiB", that queues, decoders, shuffle and prefetch may hold
            together. Default: MILLSTREAM_MEMORY_LIMIT, else half of what the cgroup or the machine allows.
        spill_directory: Where rows go that do not fit; a directory on a disk, made where missing. Default:
            MILLSTREAM_SPILL_DIRECTORY, else a folder of its own in $TMPDIR or /tmp.
        num_gpus: Nothing in this version schedules GPUs, so only None and 0 are taken. `iter_torch_batches(device=)`
            chooses where batches go.
        address: A cluster to join. Only None: this version runs in the process that calls it.

    A second call takes effect for executions that start after it.

    Raises:
        ValueError: for a value out of its range.
        NotImplementedError: for `address` and `num_gpus`, as said above.
    """
    if address is not None:
        raise NotImplementedError(f"address={address!r}: this version runs in one process; leave address out")
    if num_gpus:
        raise NotImplementedError(
            f"num_gpus={num_gpus!r}: nothing in this version schedules GPUs; leave it out and choose the device of "
            "batches with iter_torch_batches(device=...)"
        )
    PROCESS_ENGINE.configure(
        EngineSettings(
            num_cpus=None if num_cpus is None else _checked_cpus(num_cpus),
            memory_limit=None if memory_limit is None else parse_byte_size(memory_limit, "memory_limit"),
            spill_directory=None if spill_directory is None else check_local_path(spill_directory, "spill_directory"),
        )
    )


def shutdown() -> None:
    """Ends this process's engine: its threads, memory and spill files go, and iterators running on it raise.

    What `init` set is forgotten. The next execution makes a new engine.
    """
    PROCESS_ENGINE.close()
    PROCESS_ENGINE.configure(EngineSettings())


def _checked_cpus(num_cpus: int) -> int:
    if isinstance(num_cpus, bool) or not isinstance(num_cpus, int):
        raise TypeError(f"num_cpus must be a whole number, not {type(num_cpus).__name__}")
    if num_cpus < 1:
        raise ValueError(f"num_cpus must be at least 1, got {num_cpus}; leave it out to use what the machine allows")
    return num_cpus
