"""Makes private copies of shared libraries, which share nothing with other copies in the same process.

    private_copy.py copy OUT_DIR PREFIX 'LINKED;...' 'LOADED;...'
        copies each lib<x>.so.<n> to OUT_DIR/lib<PREFIX>_<x>.so.<n>; those that modules are linked with, rather than load by
        hand, get a stub for that, lib<PREFIX>_<x>.so
    private_copy.py rename OUT_DIR PREFIX 'LIBRARY;...'
        copies them under such names, and no more
    private_copy.py bind PREFIX MODULE
        after linking MODULE with the stubs

A second name alone is not enough. The dynamic linker would still merge

* STB_GNU_UNIQUE symbols, across all libraries of the process, whatever the scope they were loaded into: made plain globals;
* what a library refers to in itself, if somebody else's copy is in the global scope (loaded with RTLD_GLOBAL, or linked by
  the program): DT_SYMBOLIC looks at home first;
* what the copies refer to in each other, for the same reason: all their symbols get a version named like the copy, and
  the references insist on it;
* what other people's libraries refer to, if the copies are in the global scope: without the version they do not see us.
"""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import elf_file
from elf_file import ElfFile, Section, Symbol
from link_stub import write_stub


def private_name(prefix: str, library: str) -> str:
    return f"lib{prefix}_{library.removeprefix('lib')}"


def rename(copies: dict[str, Path]) -> None:
    """New names for the libraries and in their lists of needed ones, which are beside them."""
    patchelf = os.environ.get("PATCHELF", "patchelf")
    for copy in copies.values():
        needed = [word for old, new in copies.items() for word in ("--replace-needed", old, new.name)]
        # One call each: in one for all, patchelf writes a wrong name.
        for change in (needed, ["--set-soname", copy.name], ["--set-rpath", "$ORIGIN"]):
            subprocess.run([patchelf, *change, copy], check=True)


def make_unique_global(elf: ElfFile) -> None:
    for table in (elf_file.SHT_DYNSYM, elf_file.SHT_SYMTAB):
        for symbol in elf.symbols(table):
            if symbol.binding == elf_file.STB_GNU_UNIQUE:
                elf.set_binding(symbol, elf_file.STB_GLOBAL)


def add_versions(elf: ElfFile, definitions: dict[str, set[str]], hidden: bool) -> list[Symbol]:
    """Versions what the library defines, and what it refers to in the other copies (`definitions`: symbols by name of copy).

    Where `hidden`, only references with the version find the definitions. Returns these.
    """
    at, indices = elf.version_indices()
    own = max(index & ~elf_file.HIDDEN for index in [1, *indices]) + 1
    others = {name: own + 1 + i for i, (name, _) in enumerate(pair for pair in elf.needed() if pair[0] in definitions)}
    versioned = []
    for i, symbol in enumerate(elf.symbols()):
        if indices[i] != 1:
            continue
        if symbol.defined:
            indices[i] = own | (elf_file.HIDDEN if hidden else 0)
            versioned.append(symbol)
        else:
            indices[i] = next((index for name, index in others.items() if symbol.name in definitions[name]), 1)
    struct.pack_into(f"<{len(indices)}H", elf.data, at, *indices)
    store_versions(elf, own, [(name, string, others[name]) for name, string in elf.needed() if name in others])
    return versioned


def store_versions(elf: ElfFile, own: int, others: list[tuple[str, int, int]]) -> None:
    defined = ElfFile.definition_table(*elf.soname(), own)
    needed = elf.needed_table_with(others)
    strings = next(section.link for section in elf.sections if section.type == elf_file.SHT_DYNSYM)
    address = elf.add_segment(defined + needed)
    offset = elf.offset_of(address)
    needed_section = elf.section(elf_file.SHT_VERNEED)
    assert needed_section is not None
    needed_section.address, needed_section.offset = address + len(defined), offset + len(defined)
    needed_section.bytes, needed_section.info = len(needed), needed_section.info + len(others)
    elf.add_section(".gnu.version_d", Section(0, elf_file.SHT_VERDEF, 2, address, offset, len(defined), strings, 2, 8, 0))
    elf.set_dynamic(elf_file.DT_VERDEF, address)
    elf.set_dynamic(elf_file.DT_VERDEFNUM, 2)
    elf.set_dynamic(elf_file.DT_VERNEED, needed_section.address)
    elf.set_dynamic(elf_file.DT_VERNEEDNUM, needed_section.info)


def isolate(copies: list[Path], linked: set[str]) -> None:
    """Takes from the copies what the dynamic linker would share; those in `linked` get stubs to link with."""
    elves = {copy.name: ElfFile(copy) for copy in copies}
    definitions = {name: {s.name for s in elf.symbols() if s.defined} for name, elf in elves.items()}
    for name, elf in elves.items():
        make_unique_global(elf)
        elf.set_dynamic(elf_file.DT_SYMBOLIC, 0)
        symbols = add_versions(elf, definitions, name in linked)
        if name in linked:
            write_stub(elf, symbols, elf.path.with_name(name[: name.index(".so") + 3]))
        elf.write()


def copy_libraries(directory: Path, prefix: str, linked: list[Path], loaded: list[Path], isolated: bool) -> None:
    working = directory / "unfinished"
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    copies = {library.name: working / private_name(prefix, library.name) for library in linked + loaded}
    for library in linked + loaded:
        subprocess.run([os.environ.get("STRIP", "strip"), "--strip-unneeded", "-o", copies[library.name], library], check=True)
    rename(copies)
    if isolated:
        isolate(list(copies.values()), {copies[library.name].name for library in linked})
    for file in working.iterdir():
        file.replace(directory / file.name)
    working.rmdir()


def bind(prefix: str, module: Path) -> None:
    """Makes the module's references to the copies insist on them."""
    elf = ElfFile(module)
    for version in elf.needed_versions():
        if version.file.startswith(f"lib{prefix}_"):
            elf.insist_on(version)
    elf.write()


def main(arguments: list[str]) -> None:
    if arguments[0] in ("copy", "rename"):
        linked, loaded = ([Path(name) for name in words.split(";") if name] for words in [*arguments[3:], ""][:2])
        copy_libraries(Path(arguments[1]), arguments[2], linked, loaded, isolated=arguments[0] == "copy")
    elif arguments[0] == "bind":
        bind(arguments[1], Path(arguments[2]))
    else:
        sys.exit(f"{arguments[0]}: copy, rename and bind are known")


if __name__ == "__main__":
    main(sys.argv[1:])
