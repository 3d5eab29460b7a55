"""The wheel installs and runs where there is no compiler, no cmake and no pyarrow."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
from environments import PROGRAMS, ROOT, checked


def test_the_tag_says_what_the_module_needs(wheel):
    interpreter, abi, platform = wheel.stem.split("-")[-3:]
    own = f"cp{sys.version_info.major}{sys.version_info.minor}"
    # From 3.12 on the module uses the stable interface only.
    assert (interpreter, abi) == ((own, own) if sys.version_info < (3, 12) else ("cp312", "abi3"))
    assert platform == sysconfig.get_platform().replace("-", "_").replace(".", "_")


def test_bindings_use_no_macro_that_the_stable_interface_lacks():
    """Only a build on 3.12 or later would tell: Python's macros look into objects whose layout may change."""
    sources = [path for path in (ROOT / "src" / "bindings").iterdir() if path.suffix in (".cc", ".h")]
    assert sources
    macro = re.compile(r"Py[A-Z]\w*_(AS|GET)_[A-Z]+")
    assert [path.name for path in sources if macro.search(path.read_text())] == []


def test_it_holds_the_package_and_nothing_of_the_build(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    modules = [name for name in names if re.fullmatch(r"millstream/_core[^/]*\.so", name)]
    assert len(modules) == 1
    assert {"millstream/_core.pyi", "millstream/py.typed", "millstream/lib/arrow_licenses/LICENSE.txt"} <= set(names)
    strangers = [name for name in names if not re.match(r"(millstream|millstream-[0-9.]+\.dist-info)/", name)]
    assert strangers == []
    assert [name for name in names if name.endswith((".cc", ".h", ".o", ".cmake", ".a", ".pyc"))] == []
    libraries = [name for name in names if ".so" in name and name not in modules]
    assert [name for name in libraries if not re.fullmatch(r"millstream/lib/libmillstream_\w+\.so\.\d+", name)] == []


def test_a_fresh_environment_runs_it_without_compiler_or_cmake(wheel, tmp_path):
    pq.write_table(pa.table({"key": list(range(5000))}), tmp_path / "a.parquet", row_group_size=500)
    checked([sys.executable, "-m", "venv", tmp_path / "fresh"])
    bare = {"PATH": str(tmp_path / "fresh" / "bin"), "HOME": os.environ.get("HOME", str(tmp_path))}
    for program in ("gcc", "g++", "c++", "cc", "cmake", "ninja"):
        assert shutil.which(program, path=bare["PATH"]) is None
    python = tmp_path / "fresh" / "bin" / "python"
    checked([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel], env=bare)
    program = [str(python), str(PROGRAMS / "alone.py"), str(tmp_path / "a.parquet")]
    done = subprocess.run(program, env=bare, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "5000 rows, no pyarrow\n", "")
