#!/usr/bin/env bash
# Finding models; models that are missing, others or damaged.
. "$(dirname "$0")/helpers.sh"
train one
train two --seed 1
mkdir empty
# Without -m: a model for any image.
expect 0 pie-encode "$testdata/digit-0.png" -o x.pie
expect 0 pie-encode --coder model -m pie-photo "$testdata/digit-0.png" -o same.pie
same x.pie same.pie
rm x.pie same.pie
expect 4 pie-encode -m three "$testdata/digit-0.png" -o x.pie
says 'three: no such model' 'one, ' "$PIE_MODEL_PATH"
expect 0 pie-encode -m one "$testdata/digit-0.png" -o x.pie
expect 0 pie-encode -m "$scratch/models/one.safetensors" "$testdata/digit-0.png" -o path.pie
same x.pie path.pie

# By fingerprint, whatever the file is called and whatever lies beside it.
mkdir store
cp "$scratch/models/one.safetensors" store/z.safetensors
cp "$scratch/models/two.safetensors" store/b.safetensors
head -c 5000 store/z.safetensors >store/a.safetensors
echo junk >store/junk.safetensors
expect 0 pie-decode x.pie -o by-name.png
expect 0 env PIE_MODEL_PATH="$PWD/empty:$PWD/store" "$tools/pie-decode" -T 1 x.pie -o found.png
same by-name.png found.png
fingerprint=$(pie-decode -l --json x.pie | sed -n 's/.*"fingerprint": "\(.*\)".*/\1/p')
expect 4 env PIE_MODEL_PATH="$PWD/empty" "$tools/pie-decode" x.pie -o x.png
says "x.pie: needs the model with fingerprint $fingerprint" "$PWD/empty" PIE_MODEL_PATH
expect 4 pie-decode -m two x.pie -o x.png
says "x.pie: was made by the model with fingerprint $fingerprint, not by"
[ ! -e x.png ] || fail "wrote an image with the wrong model"

# Fifty seeded flips in a model, spread over its header and its weights (the unit tests do more): an
# error, or the same code as before.
python "$scratch/models/one.safetensors" <<'P'
import random, struct, sys
random.seed(2)
data = open(sys.argv[1], "rb").read()
header = 8 + struct.unpack("<Q", data[:8])[0]
for i in range(50):
    flipped = bytearray(data)
    at = (i, random.randrange(8, header), random.randrange(header, len(data)))[i % 3]
    flipped[at] ^= 1 << random.randrange(8)
    open(f"flip-{i}.safetensors", "wb").write(flipped)
open("cut.safetensors", "wb").write(data[:-1])
P
for i in $(seq 0 49); do
  status=0
  pie-encode -f -q -m ./flip-$i.safetensors "$testdata/digit-0.png" -o y.pie 2>"$err" || status=$?
  case $status in
    3 | 4 | 5) [ -s "$err" ] && [ ! -e y.pie ] || fail "flip $i: no message, or a file" ;;
    0) same x.pie y.pie && rm y.pie ;;
    *) fail "flip $i: exit code $status" ;;
  esac
done
expect 3 pie-encode -m ./cut.safetensors "$testdata/digit-0.png" -o y.pie
