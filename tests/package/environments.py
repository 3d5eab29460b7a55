"""Commands, and environments with other versions of pyarrow, for the tests of packages."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "programs"
# Without these a build in another folder finds nothing in the compiler's cache, which also tells compilers apart by name.
CACHE = {
    "CXX": "c++",
    "CCACHE_BASEDIR": str(ROOT),
    "CCACHE_NOHASHDIR": "1",
    "CCACHE_SLOPPINESS": "pch_defines,time_macros,include_file_mtime,include_file_ctime",
}


def checked(command, **options):
    """Runs a command; its output is in the failure."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=1500, **options)
    assert done.returncode == 0, f"{command} gave {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def environment(*requirements):
    """The Python of a virtual environment with these; kept in .cache for the next run."""
    key = hashlib.sha256(repr((sys.version, requirements)).encode()).hexdigest()[:12]
    home = ROOT / ".cache" / "environments" / key
    python, done = home / "bin" / "python", home / "complete"
    if not done.exists():
        checked([sys.executable, "-m", "venv", "--clear", home])
        if requirements:
            checked([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements])
        done.touch()
    return python


class Beside:
    """Runs programs with Millstream beside one version of pyarrow."""

    def __init__(self, version, installed):
        self.version = version
        numpy = "numpy<2.1" if version < 18 else "numpy>=2"
        self.python = environment(f"pyarrow=={version}.*", numpy, "cloudpickle>=3", "fsspec>=2023.1", "rich>=13")
        self.installed = installed

    def start(self, program, *arguments, **variables):
        clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LD_LIBRARY_PATH")}
        return subprocess.run(
            [str(self.python), "-X", "faulthandler", str(PROGRAMS / program), *map(str, arguments)],
            env=clean | {"PYTHONPATH": str(self.installed)} | variables,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def run(self, program, *arguments):
        """The program's output. It must end cleanly: exit code 0 and not a word of complaint."""
        done = self.start(program, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), f"{program} {arguments}: {done.returncode}\n{done.stderr}"
        return done.stdout
