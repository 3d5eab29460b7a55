"""What the package tests share: a wheel of this tree, and Millstream beside each version of pyarrow."""

import os
import sys
import zipfile

import pytest
from environments import CACHE, ROOT, Beside, checked


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Built with the flags of the python preset, so that the compiler's cache has every object."""
    target = tmp_path_factory.mktemp("wheelhouse")
    checked(
        [
            *(sys.executable, "-m", "pip", "wheel", ROOT, "--no-build-isolation", "--no-deps"),
            *("-w", target, "-Ccmake.build-type=RelWithDebInfo"),
        ],
        env=CACHE | os.environ,
        cwd=ROOT,
    )
    (built,) = target.glob("millstream-*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """A folder as site-packages is after the wheel was installed."""
    target = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


@pytest.fixture(scope="session", params=[17, 25, 26], ids=lambda version: f"pyarrow{version}")
def beside(request, installed):
    return Beside(request.param, installed)
