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
# oneDNN's bfloat16 gradients, on processors that have them, wait for no thread that is not there.
expect 0 timeout 120 "$tools/pie-train" -T 2 --precision bf16 --preset pie-exact-mnist --batch 4 --steps 2 \
  --data "$digits" -o bfloat16.safetensors
rm bfloat16.safetensors*
expect 2 pie-train --resume whole.safetensors.state --lr 0.1 --data "$digits" -o x.safetensors
says '--resume excludes --lr'

# Stopped, then interrupted by a signal, then finished: the same bytes as in one go.
expect 0 pie-train "${tiny[@]}" --steps 200 --stop-at 40 -o parts.safetensors
differ parts.safetensors whole.safetensors
# A shell ignores SIGINT in what it starts in the background, and what is ignored stays ignored.
pie_train_until_signal() {
  env --default-signal=INT "$tools/pie-train" -T 1 --resume parts.safetensors.state --data "$digits" \
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
expect 0 pie-encode -q --coder model -m ./parts.safetensors "$testdata/digit-0.png" -c
expect 0 pie-train --resume parts.safetensors.state --data "$digits" -o parts.safetensors \
  --log log.jsonl
same parts.safetensors whole.safetensors
python <<'P'
import json
steps = [json.loads(line)["step"] for line in open("log.jsonl")]
assert steps == [50, 100, 150, 200], steps
P

# A closing terminal is an interruption, however often it says so; nohup means to go on.
wait_for_log() {
  for _ in $(seq 1000); do
    [ ! -s "$1" ] || return 0
    sleep 0.02
  done
}
hang_up() {
  "$tools/pie-train" -T 1 "${tiny[@]}" --steps 200 -o hung.safetensors --log "$1.jsonl" &
  local process=$!
  wait_for_log "$1.jsonl"
  kill -HUP $process
  kill -HUP $process
  wait $process
}
without_hang_up() {
  trap '' HUP
  hang_up nohup
}
expect 129 hang_up hung
says 'interrupted at step' 'and --resume hung.safetensors.state'
expect 0 pie-train --resume hung.safetensors.state --data "$digits" -o hung.safetensors
same hung.safetensors whole.safetensors
rm hung.safetensors*
(expect 0 without_hang_up)
same hung.safetensors whole.safetensors
rm ./*.safetensors* ./*.jsonl

# The same images as PNG files give the same model; what is no image, or of another shape, is passed
# over: a few in words, the rest as a number.
mkdir -p images/deep
python3 "$here/images.py" split "$digits" images/deep
echo text >images/broken.png
for i in 1 2 3 4 5 6 7; do python3 "$here/images.py" make images/small$i.png gray 27 28; done
expect 0 pie-train "${tiny[@]}" --steps 15 -o idx.safetensors
expect 6 pie-train "${tiny[@]/$digits/images}" --steps 15 -o png.safetensors
says 'images/broken.png' 'images/small4.png: warning: is 1x28x27, but 1x28x28 is required; passed over' \
  'warning: 3 more passed over' ' 100 images,'
[ "$(grep -c 'passed over' "$err")" = 6 ] || fail "not six lines"
same idx.safetensors png.safetensors

# Where a file is damaged behind its header, another image takes its place: the same one, however
# often the run stops.
for i in 00005 00041 00099; do
  head -c 150 images/deep/$i.png >cut.png
  mv cut.png images/deep/$i.png
done
mixed=("${tiny[@]/$digits/images}")
expect 6 pie-train "${mixed[@]}" --steps 15 -o whole.safetensors
says 'images/deep/00041.png' 'images/deep/00099.png'
expect 6 pie-train "${mixed[@]}" --steps 15 --stop-at 4 -o parts.safetensors
expect 6 pie-train --resume parts.safetensors.state --data images --stop-at 9 -o parts.safetensors
expect 6 pie-train --resume parts.safetensors.state --data images -o parts.safetensors
same whole.safetensors parts.safetensors
rm ./*.safetensors*

# What cannot be trained or measured is refused before the first step, and where nothing fits too.
expect 2 pie-train "${tiny[@]}" --steps 15 --val images/small1.png -o x.safetensors
says 'images/small1.png' 'is 1x28x27, but 1x28x28 is required'
expect 3 pie-train "${tiny[@]}" --steps 15 --val images/deep/00041.png -o x.safetensors
says 'images/deep/00041.png'
expect 2 pie-train "${tiny[@]/$digits/images/small1.png}" --steps 15 -o x.safetensors
says 'images/small1.png' 'is 1x28x27, but 1x28x28 is required'
expect 1 pie-train -f "${tiny[@]}" --steps 15 -o missing/x.safetensors
says 'missing/x.safetensors: cannot write'
rm -r images

# A checkpoint or a log that cannot be written costs nothing but itself, a model that nobody can
# write not the state, and a reader that goes away not the run.
limited() {
  ulimit -f "$1"
  trap '' XFSZ
  shift
  pie-train "${tiny[@]}" --steps 15 "$@"
}
expect 0 pie-train "${tiny[@]}" --steps 15 -o good.safetensors
expect 1 pie-train "${tiny[@]}" --steps 50 -o x.safetensors --log /dev/full
rm x.safetensors*
says '/dev/full: cannot be written; training goes on without it'
kilobytes=$(($(stat -c %s good.safetensors) / 1024 + 8))
[ $((1024 * kilobytes)) -lt "$(stat -c %s good.safetensors.state)" ] || fail "the state is too small"
(expect 1 limited $kilobytes -o limited.safetensors --save-every 0.001)
says 'limited.safetensors.state: cannot write' 'training goes on, the next try is in 0.001'
same limited.safetensors good.safetensors
folder_has good.safetensors good.safetensors.state limited.safetensors
gone() { pie-train "${tiny[@]}" --json --val "$digits[:9]" --set train.validate_every=1 "$@" 2> >(head -n 1); }
expect 0 gone --steps 15 -o gone.safetensors
folder_has good.safetensors good.safetensors.state limited.safetensors gone.safetensors \
  gone.safetensors.state
rm ./*.safetensors*

# Labels that count every image do not fit those that are left.
mkdir images
cp "$testdata/digit-0.png" images/a.png
echo text >images/b.png
cp "$testdata/digit-2.png" images/c.png
printf '\0\0\x08\x01\0\0\0\x02\x00\x02' >labels.idx
expect 2 pie-train --preset iresnet-mnist-classifier --data images --labels labels.idx -o x.safetensors
says 'images/b.png: cannot be read, and --labels counts every image'
rm -r images labels.idx

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

# From a trained model: its configuration, its weights, and nothing else of it.
expect 0 pie-train --init ./epoch.safetensors --data "$digits" --steps 13 --set train.lr=0 --set train.ema_decay=0 \
  -o same.safetensors
expect 0 pie-encode -q -m ./epoch.safetensors "$digits" --latents first.npy
expect 0 pie-encode -q -m ./same.safetensors "$digits" --latents second.npy
same first.npy second.npy
expect 0 pie-train --init ./epoch.safetensors "${tiny[@]}" --steps 13 -o other.safetensors
differ other.safetensors epoch.safetensors
expect 2 pie-train --init ./epoch.safetensors "${tiny[@]}" --set conv.hidden=5 -o x.safetensors
says 'has another configuration: its' 'leave the preset out'
expect 4 pie-train --init nothing --data "$digits" -o x.safetensors
rm -f same.safetensors* other.safetensors* first.npy second.npy

# Mistakes.
expect 2 pie-train "${tiny[@]}" --set conv.hiden=4 -o x.safetensors
says "the configuration has no 'conv.hiden'"
expect 2 pie-train "${tiny[@]}" --set conv.hidden=0 -o x.safetensors
says "hidden' must be from 1 to 4096"
expect 2 pie-train --preset none --data "$digits" -o x.safetensors
says "no preset 'none'; there are:" pie-mnist
expect 2 pie-train --data "$digits" -o x.safetensors
says 'one of --preset, --config, --init and --resume is needed'
expect 4 pie-train --resume epoch.safetensors --data "$digits" -o x.safetensors
head -c 100000 epoch.safetensors.state >cut.state
expect 3 pie-train --resume cut.state --data "$digits" -o x.safetensors
folder_has epoch.safetensors epoch.safetensors.state cut.state

# The log has the last step of a training, however few there are.
expect 0 pie-train -f "${tiny[@]}" --data "$digits" --steps 3 --log few.log -o few.safetensors
[ "$(wc -l <few.log)" = 1 ] && grep -q '"step":3,' few.log || fail "the log: $(cat few.log)"
