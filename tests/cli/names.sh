#!/usr/bin/env bash
# Names of outputs, overwriting, -o, -O and -c.
. "$(dirname "$0")/helpers.sh"
train tiny
png=$(printf '\x89PNG')

# Default names: ".pie" is appended; ".png" or ".idx" where the rest is no format to write.
cp "$testdata/digit-0.png" x.png
cp "$testdata/digit-1.png" photo.jpg
cp "$testdata/digit-2.png" 'with space'
cp "$digits" set.gz
expect 0 pie-encode -m tiny x.png photo.jpg 'with space' set.gz
folder_has x.png photo.jpg 'with space' set.gz x.png.pie photo.jpg.pie 'with space.pie' set.gz.pie
rm x.png set.gz
expect 0 pie-decode x.png.pie photo.jpg.pie 'with space.pie' set.gz.pie
folder_has x.png photo.jpg photo.jpg.png 'with space' 'with space.png' set.gz \
  x.png.pie photo.jpg.pie 'with space.pie' set.gz.pie
for name in x.png photo.jpg.png 'with space.png'; do starts_with "$name" "$png"; done
[ "$(gzip -dc set.gz | wc -c)" = 78416 ] || fail "set.gz is not an IDX file of 100 digits"
rm -f -- *

# Nothing is overwritten without -f, and never the input.
cp "$testdata/digit-0.png" x.png
echo old >x.png.pie
expect 1 pie-encode -m tiny x.png
says 'x.png.pie: exists already: use -f to overwrite'
[ "$(cat x.png.pie)" = old ] || fail "x.png.pie was overwritten"
expect 0 pie-encode -f -m tiny x.png
starts_with x.png.pie "$(printf '\x89PIE')"
expect 1 pie-decode x.png.pie
says 'x.png: exists already: use -f to overwrite'
same x.png "$testdata/digit-0.png"
expect 2 pie-encode -f -m tiny x.png -o x.png
says 'is an input of this command'
expect 2 pie-decode -f x.png.pie -o x.png.pie
says 'is an input of this command'
expect 2 pie-encode -f --layers 1 x.png.pie
# Nor any other input, the model or a configuration, by whatever name; nor one output by another.
expect 0 pie-train --preset pie-mnist --steps 1 --batch 2 --set conv.hidden=8 --data "$digits" -o own.safetensors
cp "$testdata/digit-1.png" second.png
ln -s second.png alias.png
ln own.safetensors hard.safetensors
cp "$here/../../models/pie-mnist.json" config.json
cp "$digits" data.gz
mkdir kept
find . -maxdepth 1 -type f -exec cp {} kept \;
for output in second.png alias.png own.safetensors hard.safetensors; do
  expect 2 pie-encode -f -m ./own.safetensors x.png second.png -o $output
  says 'is an input of this command'
  expect 2 pie-encode -f -m ./own.safetensors x.png second.png --latents $output
done
for option in '-o data.gz' '-o config.json' '-o x.safetensors --log data.gz' '-o x.safetensors --log config.json'; do
  # shellcheck disable=SC2086
  expect 2 pie-train -f --config config.json --steps 1 --data data.gz $option
  says 'is an input of this command'
done
expect 2 flow-eval -f --images x.png --csv x.png
# Nor what is in a folder, in a list, beside the data, or found by its name.
mkdir in
cp x.png second.png in
printf 'x.png\nsecond.png\n' >list
cp "$testdata/digits-images-idx3-ubyte.gz" "$testdata/digits-labels-idx1-ubyte.gz" in
cp own.safetensors "$scratch/models"
find in list -type f -exec cp --parents {} kept \;
# refused COMMAND...: it would replace what it has read
refused() {
  expect 2 "$@"
  says 'is an input of this command'
}
small="--preset pie-mnist --steps 1 --batch 2 --set conv.hidden=8"
refused pie-encode -f -m ./own.safetensors in/x.png in/second.png -o in/x.png
refused pie-encode -f -m ./own.safetensors in/x.png --latents in/x.png
refused pie-encode -f -r -m ./own.safetensors in --latents in/x.png -O out
refused pie-encode -f --filelist list -o list
refused pie-encode -f -m own x.png -o "$scratch/models/own.safetensors"
# shellcheck disable=SC2086
{
  refused pie-train $small --data in/x.png in/second.png -o new.safetensors --log in/x.png
  refused pie-train $small -f --data in/digits-images-idx3-ubyte.gz -o in/digits-images-idx3-ubyte.gz
  refused pie-train $small -f --data x.png -o "$scratch/models/own.safetensors" --init own
}
refused pie-sample -f -m own --interpolate x.png second.png -o x.png
cp own.safetensors own.idx
refused pie-sample -f -m ./own.idx -o own.idx -n 2
refused flow-eval -f -m ./own.safetensors --metrics likelihood x.png --csv own.safetensors
rm -rf new.safetensors* out own.idx
for file in $(cd kept && find in list -type f); do same "kept/$file" "$file"; done
rm -rf kept/in kept/list in list
for file in kept/*; do same "$file" "$(basename "$file")"; done
cp x.png.pie x.pie
expect 2 pie-decode -f x.png.pie ./x.pie
says 'is the output of' 'already'
rm -rf kept alias.png second.png ./*.safetensors* config.json data.gz x.pie
folder_has x.png x.png.pie
echo old >x.png
expect 0 pie-decode -f x.png.pie
starts_with x.png "$png"

# Permissions and times are those of the input; what other tools replace keeps its own.
cp "$testdata/digit-2.png" secret.png
chmod 600 secret.png
touch -d '2001-02-03 04:05:06' secret.png
expect 0 pie-encode -m tiny secret.png
expect 0 pie-decode -f secret.png.pie -o back.png
expect 0 pie-encode --layers 1 secret.png.pie -o cut.pie
for file in secret.png.pie back.png cut.pie; do
  [ "$(stat -c '%a %Y' $file)" = "$(stat -c '%a %Y' secret.png)" ] || fail "$file: other mode or time"
done
echo old >drawn.png
chmod 640 drawn.png
expect 0 pie-sample -f -m tiny -n 1 -o drawn.png
[ "$(stat -c %a drawn.png)" = 640 ] || fail "drawn.png lost its mode"
# What holds something of a file is for those only who may read the file.
cp "$testdata/digit-1.png" open.png
chmod 644 open.png
expect 0 pie-encode -m tiny open.png secret.png -o both.pie
expect 0 pie-encode -m tiny open.png secret.png --latents both.npy
expect 0 pie-encode -m tiny secret.png -o secret.pie
expect 0 pie-decode both.pie -O back --format png
for file in both.pie both.npy; do
  [ "$(stat -c %a $file)" = 600 ] || fail "$file: others may read it"
done
for file in open.png secret.png; do
  [ "$(stat -c %a back/$file)" = "$(stat -c %a $file)" ] || fail "back/$file: another mode"
done
rm -rf secret.* open.png both.* back back.png cut.pie drawn.png

# A link is followed, not replaced.
echo old >target.png
ln -s target.png link.png
expect 0 pie-decode -f x.png.pie -o link.png
[ -L link.png ] || fail "the link was replaced"
same target.png x.png
rm -f link.png target.png

# -o and -c write the same bytes; -O keeps the names.
expect 0 pie-encode -m tiny "$testdata/digit-0.png" -o y.pie
same y.pie x.png.pie
expect 0 pie-encode -m tiny "$testdata/digit-0.png" -c
same "$out" y.pie
expect 0 pie-encode -m tiny "$testdata/digit-0.png" "$testdata/digit-1.png" -O codes
same codes/digit-0.png.pie y.pie
expect 0 pie-decode -O images codes/*.pie
same images/digit-0.png x.png
[ "$(ls images)" = $'digit-0.png\ndigit-1.png' ] || fail "-O made other files"
folder_has x.png x.png.pie y.pie codes images

# Folders, with -r those in them; a name that looks like an option.
mkdir -p tree/deep
cp "$testdata/digit-0.png" tree
cp "$testdata/digit-1.png" tree/deep
cp x.png -- -v.png
expect 0 pie-encode -m tiny -- -v.png tree
[ -e -v.png.pie ] && [ ! -e tree/deep/digit-1.png.pie ] || fail "went into a folder without -r"
expect 0 pie-encode -f -r -m tiny tree
same tree/digit-0.png.pie y.pie
[ -e tree/deep/digit-1.png.pie ] || fail "-r left a folder out"

# What cannot be read there is named, and the exit code says so.
ln -s nowhere tree/dangling.png
mkfifo tree/deep/pipe.png
expect 6 pie-encode -f -r -m tiny tree
says 'tree/dangling.png: warning: a symbolic link to nothing; passed over' 'tree/deep/pipe.png: warning: neither a file nor a folder; passed over'
rm tree/dangling.png tree/deep/pipe.png

# Folders below a folder stay; two inputs never share an output, even with -f.
mkdir -p tree/a tree/b
cp "$testdata/digit-0.png" tree/a/x.png
cp "$testdata/digit-1.png" tree/b/x.png
expect 0 pie-encode -m tiny -r tree -O packed
expect 0 pie-decode packed/a/x.png.pie -o a.png
expect 0 pie-decode packed/b/x.png.pie -o b.png
differ a.png b.png
expect 2 pie-encode -f -m tiny tree/a/x.png tree/b/x.png -O flat
says 'flat/x.png.pie: is the output of tree/a/x.png already'
expect 2 pie-decode -f packed/a/x.png.pie packed/b/x.png.pie -O flat
says 'flat/x.png: is the output of packed/a/x.png.pie already'
expect 2 pie-encode -f --layers 1 packed/a/x.png.pie packed/b/x.png.pie -O cut
says 'cut/x.png.pie: is the output of packed/a/x.png.pie already'
mkdir tree/c
cp packed/a/x.png.pie tree/c/x.png.pie
expect 2 pie-encode -f -m tiny --layers 1 tree/c/x.png.pie tree/b/x.png -O mixed
says 'mixed/x.png.pie: is the output of tree/c/x.png.pie already'

# What went in by -r comes out by -r, in the same folders.
mkdir -p photos/a/b
cp "$testdata/digit-0.png" photos/one.png
cp "$testdata/digit-1.png" photos/a/b/two.png
expect 0 pie-encode -r -m tiny photos -O codes2
says 'photos/one.png: ' ' => ' ' bits/dim, pie-mnist; the input was smaller: keep that' '2 files: '
expect 2 pie-decode codes2 -O back2
says 'codes2: is a folder; with -r'
expect 0 pie-decode -v -r codes2 -O back2
says 'codes2/a/b/two.png.pie: 1 image(s) -> back2/a/b/two.png'
[ "$(cd back2 && find . -type f | LC_ALL=C sort)" = $'./a/b/two.png\n./one.png' ] || fail "other folders came out"
expect 0 pie-decode -t -r codes2
mkdir nothing
expect 1 pie-decode -r nothing -O back3
says 'nothing: no code files in this folder'
