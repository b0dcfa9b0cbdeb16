#!/usr/bin/env bash
# Installs, builds and tests everything, and what reads bytes and pixels once more with
# AddressSanitizer and UndefinedBehaviorSanitizer, also from the seeds of the fuzz targets and for a
# moment further. --full does that with all tests and targets, and adds ThreadSanitizer, valgrind,
# every fault that tests/cli/faults.py can make, training on several hosts, clang-tidy, the formatting
# check and one run of every benchmark script.
set -euo pipefail
cd "$(dirname "$0")/.."
full=0
[ "${1:-}" = "--full" ] && full=1
jobs=$(nproc)

tools/install-deps.sh $([ $full = 1 ] && echo --developer || echo --tests)
# LibTorch's headers cost more than our own code: these builds, in folders of their own, read several
# files as one.
whole_folders=(-G Ninja -DCMAKE_UNITY_BUILD=ON)
cmake -S . -B build-check "${whole_folders[@]}" -DCMAKE_BUILD_TYPE=Release -DPIE_DEVELOPER_MODE=ON >/dev/null
cmake --build build-check -j "$jobs"
# Short spinning: the tests run side by side and would steal each other's time.
export GOMP_SPINCOUNT=0
ctest --test-dir build-check -j "$jobs" --output-on-failure

BUILD=build-asan tests/fuzz/run.sh 2 --format
cmake --build build-asan -j "$jobs" --target format_tests
ctest --test-dir build-asan -j "$jobs" --output-on-failure -L '^format$'

if [ $full = 1 ]; then
  git ls-files '*.cc' '*.h' | xargs clang-format --dry-run --Werror
  cmake --build build-asan -j "$jobs"
  # LibTorch keeps what it allocated for the life of the process; that is no leak of ours.
  ASAN_OPTIONS=detect_leaks=0 ctest --test-dir build-asan -j "$jobs" --output-on-failure -LE '^format$'
  BUILD=build-asan tests/fuzz/run.sh 10
  cmake -S . -B build-tsan "${whole_folders[@]}" -DCMAKE_BUILD_TYPE=Debug -DPIE_SANITIZE=thread >/dev/null
  cmake --build build-tsan -j "$jobs" --target format_tests
  ctest --test-dir build-tsan -j "$jobs" --output-on-failure -L '^format$'
  python3 tests/cli/faults.py build-check/bin build-check/tests/cli/libfail_call.so 200
  python3 tests/cli/attacks.py build-check/bin 0.2
  bash tests/cli/several_hosts.sh build-check/bin
  bash tests/cli/valgrind.sh build-check/bin
  # clang reads neither GCC's precompiled headers nor its omp.h.
  cmake -S . -B build-tidy "${whole_folders[@]}" -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
  cmake --build build-tidy --target pie_revision
  run-clang-tidy -p build-tidy -j "$jobs" -quiet -extra-arg=-fno-openmp \
    -checks=-bugprone-suspicious-include '/(lib|tools)/'
  bash tests/bench/smoke.sh build-check
fi
