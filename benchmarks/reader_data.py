"""Makes what readers are measured on: trips as CSV and as JSON lines, many small files, pictures.

    python benchmarks/reader_data.py --out DIR --form FORM [--rows 8000000]

Prints the data set's directory, with a manifest beside it as data.py writes one. `--rows` are those of data A, of
which the size of every form follows: for 8 M rows 1.6 M trips (64 M, 5 GB decoded, as Parquet), 20,000 small files,
4,000 pictures. Needs numpy and pyarrow, and for pictures numpy and Pillow alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import data
import picture_data
from workloads.readers import LINE_NUMBER_DIGITS, AllTripsTally, LinesTally, StoredTripsTally, TripsTally

FORMAT_VERSION = 1
SEED = 20_113
FILES = 16
STORED_FILES = 128
SMALL_FILE_ROWS = 3
FIRST_SECOND = 1_546_300_800  # 2019 begins
SIDES = ("North", "South", "East", "West", "Upper", "Lower", "Old", "New")
PLACES = (
    "Astoria", "Bay Ridge", "Bushwick", "Café Row", "Chelsea", "Clinton Hill", "Corona", "Crown Heights", "Dyker",
    "Elmhurst", "Flatbush", "Flushing", "Fordham", "Gramercy", "Greenpoint", "Harlem", "Hunts Point", "Inwood",
    "Jamaica", "Kips Bay", "Maspeth", "Midtown", "Newark Airport", "Ozone Park", "Red Hook", "Ridgewood", "SoHo",
    "Sunnyside", "Tribeca", "Van Nest", "Woodside", "Yorkville", "Yards",
)  # fmt: skip
PAYMENTS = ("card", "cash", "disputed", "no charge")
WORDS = ("amber", "birch", "cedar", "dune", "elm", "fjord", "grove", "heath", "isle", "juniper", "knoll", "lagoon")
SMALL_COLUMNS = ["trip", "picked_up", "distance", "zone"]  # those without nulls, whose types three rows tell


class Form(NamedTuple):
    write: Callable[[Path, int], dict[str, Any]]  # So many of its units into a directory; returns the manifest's part.
    rows_of_data_a: float  # to one unit: a trip, a small file or a picture


def zones() -> list[str]:
    """Most are plain; with a comma, or with quotes in them, they are in quotes."""
    plain = [f"{side} {place}" for place in PLACES for side in SIDES]
    commas = {number: f"{name}, {number}" for number, name in enumerate(plain) if number % 6 == 0}
    quotes = {number: f'{name} "{number}"' for number, name in enumerate(plain) if number % 25 == 1}
    return [quotes.get(number) or commas.get(number) or name for number, name in enumerate(plain)]


def trips(first: int, rows: int) -> Any:
    """A table of rows from number `first` on; it depends on these two alone, so files can be made in any order."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng([SEED, first])
    trip = np.arange(first, first + rows, dtype=np.int64)
    distance = random.lognormal(0.8, 0.8, rows).round(2)
    fare = (3.0 + 2.5 * distance + random.exponential(2.0, rows)).round(2)

    def with_nulls(values: Any, share: float) -> Any:
        return pa.array(values, mask=random.random(rows) < share)

    def drawn(texts: Any) -> Any:
        return np.array(texts, object)[random.integers(0, len(texts), rows)]

    return pa.table(
        {
            "trip": trip,
            "picked_up": pa.array(FIRST_SECOND + trip * 20 + random.integers(0, 3_600, rows), pa.timestamp("s")),
            "passengers": with_nulls(random.integers(1, 7, rows), 0.03),
            "distance": distance,
            "zone": drawn(zones()),
            "payment": with_nulls(drawn(PAYMENTS), 0.05),
            "fare": fare,
            "tip": with_nulls((fare * random.uniform(0.0, 0.3, rows)).round(2), 0.1),
        }
    )


def lines(number: int) -> list[str]:
    """Of one small text file."""
    import numpy as np

    random = np.random.default_rng([SEED, number])
    first = number * SMALL_FILE_ROWS
    return [
        f"{line:0{LINE_NUMBER_DIGITS}d} {' '.join(random.choice(WORDS, random.integers(3, 9)))}"
        for line in range(first, first + SMALL_FILE_ROWS)
    ]


def rows_of(table: Any) -> Iterator[tuple[Any, ...]]:
    """Times as texts, as "2019-01-01 00:46:40"."""
    times = table.schema.get_field_index("picked_up")
    told = table.set_column(times, "picked_up", table["picked_up"].cast("string"))
    return zip(*(column.to_pylist() for column in told.columns), strict=True)


def write_csv(path: Path, table: Any) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.column_names)
        writer.writerows(rows_of(table))


def write_json_lines(path: Path, table: Any) -> None:
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    with path.open("w", encoding="utf-8") as file:
        file.writelines(encode(dict(zip(table.column_names, row, strict=True))) + "\n" for row in rows_of(table))


def write_trips(directory: Path, rows: int, suffix: str, write: Callable[[Path, Any], None]) -> dict[str, Any]:
    tally, decoded_bytes, file_rows = AllTripsTally(), 0, rows // FILES
    for index in range(FILES):
        table = trips(index * file_rows, file_rows)
        write(directory / f"part-{index:05d}.{suffix}", table)
        tally.add(table)
        decoded_bytes += table.nbytes
    return {"files": FILES, "decoded_bytes": decoded_bytes, **tally.figures()}


def write_parquet_trips(directory: Path, rows: int) -> dict[str, Any]:
    import pyarrow.parquet as pq

    tally, decoded_bytes, file_rows = StoredTripsTally(), 0, rows // STORED_FILES
    for index in range(STORED_FILES):
        table = trips(index * file_rows, file_rows)
        pq.write_table(table, directory / f"part-{index:05d}.parquet", row_group_size=file_rows)
        tally.add(table)
        decoded_bytes += table.nbytes
    return {"files": STORED_FILES, "decoded_bytes": decoded_bytes, **tally.figures()}


def write_small_csv_files(directory: Path, files: int) -> dict[str, Any]:
    table = trips(0, files * SMALL_FILE_ROWS).select(SMALL_COLUMNS)
    for index in range(files):
        write_csv(directory / f"part-{index:05d}.csv", table.slice(index * SMALL_FILE_ROWS, SMALL_FILE_ROWS))
    tally = TripsTally()
    tally.add(table)
    return {"files": files, "decoded_bytes": table.nbytes, **tally.figures()}


def write_small_files(directory: Path, files: int) -> dict[str, Any]:
    import pyarrow as pa

    written = [lines(number) for number in range(files)]
    for index, each in enumerate(written):
        (directory / f"part-{index:05d}.txt").write_text("".join(f"{line}\n" for line in each))
    table = pa.table({"text": [line for each in written for line in each]})
    tally = LinesTally()
    tally.add(table)
    return {"files": files, "decoded_bytes": table.nbytes, **tally.figures()}


FORMS = {
    "csv": Form(lambda directory, rows: write_trips(directory, rows, "csv", write_csv), 1),
    "json_lines": Form(lambda directory, rows: write_trips(directory, rows, "jsonl", write_json_lines), 1),
    "trips": Form(write_parquet_trips, 0.125),
    "jpeg": Form(picture_data.write_pictures, 2_000),
    "small_files": Form(write_small_files, 400),
    "small_csv_files": Form(write_small_csv_files, 400),
}


def make_data(out: Path, form: str, rows_of_data_a: int) -> Path:
    """Returns the directory of a data set, made unless it is there already, complete and of this version."""
    units = int(rows_of_data_a / FORMS[form].rows_of_data_a)
    directory = out / f"{form}-{units}"
    manifest_path = data.manifest_file(directory)
    if manifest_path.is_file() and data.load_manifest(directory)["format_version"] == FORMAT_VERSION:
        return directory
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    manifest = {"format_version": FORMAT_VERSION, **FORMS[form].write(directory, units)}
    manifest["stored_bytes"] = sum(path.stat().st_size for path in directory.iterdir())
    manifest_path.write_text(json.dumps(manifest) + "\n")
    return directory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="directory under which each data set gets its own")
    parser.add_argument("--form", choices=FORMS, required=True)
    parser.add_argument("--rows", type=int, default=8_000_000, help="of data A")
    arguments = parser.parse_args()
    print(make_data(arguments.out, arguments.form, arguments.rows))


if __name__ == "__main__":
    main()
