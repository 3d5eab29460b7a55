"""Makes one pinned virtual environment a peer, from requirements/<name>.txt, reused while that file is unchanged.

    python benchmarks/environments.py [--cache DIR] [NAME ...]

The requirement files list every package with its version, so they are installed without pip's resolver: Petastorm and
torch ask for setuptools that exclude each other, and both run.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_CACHE = HERE / ".cache"
NAMES = ("pyarrow", "ray", "petastorm", "duckdb", "polars", "daft", "torch", "plot", "s3")
# The last Python that Petastorm's pyarrow 12 has wheels for; the others follow suit so that all run on the same one.
PYTHON_VERSION = (3, 11)


class EnvironmentFailure(RuntimeError):
    """An environment could not be made; the message holds the end of pip's output."""


def requirements_file(name: str) -> Path:
    return HERE / "requirements" / f"{name}.txt"


def pins(name: str) -> list[str]:
    """The packages an environment is about: those above the line "What they pull in"."""
    direct = requirements_file(name).read_text().split("# What they pull in.")[0]
    return [line for line in direct.splitlines() if line and not line.startswith("#")]


def python_for_environments() -> str:
    if sys.version_info[:2] == PYTHON_VERSION:
        return sys.executable
    wanted = "python{}.{}".format(*PYTHON_VERSION)
    found = shutil.which(wanted)
    if found is None:
        raise EnvironmentFailure(f"The peers need {wanted} and it is not on PATH: install it, or run this with it")
    return found


def fingerprint(name: str) -> str:
    """Of what is in it, not of the path of the Python that made it: any Python of the version will do."""
    return hashlib.sha256(f"{PYTHON_VERSION}\n{requirements_file(name).read_text()}".encode()).hexdigest()


def run_quietly(command: list[str], name: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise EnvironmentFailure(f"Making {name} failed: {' '.join(command)}\n{done.stdout[-2000:]}")


def make_environment(name: str, cache: Path = DEFAULT_CACHE) -> Path:
    """Returns the environment's Python, after making it if it is missing, half made or out of date."""
    directory = cache / "envs" / name
    stamp = directory / "requirements.sha256"
    wanted = fingerprint(name)
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"making the environment {name}", file=sys.stderr, flush=True)
        run_quietly([python_for_environments(), "-m", "venv", "--clear", str(directory)], name)
        pip = [str(directory / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run_quietly([*pip, "--no-deps", "-r", str(requirements_file(name))], name)
        stamp.write_text(wanted)  # Last, so that an interrupted install is made again.
    return directory / "bin" / "python"


def build_program(source: Path, cache: Path = DEFAULT_CACHE) -> Path:
    """Compiles one C++ file without dependencies; reused while that file is unchanged."""
    program = cache / "programs" / f"{source.stem}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    if not program.is_file():
        compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
        if compiler is None:
            raise EnvironmentFailure(f"{source.name} measures a limit and needs a C++ compiler: install g++")
        program.parent.mkdir(parents=True, exist_ok=True)
        run_quietly([compiler, "-std=c++20", "-O2", "-pthread", str(source), "-o", str(program)], source.stem)
    return program


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which to make, of {', '.join(NAMES)}; all by default"
    )
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where environments and data are kept")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"unknown environments {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in arguments.names or NAMES:
        print(make_environment(name, arguments.cache))


if __name__ == "__main__":
    main()
