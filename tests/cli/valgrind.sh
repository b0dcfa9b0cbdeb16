#!/usr/bin/env bash
# The commands that need no LibTorch under valgrind: no use of memory that is not theirs, or that nobody has
# written, and none lost, whether the file is whole, cut, or something else.
. "$(dirname "$0")/helpers.sh"
under=(valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite '--soname-synonyms=somalloc=*')
code=$testdata/golden/pie-photo.pie

expect 0 "${under[@]}" "$tools/pie-decode" -t "$code"
expect 0 "${under[@]}" "$tools/pie-decode" -l --json "$testdata"/golden/*.pie
expect 0 "${under[@]}" "$tools/pie-decode" --breakpoints "$code"
expect 0 "${under[@]}" "$tools/pie-encode" --layers 2 "$code" -o two.pie
expect 0 "${under[@]}" "$tools/pie-decode" -t two.pie
expect 0 "${under[@]}" "$tools/flow-eval" --images "$testdata/photo-48x32.png" --json
expect 2 "${under[@]}" "$tools/pie-encode" --no-such-option
for tool in pie-train pie-encode pie-decode pie-sample flow-eval; do
  expect 0 "${under[@]}" "$tools/$tool" --help
  expect 0 "${under[@]}" "$tools/$tool" --completion bash
done

size=$(wc -c <"$code")
for at in 3 20 $((size / 2)) $((size - 1)); do
  head -c "$at" "$code" >cut.pie
  expect 3 "${under[@]}" "$tools/pie-decode" -t cut.pie
  cp "$code" flipped.pie
  printf '\xff' | dd of=flipped.pie bs=1 seek="$at" conv=notrunc status=none
  cmp -s "$code" flipped.pie || expect 3 "${under[@]}" "$tools/pie-decode" -t flipped.pie
done
expect 3 "${under[@]}" "$tools/pie-decode" -t "$testdata/digit-0.png"
