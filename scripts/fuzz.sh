#!/usr/bin/env bash
# Reads damaged files of all formats for some seconds, 3,600 by default: scripts/fuzz.sh [seconds] [more arguments of tests/fuzz_readers.py]
# After scripts/test.sh, which builds the module. What is found lies in the directory that is told, and its seed is printed.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv-test/bin:$PATH" PYTHONPATH="$PWD/python"
exec python tests/fuzz_readers.py --seconds "${1:-3600}" "${@:2}"
