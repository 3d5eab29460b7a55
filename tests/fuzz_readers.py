"""Reads damaged files, to find what must not be: a crash, a hang, rows that are not valid, an error that is not clear.

    python tests/fuzz_readers.py --seconds 600                 # all formats; scripts/fuzz.sh
    python tests/fuzz_readers.py --formats json,csv --inputs 200 --seed 7
    python tests/fuzz_readers.py --formats json --case FILE    # one file again

Files of tests/corpus are changed at random, a function of the seed and the number of the input. Each is read in one of
several ways. What is being read lies in --directory under a name with seed and number, so that it is there after a
crash; a finding goes into tests/corpus once it is mended.
"""

import argparse
import pathlib
import random
import resource
import signal
import sys
import tempfile
import time

import millstream as ms

CORPUS = pathlib.Path(__file__).parent / "corpus"
MEMORY_LIMIT = "96MB"
ADDRESS_SPACE_BYTES = 6 << 30
SECONDS_OF_ONE = 30
NUMBERS = [0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
TEXTS = [b'"', b'""', b",", b"\n", b"\r\n", b"{", b"[", b"null", b"-0", b"1e999", b"\\u0000", b"\xff", b"\0"]
CLEAR = (ValueError, TypeError, KeyError, OSError, MemoryError, NotImplementedError)


def read(form, path, draw):
    options = {"file_extensions": None}
    if draw.random() < 0.4 and form != "webdataset":
        options |= {"on_bad_file": "record"}
    if form in ("csv", "json", "text", "tfrecords") and draw.random() < 0.4:
        options |= {"on_bad_row": draw.choice(["skip", "record"])}
    if draw.random() < 0.3:
        limit = draw.choice(["line_bytes", "record_bytes", "nesting", "columns", "decompressed_ratio"])
        options |= {"limits": ms.ReadLimits(**{limit: draw.choice([1, 2, 5, 40, 1000])})}
    if form == "images":
        mode = draw.choice(["L", "RGB", "RGBA"])
        options |= {"max_pixels": 1 << 22} | draw.choice([{}, {"size": (5, 7)}, {"mode": mode}])
    dataset = getattr(ms, "read_binary_files" if form == "binary" else f"read_{form}")(path, **options)
    columns = dataset.columns() or []
    if columns and draw.random() < 0.3:
        dataset = dataset.select_columns(draw.sample(columns, draw.randrange(1, len(columns) + 1)))
    for batch in dataset.iterator().iter_batches(batch_size=draw.choice([1, 7, 4096]), batch_format="pyarrow"):
        batch.validate(full=True)
    dataset.dead_letters().take_all()


def changed(data, draw, others):
    data = bytearray(data)
    for _ in range(draw.choice([1, 1, 1, 2, 3, 8])):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(9)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << draw.randrange(8)
        elif kind == 1 and data:
            data[at % len(data)] = draw.randrange(256)
        elif kind == 2:
            width = draw.choice([1, 2, 4, 8])
            number = (draw.choice(NUMBERS) & (256**width - 1)).to_bytes(width, draw.choice(["little", "big"]))
            data[at : at + width] = number
        elif kind == 3:
            del data[at : at + draw.choice([1, 2, 16, 1000])]
        elif kind == 4:
            data[at:at] = bytes(draw.randrange(256) for _ in range(draw.choice([1, 4, 30])))
        elif kind == 5:
            data[at:at] = data[at : at + draw.choice([1, 8, 100])] * draw.choice([1, 2, 50])
        elif kind == 6:
            del data[at:]
        elif kind == 7:
            other = draw.choice(others)
            begin = draw.randrange(len(other) + 1)
            data[at : at + draw.choice([0, 10, 1000])] = other[begin : begin + draw.choice([4, 40, 4000])]
        else:
            data[at:at] = draw.choice(TEXTS)
    return bytes(data)


class HangError(Exception):
    """One input took too long."""


def look_at(form, path, draw):
    """What must not be, in words; None where all is well."""
    signal.alarm(SECONDS_OF_ONE)
    try:
        read(form, str(path), draw)
    except CLEAR as error:
        if not str(error).strip():
            return f"{type(error).__name__} without a text"
        # Arrow's Parquet reader looks neither at the digits of decimals nor at the bytes of texts.
        if form == "parquet" and ("does not fit in precision" in str(error) or "Invalid UTF8" in str(error)):
            return None
        # An error of rows that are not valid comes from validate(), and names no file.
        if type(error).__name__ == "ArrowInvalid" and path.name not in str(error):
            return f"rows that are not valid: {error}"
    except HangError:
        return f"no end within {SECONDS_OF_ONE} s"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    return None


def fuzz(form, seed, number, directory):
    draw = random.Random(f"{seed} {form} {number}")
    files = sorted(path for path in (CORPUS / form).iterdir() if path.is_file())
    first = draw.choice(files)
    suffix = first.name[first.name.index(".") :]
    path = directory / f"{form}-{seed}-{number}{suffix}"
    path.write_bytes(changed(first.read_bytes(), draw, [file.read_bytes() for file in files]))
    found = look_at(form, path, draw)
    if found is None:
        path.unlink()
        return 0
    print(f"{path} (seed {seed}, input {number} of {form}): {found}", flush=True)
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", default=",".join(sorted(path.name for path in CORPUS.iterdir())))
    parser.add_argument("--seed", type=int, default=0, help="0: one is drawn")
    parser.add_argument("--inputs", type=int, default=0, help="of each format; 0: as many as there is time for")
    parser.add_argument("--seconds", type=float, default=60)
    scratch = pathlib.Path(tempfile.gettempdir()) / "millstream-fuzz"
    parser.add_argument("--directory", type=pathlib.Path, default=scratch)
    parser.add_argument("--case", type=pathlib.Path, help="a file to read again")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    signal.signal(signal.SIGALRM, _ring)
    ms.init(num_cpus=2, memory_limit=MEMORY_LIMIT, spill_directory=str(arguments.directory / "spill"))
    forms = arguments.formats.split(",")
    if arguments.case is not None:
        found = [look_at(forms[0], arguments.case, random.Random(seed)) for seed in range(20)]
        print(found)
        return int(any(found))
    seed = arguments.seed or random.SystemRandom().randrange(1, 1 << 32)
    print(f"seed {seed}", flush=True)
    end = time.monotonic() + arguments.seconds
    number = findings = 0
    while number < arguments.inputs if arguments.inputs else time.monotonic() < end:
        findings += sum(fuzz(form, seed, number, arguments.directory) for form in forms)
        number += 1
    print(f"{number} inputs of each of {len(forms)} formats, {findings} findings", flush=True)
    return int(findings > 0)


def _ring(signal_number, frame):
    raise HangError


if __name__ == "__main__":
    sys.exit(main())
