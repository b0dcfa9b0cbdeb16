#!/usr/bin/env bash
# pie-sample: grids, sets, folders, interpolation, and that a seed decides.
. "$(dirname "$0")/helpers.sh"
train tiny
expect 0 pie-sample -m tiny --grid 2x3 -o grid.pgm
starts_with grid.pgm $'P5\n88 59\n255\n'
expect 0 pie-sample -m tiny --grid 2x3 -o -
same "$out" grid.pgm
expect 0 pie-sample -m tiny --grid 2x3 --seed 7 -o other.pgm
differ other.pgm grid.pgm
expect 0 pie-sample -m tiny -n 5 -o five.idx
expect 0 pie-sample -m tiny -n 70 -o seventy.idx
python <<'P'
five, seventy = open("five.idx", "rb").read(), open("seventy.idx", "rb").read()
assert five[16:] == seventy[16:16 + 5 * 784] and len(seventy) == 16 + 70 * 784
P
expect 0 pie-sample -m tiny -n 3 -o folder
[ "$(ls folder)" = $'00000.png\n00001.png\n00002.png' ] || fail "the folder has: $(ls folder)"
expect 0 pie-sample -m tiny --temperature 0 -n 2 -o cold.idx
python <<'P'
cold = open("cold.idx", "rb").read()
assert cold[16:16 + 784] == cold[16 + 784:]
P
expect 0 pie-sample -m tiny --interpolate "$digits[0]" "$testdata/digit-1.png" --steps 5 -o path.idx
expect 0 pie-encode -q -m tiny "$testdata/digit-0.png" "$testdata/digit-1.png" --latents z.npy
expect 0 pie-decode -m tiny --latents z.npy -o ends.idx
python <<'P'
path, ends = open("path.idx", "rb").read()[16:], open("ends.idx", "rb").read()[16:]
assert len(path) == 5 * 784 and len(set(path[784 * k:784 * (k + 1)] for k in range(5))) == 5
difference = max(abs(a - b) for a, b in zip(path[:784] + path[4 * 784:], ends))
assert difference <= 1, difference
P
expect 1 pie-sample -m tiny -o grid.pgm
says 'grid.pgm: exists already: use -f to overwrite'
expect 2 pie-sample -m tiny -o x.jpg
says 'unknown suffix'
expect 2 pie-sample -m tiny --grid 0x3 -o x.png
expect 2 pie-sample -m tiny --interpolate "$digits" "$testdata/digit-1.png" -o x.png
says 'takes two images'
expect 4 pie-sample -m none -o x.png
