"""Prints the libarrow files that the process maps."""

from pathlib import Path

from imports import _core

_core.ensure_s3_initialized()
files = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/" in line}
for file in sorted(files):
    if "arrow" in Path(file).name or "parquet.so" in Path(file).name:
        print(file)
