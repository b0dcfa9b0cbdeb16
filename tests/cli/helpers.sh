# Common part of the scripts in this folder, which run as "X.sh FOLDER_OF_TOOLS". Each works in an
# empty folder of its own, which goes away at the end.
set -euo pipefail
unset OPENBLAS_CORETYPE # the tools choose
tools=$(cd "${1:?usage: $0 FOLDER_OF_TOOLS}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
testdata=$(cd "$here/../../testdata" && pwd)
digits=$testdata/digits-images-idx3-ubyte.gz
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
out=$scratch/stdout err=$scratch/stderr
mkdir "$scratch/work"
cd "$scratch/work"
# Threads that wait actively for each other would hold up tests that run beside this one.
export GOMP_SPINCOUNT=0

for tool in pie-train pie-encode pie-decode pie-sample flow-eval; do
  eval "$tool() { \"\$tools/$tool\" -T 1 \"\$@\"; }"
done

fail() {
  echo "FAILED: $1"
  [ ! -s "$err" ] || { echo "the last messages were:"; cat "$err"; }
  exit 1
}

# expect CODE COMMAND...: runs it and checks its exit code; its output is in the files $out and $err.
expect() {
  local want=$1 got=0
  shift
  "$@" >"$out" 2>"$err" || got=$?
  [ "$got" = "$want" ] || fail "exit code $got instead of $want: $*"
}

# says TEXT...: each is in the messages of the last command.
says() {
  local text
  for text in "$@"; do grep -qF -- "$text" "$err" || fail "the messages lack '$text'"; done
}

# prints TEXT: it is in the output of the last command.
prints() { grep -qF -- "$1" "$out" || fail "does not print '$1': $(cat "$out")"; }

same() { cmp "$1" "$2" || fail "$1 and $2 differ"; }
differ() { ! cmp -s "$1" "$2" || fail "$1 and $2 are the same"; }
starts_with() { head -c ${#2} "$1" | cmp -s - <(printf %s "$2") || fail "$1 does not start with '$2'"; }

# folder_has NAME...: exactly these are in the current folder, hidden ones included.
folder_has() {
  local found wanted
  found=$(find . -mindepth 1 -maxdepth 1 -printf '%f\n' | LC_ALL=C sort)
  wanted=$(printf '%s\n' "$@" | LC_ALL=C sort)
  [ "$found" = "$wanted" ] || fail "the folder has: $(echo $found); instead of: $(echo $wanted)"
}

# train NAME OPTION...: a tiny model, trained just enough to exist, that is found by that name.
train() {
  local name=$1
  shift
  mkdir -p "$scratch/models"
  export PIE_MODEL_PATH=$scratch/models
  expect 0 pie-train -f --preset pie-mnist --set conv.hidden=4 --set linear.hidden=8 \
    --set conv.steps=1 --set linear.steps=1 --batch 16 --steps 5 --data "$digits" \
    -o "$scratch/models/$name.safetensors" "$@"
}

# A script for python3 on standard input, with arguments.
python() { python3 - "$@" || fail "python3 found a difference"; }
