#!/usr/bin/env bash
# Builds the C++ tests under a sanitizer preset and runs them: scripts/sanitize.sh asan-ubsan|tsan [gtest arguments]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-}
case "$preset" in
  asan-ubsan)
    export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}
    export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1} ;;
  tsan)
    # The prebuilt libarrow is not instrumented; our own code is, without any suppression.
    export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:ignore_noninstrumented_modules=1} ;;
  *)
    echo "usage: $0 asan-ubsan|tsan [gtest arguments]" >&2
    exit 2 ;;
esac
shift

[ -x .venv-test/bin/python ] && export PATH="$PWD/.venv-test/bin:$PATH"
cmake --preset "$preset"
cmake --build --preset "$preset" --target millstream_tests -j "${JOBS:-$(nproc)}"
"build/$preset/millstream_tests" "$@"
