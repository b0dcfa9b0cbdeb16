#!/usr/bin/env bash
# What cannot be read or written: the other files are done, the worst exit code comes out, and
# nothing unfinished stays behind.
. "$(dirname "$0")/helpers.sh"
train tiny
cp "$testdata/digit-0.png" a.png
cp "$testdata/digit-1.png" b.png
cp "$testdata/photo-48x32.png" colour.png
head -c 100 a.png >short.png
echo text >text.png

expect 1 pie-encode -m tiny a.png missing.png b.png
says 'pie-encode: missing.png: no such file'
folder_has a.png b.png colour.png short.png text.png a.png.pie b.png.pie
expect 3 pie-encode -f -m tiny missing.png short.png text.png a.png
says 'short.png' 'text.png: not an image file of a known format'
expect 2 pie-encode -f -m tiny colour.png short.png missing.png a.png
folder_has a.png b.png colour.png short.png text.png a.png.pie b.png.pie
# Files that become one archive all count, or none.
expect 3 pie-encode -m tiny a.png short.png b.png -o all.pie
folder_has a.png b.png colour.png short.png text.png a.png.pie b.png.pie

head -c 100 a.png.pie >cut.pie
expect 3 pie-decode -f -O decoded missing.pie cut.pie a.png b.png.pie
says 'missing.pie: cannot read' 'cut.pie: truncated' 'a.png: not a PIE code file'
[ "$(ls -A decoded)" = b.png ] || fail "the good file was not decoded, or others were"
expect 1 pie-decode -t missing.pie a.png.pie
expect 1 pie-decode -l missing.pie a.png.pie
grep -q '^a.png.pie: 1 image' "$out" || fail "-l stopped at the missing file"
rm -r decoded cut.pie

# Places that cannot be written.
expect 1 pie-encode -m tiny a.png -o missing/x.pie
expect 1 pie-encode -m tiny a.png b.png -O text.png
says 'text.png: cannot make this folder'
expect 1 pie-decode a.png.pie -O text.png/x
says 'text.png/x: cannot make this folder'
expect 1 pie-encode -m tiny a.png -o "$scratch"
expect 1 pie-decode a.png.pie -o missing/x.png
expect 1 pie-encode --layers 1 a.png.pie -o missing/x.pie
expect 1 pie-train --preset pie-mnist --data "$digits" -o missing/x.safetensors
if [ -c /dev/full ]; then
  expect 1 pie-encode --layers 1 a.png.pie -o /dev/full
  says '/dev/full: cannot write: No space left on device'
  expect 1 bash -c '"$1/pie-encode" --layers 1 a.png.pie -c >/dev/full' - "$tools"
  for report in 'pie-decode -l a.png.pie' 'pie-decode --breakpoints a.png.pie' 'pie-encode --help' 'flow-eval --json --images a.png'; do
    expect 1 bash -c "\"\$1/\"$report >/dev/full" - "$tools"
    says 'stdout: cannot write all of the output'
  done
fi
if [ "$(id -u)" != 0 ]; then
  mkdir locked
  chmod a-w locked
  expect 1 pie-decode a.png.pie -O locked
  rmdir locked
fi
folder_has a.png b.png colour.png short.png text.png a.png.pie b.png.pie

# With too little memory: a message, no hang, no file.
limits=(100000 300000 500000 600000 700000 800000 850000 900000 950000 1000000 1020000)
[ -z "${PIE_SANITIZE-}" ] || limits=()
for limit in "${limits[@]}"; do
  expect 1 bash -c "ulimit -v $limit; exec timeout 60 \"\$1/pie-encode\" -T 1 -m tiny a.png -o none.pie" - "$tools"
  [ ! -e none.pie ] || fail "wrote without memory"
done
[ ${#limits[@]} = 0 ] || says 'out of memory' 'ulimit -v'

# What --max-memory leaves is enough, or there is a message: libraries that get less neither wait for
# it nor crash.
if [ -z "${PIE_SANITIZE-}" ]; then
  for limit in 10M 60M 100M 130M 300M; do
    for command in "pie-encode -m tiny a.png -o limited.pie" \
      "pie-train --preset pie-exact-mnist --batch 4 --steps 1 --data $digits[:16] -o limited.safetensors"; do
      code=0
      # shellcheck disable=SC2086
      timeout 60 "$tools"/$command -f -T 1 --max-memory $limit 2>"$err" || code=$?
      case $code in 0 | 1) ;; *) fail "$command under $limit: exit code $code" ;; esac
    done
  done
  rm -f limited*
fi

# OpenMP starts as many threads as are asked for, whatever the environment says.
for setting in OMP_DYNAMIC=true OMP_THREAD_LIMIT=1 OMP_MAX_ACTIVE_LEVELS=0; do
  expect 0 env $setting timeout 60 "$tools/pie-encode" -f -T 2 -m tiny a.png -o threads.pie
done
rm threads.pie

# Streams that are closed take no file's place, and what cannot be told has failed.
expect 0 pie-encode -f -m pie-photo a.png -o whole.pie
"$tools/pie-encode" -f -v -T 1 -m pie-photo a.png -o closed.pie 2>&- || fail "stderr is closed"
same whole.pie closed.pie
code=0
"$tools/flow-eval" -f --images a.png --csv closed.csv >&- 2>"$err" || code=$?
[ $code = 1 ] || fail "a lost report: exit code $code"
rm -f whole.pie closed.*

# An option without its value does not take the next word, which may be an input.
cp a.png next.png
expect 2 pie-encode -f --output= next.png
says '--output= needs a value'
same a.png next.png
rm next.png

# Every signal that ends a process leaves nothing unfinished, and the shell sees it.
{ printf 'P6\n1500 1500\n255\n'; head -c 6750000 /dev/urandom; } >large.ppm # takes seconds
for signal in HUP INT QUIT ILL TRAP ABRT BUS FPE SEGV USR2 PIPE ALRM TERM XCPU VTALRM PROF IO PWR SYS RTMIN RTMAX; do
  mkdir sub
  env --default-signal="$signal" bash -c 'ulimit -c 0; exec "$@"' - \
    "$tools/pie-encode" -T 1 -m pie-photo large.ppm -o sub/large.pie 2>/dev/null &
  process=$!
  while [ -z "$(ls -A sub)" ] && kill -0 $process; do sleep 0.02; done
  [ -n "$(ls -A sub)" ] || fail "no unfinished file to be removed"
  kill -s "$signal" $process
  code=0
  wait $process 2>/dev/null || code=$?
  [ "$code" = $((128 + $(kill -l "$signal"))) ] || fail "SIG$signal: exit code $code"
  [ -z "$(ls -A sub)" ] || fail "SIG$signal leaves $(ls -A sub)"
  rmdir sub
done
rm large.ppm
# A file that may not grow is an error like a full disk.
expect 1 bash -c 'ulimit -f 1; exec "$1/pie-encode" -T 1 -m tiny "$2" -o all.pie' - "$tools" "$digits"
says 'all.pie: cannot write: File too large'
folder_has a.png b.png colour.png short.png text.png a.png.pie b.png.pie

# What is none of what it is given as is not read to its end.
truncate -s 8G zeros.png
for arguments in 'pie-encode zeros.png -o x.pie' 'pie-encode -m ./zeros.png a.png -o x.pie' \
  'flow-eval -m tiny zeros.png' 'pie-train --resume zeros.png --data a.png -o x' \
  'pie-decode --latents zeros.png -m tiny -O x' 'pie-encode --filelist zeros.png'; do
  expect 3 $arguments --max-memory 2G
  says 'zeros.png: '
done
expect 3 pie-encode --max-memory 2G - -o x.pie <zeros.png
rm zeros.png

# What is wrong with a command line is said in words.
for case in '--model needs a value|-m' '--nonsense is not expected here|--nonsense' \
  '--layers: 99 is not between 1 and 64|--layers 99' \
  '--coder: best is none of auto,model,floor|--coder best'; do
  expect 2 pie-encode ${case#*|}
  says "pie-encode: ${case%|*}; try --help"
done
expect 1 pie-encode -qq none.png
[ ! -s "$err" ] || fail "-qq says something"

# Configurations that are none, or deeper than any.
echo '[1]' >array.json
printf '{"arch": "pie"}\0and more' >zero.json
expect 2 pie-train --config zero.json --data "$digits" -o x
says 'zero.json: is not a configuration'
expect 2 pie-train --config array.json --data "$digits" -o x
says 'array.json: is not a configuration'
python <<'P'
open("deep.json", "w").write("[" * 100000 + "]" * 100000)
open("deep-object.json", "w").write('{"a":' * 100000 + "1" + "}" * 100000)
P
for deep in deep deep-object; do
  expect 2 pie-train --config $deep.json --data "$digits" -o x
  expect 2 pie-train --preset pie-mnist --set "name=$(head -c 60000 $deep.json)" --set train.lr=x --data "$digits" -o x
done
rm array.json deep*.json
for setting in name=1 train=1; do
  expect 2 pie-train --preset pie-mnist --set $setting --batch 4 --data "$digits" -o x
  says "configuration: '${setting%=*}' must be"
done
# More keys than any configuration has cost no time.
python <<'P'
import json, struct
many = {"k%d" % i: "v" for i in range(300000)}
json.dump({"k%d" % i: 0 for i in range(60000)}, open("keys.json", "w"))
text = json.dumps({"__metadata__": many}).encode()
open("keys.safetensors", "wb").write(struct.pack("<Q", len(text)) + text)
P
expect 2 timeout 60 "$tools/pie-train" --config keys.json --data "$digits" -o x
expect 3 timeout 60 "$tools/pie-encode" -m ./keys.safetensors a.png -o x
rm keys.*

# Usage.
for tool in pie-encode pie-decode flow-eval 'pie-sample -m x -o x' 'pie-train --data x -o x'; do
  expect 2 $tool --no-such-option
  says "${tool%% *}: " '--no-such-option' 'try --help'
  expect 2 $tool --threads many
done
for tool in "pie-encode -m tiny a.png -o x" "pie-decode a.png.pie -o x" "flow-eval -m tiny a.png" "pie-sample -m tiny -o x.png"; do
  expect 2 $tool -f --device cuda:999
  says "--device cuda:999: "
done
expect 2 pie-decode -l a.png.pie --device nonsense
says "--device nonsense: "
# Exact models need no GPU.
expect 0 pie-encode -f --device cuda:999 a.png -o exact.pie
for device in cuda:999 cuda: gpu; do
  expect 2 pie-train --preset pie-mnist --data "$digits" --device $device -o x
  says "--device $device: "
done
expect 2 pie-decode -t -l a.png.pie
expect 2 pie-encode -m tiny a.png -o ""
says '--output: is empty'
# Far more threads than help are as many as help.
expect 0 "$tools/pie-encode" -f -T 4096 -m tiny a.png
if [ "$(id -u)" != 0 ]; then
  expect 1 bash -c 'ulimit -u 1; exec "$1/pie-encode" -T 8 -m tiny a.png -o x' - "$tools"
  says 'cannot start 8 threads'
fi
expect 2 pie-encode -c -o x.pie -m tiny a.png
expect 2 pie-decode --layers 0 a.png.pie
expect 2 pie-decode -f a.png.pie b.png.pie -o x.png
expect 2 pie-encode -f --layers 1 a.png.pie b.png.pie -o x.pie
expect 2 pie-train --preset pie-mnist --steps 1 --epochs 1 --data "$digits" -o x
expect 2 pie-encode --step nan -m tiny a.png
expect 2 pie-sample -m tiny --temperature inf -o x.png
expect 2 pie-train --preset pie-mnist --lr nan --data "$digits" -o x
