"""The libraries in the wheel share nothing with other copies of Arrow in the process, and show only their own names."""

import subprocess
import sys
from pathlib import Path

import pyarrow
import pytest
from environments import ROOT

sys.path.insert(0, str(ROOT / "cmake"))
from elf_file import DT_SYMBOLIC, HIDDEN, SHT_DYNSYM, SHT_SYMTAB, STB_GNU_UNIQUE, ElfFile

NAMES = ["arrow", "arrow_compute", "arrow_s3", "parquet"]
OF_FORMATS = ["jpeg", "png16", "simdjson", "z"]  # under names of our own, and no more


@pytest.fixture(scope="module")
def module(installed):
    (path,) = (installed / "millstream").glob("_core*.so")
    return ElfFile(path)


@pytest.fixture(scope="module")
def libraries(installed):
    found = sorted((installed / "millstream" / "lib").glob("*.so*"))
    names = [path.name.split(".so")[0].removeprefix("libmillstream_") for path in found]
    assert names == sorted(NAMES + OF_FORMATS)
    return dict(zip(names, map(ElfFile, found), strict=True))


@pytest.fixture(scope="module")
def copies(libraries):
    return [libraries[name] for name in NAMES]


def originals():
    directory = Path(pyarrow.__file__).parent
    return [ElfFile(path) for name in NAMES for path in directory.glob(f"lib{name}.so.*")]


def unique(elf):
    symbols = elf.symbols(SHT_DYNSYM) + elf.symbols(SHT_SYMTAB)
    return [symbol.name for symbol in symbols if symbol.binding == STB_GNU_UNIQUE]


def test_no_symbol_is_unique_to_the_process(copies, module):
    assert any(unique(elf) for elf in originals()), "pyarrow's own libraries have none either; this test checks nothing"
    assert {elf.path.name: unique(elf) for elf in [*copies, module]} == {elf.path.name: [] for elf in [*copies, module]}


def test_names_and_needs_are_private(libraries, module):
    for elf in [*libraries.values(), module]:
        others = [name for name, _ in elf.needed() if name.startswith(tuple(f"lib{known}" for known in libraries))]
        assert others == [], elf.path.name
    assert [elf.soname()[0] for elf in libraries.values()] == [elf.path.name for elf in libraries.values()]


def test_copies_look_at_home_first(copies):
    for elf in copies:
        assert DT_SYMBOLIC in dict(elf.dynamic()), elf.path.name


def test_references_to_copies_insist_on_their_version(copies, module):
    needed = [version for elf in [*copies, module] for version in elf.needed_versions()]
    references = [
        version for version in needed if version.file.startswith(tuple(f"libmillstream_{name}." for name in NAMES))
    ]
    # compute, parquet and S3 need arrow; the module needs what it is linked with.
    assert len(references) >= 5
    for version in references:
        assert version.index & HIDDEN, version
        assert version.name == version.file


def test_the_module_shows_only_its_entry_point(module):
    shown = [symbol.name for symbol in module.symbols() if symbol.defined]
    assert shown == ["PyInit__core"]


def test_nothing_in_the_wheel_carries_debug_symbols(libraries, module):
    for elf in [*libraries.values(), module]:
        assert elf.symbols(SHT_SYMTAB) == [], elf.path.name


def test_no_path_of_the_build_is_searched(installed, module):
    out = subprocess.run(["readelf", "-dW", str(module.path)], capture_output=True, text=True, check=True).stdout
    paths = [line.split("[")[1].rstrip("]") for line in out.splitlines() if "RUNPATH" in line or "RPATH" in line]
    assert paths == ["$ORIGIN/lib"]
