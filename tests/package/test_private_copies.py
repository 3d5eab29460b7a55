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


@pytest.fixture(scope="module")
def module(installed):
    (path,) = (installed / "millstream").glob("_core*.so")
    return ElfFile(path)


@pytest.fixture(scope="module")
def copies(installed):
    found = sorted((installed / "millstream" / "lib").glob("*.so*"))
    assert [path.name.split(".so")[0] for path in found] == [f"libmillstream_{name}" for name in NAMES]
    return [ElfFile(path) for path in found]


def originals():
    directory = Path(pyarrow.__file__).parent
    return [ElfFile(path) for name in NAMES for path in directory.glob(f"lib{name}.so.*")]


def unique(elf):
    symbols = elf.symbols(SHT_DYNSYM) + elf.symbols(SHT_SYMTAB)
    return [symbol.name for symbol in symbols if symbol.binding == STB_GNU_UNIQUE]


def test_no_symbol_is_unique_to_the_process(copies, module):
    assert any(unique(elf) for elf in originals()), "pyarrow's own libraries have none either; this test checks nothing"
    assert {elf.path.name: unique(elf) for elf in [*copies, module]} == {elf.path.name: [] for elf in [*copies, module]}


def test_names_and_needs_are_private(copies, module):
    for elf in [*copies, module]:
        arrows = [name for name, _ in elf.needed() if "arrow" in name or "parquet" in name]
        assert all(name.startswith("libmillstream_") for name in arrows), (elf.path.name, arrows)
    assert [elf.soname()[0] for elf in copies] == [elf.path.name for elf in copies]


def test_copies_look_at_home_first(copies):
    for elf in copies:
        assert DT_SYMBOLIC in dict(elf.dynamic()), elf.path.name


def test_references_to_copies_insist_on_their_version(copies, module):
    needed = [version for elf in [*copies, module] for version in elf.needed_versions()]
    references = [version for version in needed if "millstream" in version.file]
    # compute, parquet and S3 need arrow; the module needs what it is linked with.
    assert len(references) >= 5
    for version in references:
        assert version.index & HIDDEN, version
        assert version.name == version.file


def test_the_module_shows_only_its_entry_point(module):
    shown = [symbol.name for symbol in module.symbols() if symbol.defined]
    assert shown == ["PyInit__core"]


def test_nothing_in_the_wheel_carries_debug_symbols(copies, module):
    for elf in [*copies, module]:
        assert elf.symbols(SHT_SYMTAB) == [], elf.path.name


def test_no_path_of_the_build_is_searched(installed, module):
    out = subprocess.run(["readelf", "-dW", str(module.path)], capture_output=True, text=True, check=True).stdout
    paths = [line.split("[")[1].rstrip("]") for line in out.splitlines() if "RUNPATH" in line or "RPATH" in line]
    assert paths == ["$ORIGIN/lib"]
