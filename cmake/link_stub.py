"""Libraries to link with in place of the private copies.

The copies hide their symbols from references without a version, those of other people's libraries. The static linker writes
such references too until it has seen the version, so it needs a library that shows the same symbols openly. A stub has the
copy's name and symbols and nothing behind them.
"""

import os
import subprocess
from pathlib import Path

from elf_file import STB_WEAK, STT_OBJECT, STT_TLS, ElfFile, Symbol

_SECTIONS = {STT_OBJECT: (".bss", "object"), STT_TLS: ('.section .tbss,"awT",@nobits', "tls_object")}


def assembly(symbols: list[Symbol]) -> str:
    lines = []
    for symbol in symbols:
        section, kind = _SECTIONS.get(symbol.type, (".text", "function"))
        binding = ".weak" if symbol.binding == STB_WEAK else ".globl"
        lines += [section, f'{binding} "{symbol.name}"', f'.type "{symbol.name}", @{kind}', f'"{symbol.name}":']
        if kind != "function":
            lines += [f".zero {symbol.bytes}", f'.size "{symbol.name}", {symbol.bytes}']
    return "\n".join([*lines, '.section .note.GNU-stack,"",@progbits', ""])


def write_stub(elf: ElfFile, symbols: list[Symbol], stub: Path) -> None:
    """Makes `stub`, which stands for `elf` when something is linked with `symbols`."""
    name = elf.soname()[0]
    source, versions = stub.with_suffix(".s"), stub.with_suffix(".map")
    source.write_text(assembly(symbols))
    versions.write_text(f"{name} {{ global: *; }};\n")
    compiler = os.environ.get("CXX", "c++")
    options = ["-shared", "-nostdlib", f"-Wl,-soname,{name}", f"-Wl,--version-script={versions}"]
    subprocess.run([compiler, *options, "-o", stub, source], check=True)
    source.unlink()
    versions.unlink()
