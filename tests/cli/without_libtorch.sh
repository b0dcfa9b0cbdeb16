#!/usr/bin/env bash
# What needs no model works where LibTorch cannot even be loaded, so it does not wait for it either.
. "$(dirname "$0")/helpers.sh"
train tiny
expect 0 pie-encode -m tiny "$testdata/digit-0.png" -o x.pie
expect 0 pie-encode --layers 2 x.pie -o two.pie

# The tools with the format library, and an engine that is no library.
mkdir bin
cp -L "$tools"/{pie-train,pie-encode,pie-decode,pie-sample,flow-eval} "$tools"/libpie_format.so.? bin
echo broken >bin/libpie_engine.so
tools=$PWD/bin
export LD_LIBRARY_PATH=$tools${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
for tool in pie-train pie-encode pie-decode pie-sample flow-eval; do
  expect 0 "$tools/$tool" --help
  starts_with "$out" Examples:
  [ ! -s "$err" ] || fail "$tool --help writes to standard error"
  expect 0 "$tools/$tool" --version
  grep -q "^$tool [0-9][0-9.]* (git .*), built with LibTorch [0-9]" "$out" ||
    fail "$tool --version says: $(cat "$out")"
  expect 0 "$tools/$tool" -h
  expect 2 "$tools/$tool" --no-such-option
done
expect 0 pie-decode -l x.pie
expect 0 pie-decode -t x.pie two.pie
expect 0 pie-decode --breakpoints x.pie
expect 0 pie-encode --layers 2 x.pie -o cut.pie
same cut.pie two.pie
expect 0 flow-eval --images "$testdata/digit-0.png"

expect 1 pie-encode -m tiny "$testdata/digit-0.png" -o y.pie
says 'cannot load the engine' 'tools/install-deps.sh'
expect 1 pie-decode x.pie -o x.png
expect 1 "$tools/pie-decode" --version -v
