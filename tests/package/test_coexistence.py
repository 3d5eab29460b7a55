"""Millstream beside the user's pyarrow, whatever its version, imported before or after."""

import re

import pytest
from environments import ROOT

ORDERS = ["pyarrow first", "millstream first"]


@pytest.mark.parametrize("order", ORDERS)
def test_data_crosses_both_ways(beside, order):
    assert beside.run("crossing.py", order) == "crossed\n"


@pytest.mark.parametrize("order", ORDERS)
def test_two_libarrow_are_mapped(beside, order):
    files = beside.run("mapped.py", order).split()
    arrows = [file for file in files if re.search(r"/lib(millstream_)?arrow\.so", file)]
    ours = [file for file in files if file.startswith(str(beside.installed))]
    assert len(arrows) == 2, arrows
    assert sum(file in ours for file in arrows) == 1, arrows
    assert all("libmillstream_" in file for file in ours if "/lib/" in file)


@pytest.mark.parametrize("order", ORDERS)
def test_no_registered_extension_code_runs(beside, order):
    beside.run("extension.py", order)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "steps",
    [
        "start ours",
        "start theirs, start ours",
        "start ours, start theirs",
        "start ours, start theirs, end theirs",
        "start ours, start theirs, end ours",
        "start theirs, start ours, end ours, end theirs",
        "start theirs, end theirs, start ours",
    ],
)
def test_each_s3_lives_and_dies_alone(beside, order, steps):
    expected = "ended" if "end ours" in steps else "left to the exit"
    assert beside.run("s3.py", order, steps).strip() == expected


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "work", ["open iterator", "daemon threads", "exported batch", "reading at exit", "idle engine"]
)
def test_the_interpreter_exits_cleanly(beside, order, work):
    assert beside.run("leaving.py", order, work) == "leaving\n" + ("refused\n" * 3 if work == "reading at exit" else "")


def test_bindings_take_the_interpreters_lock_only_by_the_classes_that_know_of_its_end():
    sources = [path for path in (ROOT / "src" / "bindings").iterdir() if path.suffix in (".cc", ".h")]
    lock = re.compile(r"gil_scoped|PyEval_(Save|Restore)Thread|PyGILState_")
    users = [path.name for path in sorted(sources) if lock.search(path.read_text())]
    assert users == ["interpreter.cc", "interpreter.h"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("scope", ["pyarrow", "both"])
def test_no_symbol_is_taken_from_the_other_copy(beside, order, scope):
    done = beside.start("global_scope.py", order, scope, LD_DEBUG="bindings", LD_BIND_NOW="1")
    assert (done.returncode, done.stdout) == (0, "kept apart\n"), done.stderr[-2000:]
    bindings = re.findall(r"binding file (\S+) \[0\] to (\S+) \[0\]: \S+ symbol `(\S+)'", done.stderr)
    ours = [binding for binding in bindings if "libmillstream_arrow.so" in binding[1]]
    theirs = [binding for binding in bindings if "/libarrow.so" in binding[1]]
    assert len(ours) > 1000
    assert len(theirs) > 1000
    crossing = [
        (source, target, symbol)
        for source, target, symbol in bindings
        if "/pyarrow/" in source + target and str(beside.installed) in source + target
        # simdjson takes std::string from whoever has it, as any C++ library of the system does.
        and not ("simdjson" in source and symbol.startswith("_ZNSt"))
    ]
    assert crossing == []
