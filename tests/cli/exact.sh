#!/usr/bin/env bash
# Exact PIEs through the tools: training on worn photographs, lossless codes whose bytes do not
# depend on threads or kernels, previews, and what is refused.
. "$(dirname "$0")/helpers.sh"
export PIE_MODEL_PATH=$scratch/models
mkdir "$PIE_MODEL_PATH"
photo=$testdata/photo-48x32.png
tiny=(--preset pie-photo --set input.height=32 --set input.width=32 --set components=2 --batch 4
  --set 'networks=[{"hidden":8,"first_blocks":1,"phase_blocks":0}]' --lr 0.01 --precision f32)

# Stopped and resumed: the same weights as in one go, augmentations and all.
expect 0 pie-train "${tiny[@]}" --data "$photo" --steps 60 -o "$PIE_MODEL_PATH/exact.safetensors"
expect 0 pie-train "${tiny[@]}" --data "$photo" --steps 60 --stop-at 23 -o parts.safetensors
expect 0 pie-train --resume parts.safetensors.state --precision f32 --data "$photo" -o parts.safetensors
expect 0 pie-encode --coder model -m exact "$photo" -o photo.pie
expect 0 pie-encode --coder model -m ./parts.safetensors "$photo" -o parts.pie
same photo.pie parts.pie
expect 0 pie-decode photo.pie -o photo.ppm
expect 0 pie-encode --coder model -m exact photo.ppm -o again.pie
same photo.pie again.pie

# Any size, in gray and colours, and the same bytes with every kernel and number of threads.
kernels='amx avx2 vnni portable'
for size in '1 1' '1 9' '7 1' '33 31' '70 130'; do
  for kind in P5 P6; do
    python $size $kind <<'P'
import random, sys
w, h, kind = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
random.seed(w)
n = w * h * (3 if kind == "P6" else 1)
colours = random.choice([3, 40, 256])
pixels = bytes(random.randrange(colours) for _ in range(n))
open("odd.pnm", "wb").write(b"%s\n%d %d\n255\n" % (kind.encode(), w, h) + pixels)
P
    expect 0 pie-encode -f --coder model -m exact odd.pnm
    expect 0 pie-decode -f odd.pnm.pie -o again.pnm
    same odd.pnm again.pnm
    for kernel in $kernels; do
      # Not every machine has each.
      PIE_KERNEL=$kernel "$tools/pie-encode" -f -T 2 --coder model -m exact odd.pnm -o there.pie 2>/dev/null ||
        continue
      same odd.pnm.pie there.pie
      expect 0 env PIE_KERNEL=$kernel "$tools/pie-decode" -f -T 1 there.pie -o again.pnm
      same odd.pnm again.pnm
    done
  done
done
expect 2 env PIE_KERNEL=none "$tools/pie-encode" -f --coder model -m exact odd.pnm -o there.pie
says "there is no kernel 'none'" portable

# Layers are images of increasing resolution.
expect 0 pie-decode --breakpoints photo.pie
for k in 1 2 3 4; do
  expect 0 pie-decode --layers $k photo.pie -o preview-$k.ppm
  expect 0 pie-encode --coder model -m exact --layers $k "$photo" -o layers-$k.pie
  expect 0 pie-encode --layers $k photo.pie -o cut-$k.pie
  same layers-$k.pie cut-$k.pie
  expect 0 pie-decode layers-$k.pie -o layers.ppm
  same layers.ppm preview-$k.ppm
  rm layers.ppm
done
differ preview-1.ppm preview-4.ppm

# A model that is not the file's.
expect 0 pie-train "${tiny[@]}" --data "$photo" --steps 5 -o other.safetensors
expect 4 pie-decode -m ./other.safetensors photo.pie -o x.ppm
