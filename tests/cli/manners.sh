#!/usr/bin/env bash
# What other compressors' users expect: inputs removed when all of them is safe, names from lists, other
# suffixes, and an answer to SIGUSR1.
. "$(dirname "$0")/helpers.sh"
export PIE_MODEL_PATH=$here/../../models
cp "$testdata"/digit-0.png "$testdata"/digit-1.png "$testdata"/photo-48x32.png .

# Inputs go when their code files are there and decode, and not before.
cp digit-0.png a.png
cp photo-48x32.png b.png
expect 0 pie-encode --rm a.png b.png
folder_has a.png.pie b.png.pie digit-0.png digit-1.png photo-48x32.png
expect 0 pie-decode --rm a.png.pie b.png.pie
folder_has a.png b.png digit-0.png digit-1.png photo-48x32.png
mkdir set
mv a.png b.png set
expect 0 pie-encode --rm -r set -o set.pie
[ -z "$(ls set)" ] || fail "left $(ls set)"
expect 0 pie-decode --rm set.pie -O set
[ "$(ls set)" = $'a.png\nb.png' ] && [ ! -e set.pie ] || fail "there are: $(ls set)"
rm -r set
# What would be lost, or is better kept, stays.
printf 'P5 1 1 255\n0' >dot.pgm
expect 0 pie-encode --rm dot.pgm
says 'dot.pgm: is not removed: its code file is larger'
[ -e dot.pgm ] || fail "a smaller input was removed"
expect 0 pie-encode photo-48x32.png
expect 0 pie-decode --rm photo-48x32.png.pie -o x.ppm
expect 0 pie-encode -f digit-0.png
for options in '--layers 1 digit-0.png' '-c digit-0.png' '--strip digit-0.png' '-m pie-mnist digit-0.png'; do
  expect 2 pie-encode -f --rm $options
done
for options in '--layers 1' '-c' '-t' '-tt' '-l' '--select 0' '--allow-partial'; do
  expect 2 pie-decode -f --rm $options digit-0.png.pie
done
expect 2 pie-encode --rm - <digit-0.png
expect 0 pie-decode --rm digit-0.png.pie -o /dev/null
expect 0 pie-encode --rm digit-0.png -o /dev/null
# Neither a file that is called as stdin is, nor a link, nor names that an IDX file has no room for.
echo precious >./-
expect 0 pie-encode --rm -o in.pie - <digit-0.png
expect 0 pie-decode --rm -o in.png - <in.pie
[ -e ./- ] || fail "a file called - was removed"
ln -s digit-0.png link.png
expect 0 pie-encode --rm link.png
[ -e link.png ] || fail "a link was removed"
expect 0 pie-encode digit-0.png digit-1.png -o named.pie
expect 0 pie-decode --rm named.pie -o named.idx
[ -e named.pie ] || fail "names were removed"
expect 2 pie-encode --rm -f -o - digit-0.png
expect 2 pie-encode -f -S .png digit-0.png
rm ./- in.* link.png* named.*
# CIFAR files keep their labels, and names that ask for gzip get it.
python3 - <<'P'
import random
random.seed(1)
record = lambda label: bytes([label]) + bytes(random.randrange(60, 70) for _ in range(3072))
open("labelled.bin", "wb").write(b"".join(record(label) for label in (3, 9, 0)))
P
cp labelled.bin before.bin
expect 0 pie-encode --rm labelled.bin
[ ! -e labelled.bin ] || fail "a CIFAR file was not removed: $(cat "$err")"
expect 0 pie-decode -l labelled.bin.pie
prints 'metadata	laBl of 3 images'
expect 0 pie-decode labelled.bin.pie -o set.idx
expect 0 pie-decode labelled.bin.pie -o set.idx.gz
gzip -dc set.idx.gz | cmp - set.idx || fail "another set in gzip"
expect 0 pie-encode set.idx -o set.pie
expect 2 pie-decode set.pie -o set.bin
says 'holds no labels'
expect 0 pie-encode --strip before.bin -o set.pie -f
expect 2 pie-decode set.pie -o set.bin
expect 0 pie-decode --rm labelled.bin.pie
same labelled.bin before.bin
[ ! -e labelled.bin.pie ] || fail "a code file was not removed"
[ ! -e set.bin ] || fail "a file that could not be written is there"
rm labelled.bin before.bin set.*
[ -e digit-0.png ] && [ -e digit-0.png.pie ] || fail "removed by a refused command"
# One that was not coded stays, beside one that was.
head -c 100 digit-1.png >cut.png
cp digit-1.png whole.png
expect 3 pie-encode --rm cut.png whole.png
[ -e cut.png ] && [ ! -e whole.png ] || fail "the wrong one was removed"
rm -f ./*.pie ./*.pgm ./*.ppm cut.png

# Names from lists, with spaces, brackets and line ends.
cp digit-0.png 'a b[1].png'
cp digit-1.png $'line\nend.png'
printf 'a b[1].png\n\ndigit-1.png' >list
expect 0 pie-encode --filelist list
[ -e 'a b[1].png.pie' ] && [ -e digit-1.png.pie ] || fail "not encoded: $(ls)"
expect 0 pie-encode --files0 <(printf '%s\0' $'line\nend.png' digit-0.png) photo-48x32.png
expect 0 pie-decode -t --filelist - < <(printf '%s\n' ./*-*.png.pie)
expect 0 pie-decode -O out --files0 <(find . -name '*.pie' -print0)
[ "$(find out -type f -printf x)" = xxxxx ] || fail "decoded: $(ls out)"
: >empty
expect 0 pie-encode --filelist empty
echo digit-1.png.pie >list-of-codes
expect 0 pie-decode -t --filelist list-of-codes --filelist list-of-codes --files0 empty
expect 2 pie-decode -t --filelist - --files0 - <empty
says 'standard input cannot be read twice'
expect 2 pie-encode -S '' digit-0.png
expect 0 pie-decode --files0 empty
expect 1 pie-encode --filelist missing
expect 2 pie-encode --filelist <(printf 'digit-0.png\0digit-1.png\0')
expect 1 pie-encode --filelist <(echo missing.png)
rm -r ./*.pie out

# Other suffixes.
expect 0 pie-encode -S .code digit-0.png
expect 0 pie-encode --suffix x digit-1.png
folder=$PWD
mkdir codes
mv digit-0.png.code digit-1.png.x codes
expect 0 pie-decode -r -S code codes -O out
[ "$(ls out)" = digit-0.png ] || fail "decoded $(ls out)"
expect 0 pie-decode -S x codes/digit-1.png.x -o again.png
expect 2 pie-encode -S a/b digit-0.png
expect 2 pie-encode -S '' digit-0.png

# SIGUSR1 asks how far a job is, and ends nothing.
{ printf 'P6\n1200 1200\n255\n'; head -c 4320000 /dev/urandom; } >large.ppm # takes seconds
"$tools/pie-encode" -T 1 --coder model large.ppm -o large.pie 2>"$err" &
process=$!
until ls -A | grep -q '^\.pie-'; do # it works
  kill -0 $process || fail "ended early"
  sleep 0.02
done
while kill -USR1 $process 2>/dev/null; do sleep 0.1; done
wait $process || fail "ended by SIGUSR1"
grep -q '^pie-encode: large.ppm: [0-9]* %, 0:00:[0-9]* left$' "$err" || fail "no answer"
expect 0 pie-decode -t large.pie
