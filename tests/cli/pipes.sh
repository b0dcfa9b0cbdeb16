#!/usr/bin/env bash
# Standard input and output.
. "$(dirname "$0")/helpers.sh"
train tiny
expect 0 pie-encode -m tiny "$testdata/digit-0.png" -O .
expect 0 pie-decode digit-0.png.pie -o decoded.pgm
starts_with decoded.pgm $'P5\n28 28\n255\n'

# PNM in, code, PNM out: the same as with files.
expect 0 pie-encode -m tiny decoded.pgm -o by-file.pie
expect 0 pie-decode by-file.pie -o by-file.pgm
expect 0 pie-encode -m tiny <decoded.pgm
same "$out" by-file.pie
expect 0 pie-decode <by-file.pie
same "$out" by-file.pgm
expect 0 bash -c 'cat "$2" | "$1/pie-encode" -q -m tiny - | "$1/pie-decode" -' - "$tools" decoded.pgm
same "$out" by-file.pgm
[ ! -s "$err" ] || fail "messages in a pipe that works"

# Several files on standard output are one valid file.
expect 0 pie-encode -m tiny -c "$testdata/digit-0.png" decoded.pgm
cat digit-0.png.pie by-file.pie | cmp - "$out" || fail "-c is not the files in a row"
cp "$out" two.pie
expect 0 pie-decode -c two.pie
cat decoded.pgm by-file.pgm | cmp - "$out" || fail "-c is not the images in a row"

# What can be read only once is read once, whatever it turns out to be, and by whichever tool.
photo=$testdata/photo-48x32.png
expect 0 pie-encode -q "$photo" -o photo.pie
expect 0 pie-encode -q <(cat "$photo") -o again.pie
same again.pie photo.pie
mkfifo fifo
cat "$photo" >fifo &
expect 0 pie-encode -q -f fifo -o again.pie
same again.pie photo.pie
python3 "$here/images.py" make first.pgm gray 120 90
python3 "$here/images.py" make second.pgm gray 90 120
cat first.pgm second.pgm >both.pgm
for way in stdin substitution; do
  if [ $way = stdin ]; then
    expect 6 pie-encode -f - -o again.pie < <(cat both.pgm)
  else
    expect 6 pie-encode -f <(cat both.pgm) -o again.pie
  fi
  says 'further bytes behind the image'
  expect 0 pie-decode -c again.pie
  same "$out" first.pgm
done
expect 0 pie-encode -q "$photo" --layers 2 -o two-layers.pie
expect 0 pie-encode -q -f --layers 2 <(cat photo.pie) -o again.pie
same again.pie two-layers.pie
expect 0 pie-encode -q --layers 2 -c <photo.pie
same "$out" two-layers.pie
expect 0 pie-decode -c photo.pie
cp "$out" photo.ppm
for option in -c -t -tt -l; do expect 0 pie-decode $option <(cat photo.pie); done
expect 0 pie-decode -c <(cat photo.pie)
same "$out" photo.ppm
expect 0 pie-encode -q -f -m tiny <(cat "$digits") -o again.pie
expect 0 pie-encode -q -m tiny "$digits" -o set.pie
same again.pie set.pie
expect 0 flow-eval -m tiny -m pie-exact-mnist --metrics sharpness "$digits"
cp "$out" by-file.txt
expect 0 flow-eval -m tiny -m pie-exact-mnist --metrics sharpness - <"$digits"
diff <(grep -v '^  load ' by-file.txt) <(grep -v '^  load ' "$out") || fail "two models saw different images"
expect 0 pie-train -q --preset pie-mnist --set conv.hidden=4 --set linear.hidden=8 --set conv.steps=1 --set linear.steps=1 \
  --batch 4 --steps 2 --data <(cat "$digits") -o piped.safetensors
rm -- fifo first.pgm second.pgm both.pgm photo.* two-layers.pie again.pie set.pie by-file.txt piped.safetensors*

# A reader that goes away early ends the tool quietly.
expect 0 pie-encode -q -m tiny "$digits" -o set.pie
status=0
"$tools/pie-decode" -T 1 -c set.pie 2>"$err" | head -c 10 >"$out" || status=${PIPESTATUS[0]}
[ "$status" = 141 ] || fail "exit code $status instead of that of SIGPIPE"
[ ! -s "$err" ] || fail "messages about a closed pipe"
starts_with "$out" P5

# Binary data does not go to a terminal.
if command -v script >/dev/null; then
  expect 2 script -qec "'$tools/pie-encode' -m tiny -c decoded.pgm" /dev/null
  grep -qF 'refusing to write binary data to a terminal' "$out" || fail "no word about the terminal"
  expect 2 script -qec "'$tools/pie-decode' -c by-file.pie" /dev/null
  grep -qF 'refusing to write binary data to a terminal' "$out" || fail "no word about the terminal"
  expect 2 script -qec "'$tools/pie-encode' -c --layers 1 by-file.pie" /dev/null
else
  echo "skipped: no script(1) to fake a terminal with"
fi
folder_has digit-0.png.pie decoded.pgm by-file.pie by-file.pgm two.pie set.pie
# A pipe's own size is what the code is compared with.
expect 0 pie-encode -f -o piped.pie <"$testdata/digit-0.png"
says "($(stat -c %s "$testdata/digit-0.png") => "
