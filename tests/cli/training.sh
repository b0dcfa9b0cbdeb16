#!/usr/bin/env bash
# pie-train: exact resuming, signals, outputs, and data in different forms.
. "$(dirname "$0")/helpers.sh"
tiny=(--preset pie-mnist --set conv.hidden=4 --set linear.hidden=8 --set conv.steps=1
  --set linear.steps=1 --batch 8 --data "$digits")

# The last line on standard output is the model's path; a model is not overwritten without -f.
expect 0 pie-train "${tiny[@]}" --steps 200 -o whole.safetensors --json
[ "$(tail -n 1 "$out")" = whole.safetensors ] || fail "the last line is not the model's path"
head -n 1 "$out" | python3 -m json.tool >/dev/null || fail "--json is not JSON"
folder_has whole.safetensors whole.safetensors.state
expect 1 pie-train "${tiny[@]}" --steps 1 -o whole.safetensors
says 'whole.safetensors: exists already: use -f to overwrite'
expect 2 pie-train --resume whole.safetensors.state --lr 0.1 --data "$digits" -o x.safetensors
says '--resume excludes --lr'

# Stopped, then interrupted by a signal, then finished: the same bytes as in one go.
expect 0 pie-train "${tiny[@]}" --steps 200 --stop-at 40 -o parts.safetensors
differ parts.safetensors whole.safetensors
pie_train_until_signal() {
  "$tools/pie-train" -T 1 --resume parts.safetensors.state --data "$digits" \
    -o parts.safetensors --log log.jsonl &
  local process=$!
  for _ in $(seq 1000); do
    [ ! -s log.jsonl ] || break
    sleep 0.02
  done
  kill -INT $process
  wait $process
}
expect 130 pie_train_until_signal
says 'interrupted at step' 'and --resume parts.safetensors.state'
differ parts.safetensors whole.safetensors
folder_has whole.safetensors whole.safetensors.state parts.safetensors parts.safetensors.state \
  log.jsonl
expect 1 pie-train --resume parts.safetensors.state --data "$digits" -o whole.safetensors
says 'whole.safetensors: exists already: use -f to overwrite'
expect 0 pie-encode -q -m ./parts.safetensors "$testdata/digit-0.png" -c
expect 0 pie-train --resume parts.safetensors.state --data "$digits" -o parts.safetensors \
  --log log.jsonl
same parts.safetensors whole.safetensors
python <<'P'
import json
steps = [json.loads(line)["step"] for line in open("log.jsonl")]
assert steps == [50, 100, 150, 200], steps
P

# The same images as PNG files give the same model; a file that is no image is passed over.
mkdir -p images/deep
python3 "$here/images.py" split "$digits" images/deep
echo text >images/broken.png
expect 0 pie-train "${tiny[@]}" --steps 15 -o idx.safetensors
expect 0 pie-train "${tiny[@]/$digits/images}" --steps 15 -o png.safetensors
says 'images/broken.png' 'passed over'
same idx.safetensors png.safetensors
rm -r images ./*.safetensors* log.jsonl

expect 0 pie-train "${tiny[@]}" --steps 15 -o x.safetensors --dry-run
says 'dry run: one step done, nothing written'
expect 0 pie-train -q "${tiny[@]}" --epochs 1 --val "$digits[:10]" -o epoch.safetensors --json
head -n 1 "$out" | python3 -c '
import json, sys
report = json.load(sys.stdin)
assert report["step"] == 13 and report["measured"]["held_out_images"] == 10, report' ||
  fail "another report"
[ ! -s "$err" ] || fail "-q is not quiet"
folder_has epoch.safetensors epoch.safetensors.state

# Mistakes.
expect 2 pie-train "${tiny[@]}" --set conv.hiden=4 -o x.safetensors
says "--set: the configuration has no 'conv.hiden'"
expect 2 pie-train "${tiny[@]}" --set conv.hidden=0 -o x.safetensors
says "hidden' must be from 1 to 4096"
expect 2 pie-train --preset none --data "$digits" -o x.safetensors
says "no preset 'none'; there are:" pie-mnist
expect 2 pie-train --data "$digits" -o x.safetensors
says 'one of --preset, --config and --resume is needed'
expect 4 pie-train --resume epoch.safetensors --data "$digits" -o x.safetensors
head -c 100000 epoch.safetensors.state >cut.state
expect 3 pie-train --resume cut.state --data "$digits" -o x.safetensors
folder_has epoch.safetensors epoch.safetensors.state cut.state
