"""Leaves the interpreter in the middle of work, in the way that the second argument names."""

import atexit
import sys
import threading

# Handlers run in reverse order, so this one finds the engine stopped.
late = []
atexit.register(lambda: [call() for call in late])

from imports import _core, engine, pa, stream  # noqa: E402

table = pa.table({"key": list(range(200_000)), "text": [f"row {row}" for row in range(200_000)]})
plan = _core.Plan.from_arrow(pa.Table.from_batches(table.to_batches(max_chunksize=10_000))).random_shuffle("fixed", 5)


def consume(source, began):
    while source.next() is not None:
        began.set()


def open_iterator():
    global source, batch
    source = stream(plan)
    batch = source.next()


def daemon_threads():
    for _ in range(2):
        began = threading.Event()

        def loop(began=began):
            while True:
                consume(stream(plan, batch_size=10), began)

        threading.Thread(target=loop, daemon=True).start()
        assert began.wait(60)


def exported_batch():
    global kept
    kept = pa.record_batch(stream(plan).next())


def reading_at_exit():
    source = stream(plan)
    assert source.next() is not None

    def read_on():
        for call in (source.next, engine, lambda: stream(plan)):
            try:
                call()
            except RuntimeError as error:
                assert "exiting" in str(error)  # noqa: PT017
                print("refused", flush=True)

    late.append(read_on)


def idle_engine():
    global kept
    kept = engine()


{
    "open iterator": open_iterator,
    "daemon threads": daemon_threads,
    "exported batch": exported_batch,
    "reading at exit": reading_at_exit,
    "idle engine": idle_engine,
}[sys.argv[2]]()
print("leaving", flush=True)
