#!/usr/bin/env bash
# Model and code files that a release wrote are read by every later one: each kind of model, by name
# and by fingerprint, and what its code file and its draws were. These files are never made again.
. "$(dirname "$0")/helpers.sh"

# like ORIGINAL IMAGE: equal, but for one level of what networks of floats round.
like() {
  python "$@" <<'P'
import sys
a, b = (open(path, "rb").read() for path in sys.argv[1:3])
assert len(a) == len(b) and max(abs(x - y) for x, y in zip(a, b)) <= 1, sys.argv[1:3]
P
}

for release in "$testdata"/golden/[0-9]*; do
  export PIE_MODEL_PATH=$release
  for code in "$release"/*.pie; do
    name=$(basename "$code" .pie)
    expect 0 pie-decode -tt "$code"
    expect 0 pie-decode -f "$code" -o decoded.pnm
    case $name in
      *exact* | *floor*) same "$release/$name.pnm" decoded.pnm ;;
      *) like "$release/$name.pnm" decoded.pnm ;;
    esac
  done
  for model in "$release"/*.safetensors; do
    name=$(basename "$model" .safetensors)
    expect 0 pie-sample -f -m "$name" --grid 2x1 --seed 3 -o drawn.pgm
    like "$release/$name-sample.pgm" drawn.pgm
    # It still codes, to what it decodes itself.
    expect 0 pie-encode -f --coder model -m "$name" "$testdata/digit-1.png" -o again.pie
    expect 0 pie-decode -tt again.pie
  done
done
