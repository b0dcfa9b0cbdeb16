#!/usr/bin/env bash
# Fuzzes every target, or those named, for SECONDS each: under AddressSanitizer and UndefinedBehaviorSanitizer,
# from the seeds beside this file, among which is every input that was ever a find, and from what earlier runs
# have gathered. Prints executions and processor time of each; a find ends it with exit code 1 and is left
# in BUILD/finds. With 0 seconds only the seeds are run. Needs clang.
# Usage: tests/fuzz/run.sh SECONDS [--format | TARGET...]   (--format: all without LibTorch; BUILD=folder)
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:?usage: $0 SECONDS [--format | TARGET...]}
shift
build=${BUILD:-build-fuzz}
jobs=$(nproc)

cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_UNITY_BUILD=ON \
  -DPIE_DEVELOPER_MODE=ON -DPIE_SANITIZE=address,undefined -DPIE_FUZZ=ON >/dev/null
lists=$build/tests/fuzz
case ${1:-} in
  --format) targets=$(<"$lists/without_libtorch.txt") ;;
  '') targets=$(cat "$lists/without_libtorch.txt" "$lists/with_libtorch.txt") ;;
  *) targets=$* ;;
esac
cmake --build "$build" -j "$jobs" --target $(printf 'fuzz_%s ' $targets)
mkdir -p "$build/finds"

# fuzz TARGET: its figures, or its find.
fuzz() {
  local name=$1 corpus=$build/corpus/$1 log=$build/finds/$1.log
  mkdir -p "$corpus"
  local limits=(-timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -artifact_prefix="$build/finds/$name-" -print_final_stats=1)
  [ "$seconds" = 0 ] && limits+=(-runs=0) || limits+=(-max_total_time="$seconds")
  local seeds=tests/fuzz/seeds/$name
  [ -d "$seeds" ] || seeds=
  local TIMEFORMAT=%U
  local used
  if ! used=$( { time "$build/tests/fuzz/fuzz_$name" "${limits[@]}" "$corpus" $seeds >"$log" 2>&1; } 2>&1); then
    tail -40 "$log"
    echo "$name: a find, in $build/finds"
    return 1
  fi
  awk -v name="$name" -v used="$used" '
    / cov: / { for (i = 1; i < NF; ++i) if ($i == "cov:") edges = $(i + 1) }
    /number_of_executed_units/ { runs = $2 }
    END { printf "%-12s %10d executions %6d edges %8.1f s\n", name, runs, edges, used }' "$log"
  rm "$log"
}
export -f fuzz
export build seconds
printf '%s\n' $targets | xargs -P "$jobs" -I{} bash -c 'fuzz {}'
