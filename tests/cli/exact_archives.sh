#!/usr/bin/env bash
# Exact PIEs of images of one size, and archives of these: training, lossless codes whose bytes do not
# depend on threads, grouping or machine, prefixes, reports, and what is refused.
. "$(dirname "$0")/helpers.sh"
export PIE_MODEL_PATH=$scratch/models
mkdir "$PIE_MODEL_PATH"
tiny=(--preset pie-exact-mnist --set 'networks=[{"hidden":8,"first_blocks":0,"phase_blocks":0}]' --batch 8 --lr 0.02
  --precision f32)

# Stopped and resumed: the same bytes as in one go.
expect 0 pie-train "${tiny[@]}" --data "$digits" --val "$digits[:5]" --steps 150 \
  --log log.jsonl --set train.validate_every=50 -o "$PIE_MODEL_PATH/int.safetensors"
expect 0 pie-train "${tiny[@]}" --data "$digits" --steps 150 --stop-at 71 -o parts.safetensors
expect 0 pie-train --resume parts.safetensors.state --precision f32 --data "$digits" -o parts.safetensors
expect 0 pie-encode --coder model -m parts.safetensors "$digits" -o parts.pie
expect 0 pie-encode --coder model -m int "$digits" -o set.pie
same parts.pie set.pie
python log.jsonl <<'P'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
bits = [line["val_bits_per_dim"] for line in lines if "val_bits_per_dim" in line]
assert len(bits) == 3 and bits[2] < bits[0] < 8, bits
P

# Lossless, by default and when asked for.
expect 0 pie-encode --coder model -m int --lossless "$digits" -o lossless.pie
same set.pie lossless.pie
expect 0 pie-decode set.pie -o set.idx
gzip -dc "$digits" | cmp - set.idx || fail "pixels differ"
expect 0 pie-decode -tt set.pie
expect 0 pie-decode -l set.pie
grep -q 'lossless' "$out" || fail "-l does not say lossless"

# The same bytes and the same pixels, prefixes too, whatever the threads and the machine.
for k in 1 2; do expect 0 pie-decode --layers $k set.pie -o prefix-$k.idx; done
for setting in X=1 OPENBLAS_CORETYPE=Nehalem OPENBLAS_CORETYPE=Haswell \
               ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41; do
  expect 0 env "$setting" "$tools/pie-encode" -f -T 2 --coder model -m int "$digits" -o there.pie
  same set.pie there.pie
  expect 0 env "$setting" "$tools/pie-decode" -f -T 2 set.pie -o there.idx
  same set.idx there.idx
  for k in 1 2; do
    expect 0 env "$setting" "$tools/pie-decode" -f -T 2 --layers $k set.pie -o there.idx
    same prefix-$k.idx there.idx
  done
done

# One image alone, a selection, and sizes that are not the model's.
expect 0 pie-encode --coder model -m int "$testdata/digit-1.png" -o one.pie
expect 0 pie-decode one.pie -o one.pgm
expect 0 pie-decode --select 1 set.pie -o same.pgm
same one.pgm same.pgm
for size in '1 1' '7 1' '33 31'; do
  python $size <<'P'
import random, sys
w, h = map(int, sys.argv[1:])
random.seed(w)
open("odd.pgm", "wb").write(b"P5\n%d %d\n255\n" % (w, h) + bytes(random.randrange(256) for _ in range(w * h)))
P
  expect 0 pie-encode -f --coder model -m int odd.pgm
  expect 0 pie-decode -f odd.pgm.pie -o again.pgm
  same odd.pgm again.pgm
done

# Prefixes: cut at each breakpoint, or by --layers.
expect 0 pie-decode --breakpoints set.pie
[ "$(cut -f 1 "$out" | tr '\n' ' ')" = 'z r_3 r_2 r_1 ' ] || fail "other layers: $(cat "$out")"
end=$(sed -n 2p "$out" | cut -f 2)
head -c "$end" set.pie >cut.pie
expect 3 pie-decode cut.pie -o x.idx
expect 6 pie-decode --allow-partial cut.pie -o partial.idx
same partial.idx prefix-2.idx
expect 0 pie-encode --layers 2 set.pie -o shorter.pie
expect 0 pie-encode --coder model -m int --layers 2 "$digits" -o encoded.pie
same shorter.pie encoded.pie
expect 0 pie-decode shorter.pie -o shorter.idx
same shorter.idx prefix-2.idx

# A flip is damage.
python <<'P'
data = bytearray(open("set.pie", "rb").read())
data[-7] ^= 4
open("flipped.pie", "wb").write(data)
P
expect 3 pie-decode flipped.pie -o x.idx
[ ! -e x.idx ] || fail "wrote what it could not decode"

# The reported likelihood is the length of the code.
expect 0 flow-eval -m int --samples 4 --json "$digits"
python "$out" set.pie <<'P'
import json, os, sys
r = json.load(open(sys.argv[1]))
likelihood, code = r["likelihood"]["bits_per_dim"], r["code"]
assert r["model"]["arch"] == "pie-exact" and code["lossless"]
assert code["file_bytes"] == os.path.getsize(sys.argv[2])
assert abs(code["ideal_bits_per_dim"] - likelihood) < 1e-4 * likelihood, (code, likelihood)
# Coded by the model and not by zstd, or the comparisons above would show little.
for layer in code["layers"]:
    assert layer["plain_blocks"] == 0, layer
    assert layer["ideal_bytes"] - 1 < layer["payload_bytes"] < 1.01 * layer["ideal_bytes"] + 8, layer
parts = r["likelihood"]["parts_bits_per_dim"]
assert abs(sum(parts["r"]) + parts["z"] - likelihood) < 1e-4
assert code["layers"][-1]["psnr_db"] is None  # infinite
P

# Latents are coarse samples.
expect 0 pie-encode --coder model -m int "$digits" --latents z.npy
expect 0 pie-decode -m int --latents z.npy -o z.idx
same z.idx prefix-1.idx

# Refusals.
expect 2 pie-encode --coder model -m int --step 0.1 "$digits" -o x.pie
says '--step is of real-valued models'
expect 2 pie-sample -m int --temperature 0.5 -o x.png
expect 0 pie-sample -m int --residual-temperature 1 -n 4 -o x.png
expect 2 pie-train "${tiny[@]}" --set 'networks=[{"hidden":0,"first_blocks":0,"phase_blocks":0}]' --data "$digits" --steps 1 -o y.safetensors
says "'networks.0.hidden'"
