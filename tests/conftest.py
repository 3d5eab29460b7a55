"""Hostile switches: the whole suite with the engine's rare paths forced.

MILLSTREAM_HOSTILE, a comma-separated list of always_spill, always_two_passes, always_keep_on_disk, shuffle_lanes, one_row and
minimum_budget as the C++ tests read it (src/testing/test_engine.h), changes every engine that a test makes in its own process.
MILLSTREAM_TEST_SEED fixes what is drawn; the head of the report names it. scripts/hostile.sh runs them all.
"""

import os
import random
import signal

import pytest

MINIMUM_BUDGET = 32 << 20  # the smallest limit under which every plan of the suite is accepted
SWITCHES = ("always_spill", "always_two_passes", "always_keep_on_disk", "shuffle_lanes", "one_row", "minimum_budget")

hostile = [name for name in os.environ.get("MILLSTREAM_HOSTILE", "").split(",") if name]
seed = int(os.environ.get("MILLSTREAM_TEST_SEED") or random.randrange(1, 2**32))


def pytest_configure(config):
    # A shell's background job is born deaf to Ctrl-C, which tests press.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "tame: of the engine's usual ways, so left out under MILLSTREAM_HOSTILE")
    unknown = sorted(set(hostile) - set(SWITCHES))
    if unknown:
        raise pytest.UsageError(f"MILLSTREAM_HOSTILE has no switch {unknown[0]!r}; there are {', '.join(SWITCHES)}")
    if hostile:
        _make_engines_hostile()


def pytest_report_header(config):
    return [f"hostile: {', '.join(hostile)}; replay with MILLSTREAM_TEST_SEED={seed}"] if hostile else []


def pytest_collection_modifyitems(items):
    if hostile:
        for item in items:
            if item.get_closest_marker("tame"):
                item.add_marker(pytest.mark.skip(reason="of the engine's usual ways"))


def _make_engines_hostile():
    from millstream import _core, execution

    make = _core.Engine

    def hostile_engine(num_cpus=0, memory_limit=0, spill_directory="", **options):
        for switch in ("always_spill", "always_two_passes", "always_keep_on_disk"):
            options[switch] = options.get(switch, False) or switch in hostile
        if "shuffle_lanes" in hostile:
            options.setdefault("shuffle_lanes", seed)
        if "minimum_budget" in hostile:
            memory_limit = min(memory_limit or MINIMUM_BUDGET, MINIMUM_BUDGET)
        return make(num_cpus=num_cpus, memory_limit=memory_limit, spill_directory=spill_directory, **options)

    _core.Engine = hostile_engine
    if "one_row" in hostile:
        execution.BATCH_ROWS = 1  # before it is imported from there
        from millstream import iterator

        iterator.ROWS_AT_A_TIME = 1
