"""A 64-bit little-endian ELF shared library in memory, as far as the dynamic linker looks at it.

Only what the private copies need: symbol tables, the dynamic section, symbol versions, and one more read-only segment.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

PT_LOAD, PT_NOTE = 1, 4
SHT_SYMTAB, SHT_DYNSYM, SHT_VERDEF, SHT_VERNEED, SHT_VERSYM = 2, 11, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SONAME, DT_SYMBOLIC = 0, 1, 5, 14, 16
DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE = 1, 2, 10
STT_OBJECT, STT_TLS = 1, 6
HIDDEN = 0x8000  # of a version index: nothing but this very version will do

_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_DYNAMIC = struct.Struct("<qQ")
_VERNEED = struct.Struct("<HHIII")
_VERNAUX = struct.Struct("<IHHII")
_VERDEF = struct.Struct("<HHHHIII")
_VERDAUX = struct.Struct("<II")


@dataclass
class Segment:
    type: int
    flags: int
    offset: int
    address: int
    physical: int
    file_bytes: int
    memory_bytes: int
    align: int


@dataclass
class Section:
    name: int
    type: int
    flags: int
    address: int
    offset: int
    bytes: int
    link: int
    info: int
    align: int
    entry_bytes: int


@dataclass
class Symbol:
    name: str
    binding: int
    type: int
    bytes: int
    defined: bool
    at: int  # its entry's offset in the file


@dataclass
class NeededVersion:
    file: str
    name: str
    index: int  # with HIDDEN or without
    at: int  # its entry's offset in the file


def elf_hash(name: str) -> int:
    """The System V hash that versions are compared by."""
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high & 0xFFFFFFFF
    return value


class ElfFile:
    """Reads a library; the edits change `data`, `write` stores it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = bytearray(path.read_bytes())
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is not a 64-bit little-endian ELF file")
        self._phoff, self._shoff = struct.unpack_from("<QQ", self.data, 32)
        self._phnum, _, self._shnum, self._shstrndx = struct.unpack_from("<HHHH", self.data, 56)
        self.segments = [Segment(*_SEGMENT.unpack_from(self.data, self._phoff + i * _SEGMENT.size)) for i in range(self._phnum)]
        self.sections = [Section(*_SECTION.unpack_from(self.data, self._shoff + i * _SECTION.size)) for i in range(self._shnum)]

    def write(self) -> None:
        self.path.write_bytes(self.data)

    def section(self, kind: int) -> Section | None:
        return next((section for section in self.sections if section.type == kind), None)

    def text(self, table: int, offset: int) -> str:
        begin = table + offset
        return self.data[begin : self.data.index(0, begin)].decode()

    def offset_of(self, address: int) -> int:
        for segment in self.segments:
            if segment.type == PT_LOAD and segment.address <= address < segment.address + segment.file_bytes:
                return address - segment.address + segment.offset
        raise ValueError(f"{self.path}: no segment holds address {address:#x}")

    # --- symbols -------------------------------------------------------------------------------------------------

    def symbols(self, kind: int = SHT_DYNSYM) -> list[Symbol]:
        """In the table's order, the empty first one included; none where the library is stripped of that table."""
        table = self.section(kind)
        if table is None:
            return []
        strings = self.sections[table.link].offset
        found = []
        for at in range(table.offset, table.offset + table.bytes, _SYMBOL.size):
            name, info, _, section_index, _, size = _SYMBOL.unpack_from(self.data, at)
            found.append(Symbol(self.text(strings, name), info >> 4, info & 15, size, section_index != 0, at))
        return found

    def set_binding(self, symbol: Symbol, binding: int) -> None:
        self.data[symbol.at + 4] = binding << 4 | self.data[symbol.at + 4] & 15

    def version_indices(self) -> tuple[int, list[int]]:
        """Offset of the table in the file, and the version index of each dynamic symbol."""
        table = self.section(SHT_VERSYM)
        if table is None:
            raise ValueError(f"{self.path} has no symbol versions")
        return table.offset, list(struct.unpack_from(f"<{table.bytes // 2}H", self.data, table.offset))

    # --- the dynamic section -------------------------------------------------------------------------------------

    def _dynamic_table(self) -> tuple[int, int]:
        section = next(section for section in self.sections if section.type == 6)
        return section.offset, section.bytes // _DYNAMIC.size

    def dynamic(self) -> list[tuple[int, int]]:
        begin, count = self._dynamic_table()
        entries = [_DYNAMIC.unpack_from(self.data, begin + i * _DYNAMIC.size) for i in range(count)]
        end = next(i for i, entry in enumerate(entries) if entry[0] == DT_NULL)
        return entries[:end]

    def set_dynamic(self, tag: int, value: int) -> None:
        """Changes the entry, or takes a spare one; the last one stays the end mark."""
        begin, count = self._dynamic_table()
        entries = self.dynamic()
        index = next((i for i, entry in enumerate(entries) if entry[0] == tag), len(entries))
        if index + 1 >= count:
            raise ValueError(f"{self.path} has no spare entry in its dynamic section")
        _DYNAMIC.pack_into(self.data, begin + index * _DYNAMIC.size, tag, value)

    def _dynamic_strings(self, tag: int) -> list[tuple[str, int]]:
        strings = self.offset_of(dict(self.dynamic())[DT_STRTAB])
        return [(self.text(strings, value), value) for entry, value in self.dynamic() if entry == tag]

    def soname(self) -> tuple[str, int]:
        """The name, and its offset in the dynamic string table."""
        return self._dynamic_strings(DT_SONAME)[0]

    def needed(self) -> list[tuple[str, int]]:
        return self._dynamic_strings(DT_NEEDED)

    # --- versions ------------------------------------------------------------------------------------------------

    def needed_versions(self) -> list[NeededVersion]:
        table = self.section(SHT_VERNEED)
        found: list[NeededVersion] = []
        if table is None:
            return found
        strings, at = self.sections[table.link].offset, table.offset
        for _ in range(table.info):
            _, count, file, first, following = _VERNEED.unpack_from(self.data, at)
            entry = at + first
            for _ in range(count):
                _, _, index, name, next_entry = _VERNAUX.unpack_from(self.data, entry)
                found.append(NeededVersion(self.text(strings, file), self.text(strings, name), index, entry))
                entry += next_entry
            at += following
        return found

    def insist_on(self, version: NeededVersion) -> None:
        """Without this a library that has no versions at all may serve the reference, whoever it belongs to."""
        struct.pack_into("<H", self.data, version.at + 6, version.index | HIDDEN)

    def needed_table_with(self, names: list[tuple[str, int, int]]) -> bytes:
        """The present table of needed versions and one more for each (name, its string's offset, version index)."""
        table = self.section(SHT_VERNEED)
        if table is None:
            raise ValueError(f"{self.path} needs no symbol versions")
        old = bytearray(self.data[table.offset : table.offset + table.bytes])
        if not names:
            return bytes(old)
        last = 0
        while following := _VERNEED.unpack_from(old, last)[4]:
            last += following
        struct.pack_into("<I", old, last + 12, len(old) - last)
        for position, (name, string, index) in enumerate(names):
            following = 0 if position + 1 == len(names) else _VERNEED.size + _VERNAUX.size
            old += _VERNEED.pack(1, 1, string, _VERNEED.size, following)
            old += _VERNAUX.pack(elf_hash(name), 0, index | HIDDEN, string, 0)
        return bytes(old)

    @staticmethod
    def definition_table(name: str, string: int, index: int) -> bytes:
        """The file's own entry, which every such table begins with, and one version of the same name."""
        following = _VERDEF.size + _VERDAUX.size
        base = _VERDEF.pack(1, 1, 1, 1, elf_hash(name), _VERDEF.size, following) + _VERDAUX.pack(string, 0)
        return base + _VERDEF.pack(1, 0, index, 1, elf_hash(name), _VERDEF.size, 0) + _VERDAUX.pack(string, 0)

    # --- one more segment ----------------------------------------------------------------------------------------

    def add_segment(self, content: bytes) -> int:
        """Maps `content` read-only behind all else, in the place of a note's program header; returns its address."""
        note = next((segment for segment in self.segments if segment.type == PT_NOTE), None)
        if note is None:
            raise ValueError(f"{self.path} has no note segment to give up")
        loads = [segment for segment in self.segments if segment.type == PT_LOAD]
        align = max(segment.align for segment in loads)
        address = -(-max(segment.address + segment.memory_bytes for segment in loads) // align) * align
        self.data += bytes(-len(self.data) % align)
        added = Segment(PT_LOAD, 4, len(self.data), address, address, len(content), len(content), align)
        self.data += content
        self.segments.remove(note)
        # The linker takes the load segments to be sorted by address.
        self.segments.insert(self.segments.index(loads[-1]) + 1, added)
        for index, segment in enumerate(self.segments):
            _SEGMENT.pack_into(self.data, self._phoff + index * _SEGMENT.size, *vars(segment).values())
        return address

    def add_section(self, name: str, section: Section) -> None:
        """Appends a section header; the tables of headers and of their names move to the end of the file."""
        names = self.sections[self._shstrndx]
        old = self.data[names.offset : names.offset + names.bytes]
        section.name, names.offset = len(old), len(self.data)
        self.data += old + name.encode() + b"\0"
        names.bytes = len(self.data) - names.offset
        self.sections.append(section)
        self.data += bytes(-len(self.data) % 8)
        self._shoff, self._shnum = len(self.data), len(self.sections)
        struct.pack_into("<Q", self.data, 40, self._shoff)
        struct.pack_into("<H", self.data, 60, self._shnum)
        self.data += bytes(self._shnum * _SECTION.size)
        self.store_sections()

    def store_sections(self) -> None:
        for index, section in enumerate(self.sections):
            _SECTION.pack_into(self.data, self._shoff + index * _SECTION.size, *vars(section).values())
