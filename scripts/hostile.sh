#!/usr/bin/env bash
# Runs the C++ and Python tests under each hostile switch, and under all that go together: scripts/hostile.sh [switches ...]
# After scripts/test.sh, which builds them. A failure names the seed to replay it with: MILLSTREAM_TEST_SEED=... scripts/hostile.sh SWITCH
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH="$PWD/.venv-test/bin:$PATH" PYTHONPATH="$PWD/python"
export MILLSTREAM_TEST_SEED=${MILLSTREAM_TEST_SEED:-$RANDOM$RANDOM}
[ $# -gt 0 ] || set -- always_spill always_two_passes always_keep_on_disk shuffle_lanes one_row minimum_budget random_block \
  always_spill,shuffle_lanes,minimum_budget,one_row

failed=()
for switches in "$@"; do
  echo "== $switches (MILLSTREAM_TEST_SEED=$MILLSTREAM_TEST_SEED)"
  export MILLSTREAM_HOSTILE=$switches
  build/python/millstream_tests --gtest_brief=1 || failed+=("C++ under $switches")
  # Only the C++ tests have a scheduler of one thread that blocks at random.
  [ "$switches" = random_block ] || python -m pytest -q tests/core tests/python || failed+=("Python under $switches")
done
[ ${#failed[@]} = 0 ] || { printf 'FAILED: %s\n' "${failed[@]}" >&2; exit 1; }
