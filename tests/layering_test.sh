#!/bin/sh
# Rules of the tree that need no compiler: what may include what, by the table in lib/README.md; where
# LibTorch and the names of flags may stand; names that must be unique; tests that must be listed.
# Usage: layering_test.sh ROOT
set -eu
cd "${1:?usage: layering_test.sh ROOT}"
failures=$(mktemp)
trap 'rm -f "$failures"' EXIT

# "folder|may include|LibTorch" of each row, such as "nets| base numerics |yes".
table=$(sed -n 's/^| `\([a-z_]*\)` |\([^|]*\)| *\(yes\|no\) *|.*/\1|\2|\3/p' lib/README.md | tr -d '`')
if [ -z "$table" ]; then
  echo "lib/README.md has no table of folders"
  exit 1
fi

# includes FILE...: each #include as "file:line|what is included".
includes() {
  grep -HnE '^ *# *include' "$@" 2> /dev/null |
    sed -n 's/^\([^:]*:[0-9]*\):.*include *[<"]\([^>"]*\)[>"].*/\1|\2/p'
}

# check_includes WHO ALLOWED TORCH FILE...: WHO may include the folders ALLOWED of lib/, and LibTorch if
# TORCH is "yes".
check_includes() {
  who=$1 allowed=$2 torch=$3
  shift 3
  includes "$@" | while IFS='|' read -r place included; do
    case $included in
      lib/*/*)
        target=$(printf '%s' "$included" | cut -d / -f 2)
        case " $allowed " in
          *" $target "*) ;;
          *) echo "$place: $who must not include $target" ;;
        esac
        [ -f "$included" ] || [ -f "$included.in" ] || echo "$place: there is no $included"
        ;;
      torch/* | ATen/* | c10/*)
        [ "$torch" = yes ] || echo "$place: $who must do without LibTorch"
        ;;
      ../* | ./*) echo "$place: includes are written from the root of the tree" ;;
    esac
  done
}

for path in lib/*/; do
  folder=$(basename "$path")
  row=$(printf '%s\n' "$table" | grep "^$folder|") || {
    echo "$path is missing from the table in lib/README.md"
    continue
  }
  allowed=$(printf '%s' "$row" | cut -d '|' -f 2)
  torch=$(printf '%s' "$row" | cut -d '|' -f 3)
  check_includes "$folder" "$folder $allowed" "$torch" \
    "$path"*.h "$path"*.cc "$path"*.h.in "$path"*.inc
  includes "$path"* | grep '|\(tools\|tests\)/' | sed 's/|/: lib must not include /'
  for target in $allowed; do
    includes "$path"* | grep -q "|lib/$target/" ||
      echo "lib/README.md: $folder may include $target, and never does"
  done
done >> "$failures"

printf '%s\n' "$table" | while IFS='|' read -r folder _; do
  [ -d "lib/$folder" ] || echo "lib/README.md lists $folder, which does not exist"
done >> "$failures"

# What is said about a folder must not loop: each may include only folders listed above it.
printf '%s\n' "$table" | awk -F '|' '{
  n = split($2, targets, " ")
  for (i = 1; i <= n; ++i)
    if (!(targets[i] in seen)) print "lib/README.md: " $1 " includes " targets[i] ", which is not below it"
  seen[$1] = 1
}' >> "$failures"

# The halves of the tools that start without LibTorch.
light=$(printf '%s\n' "$table" | awk -F '|' '$3 == "no" { printf "%s ", $1 }')
check_includes "a tool's first half" "$light" no \
  tools/*.h tools/*.cc tools/common/*.h tools/common/*.cc >> "$failures"

# Flags, such as "-f" and "--layers", belong to the tools; the library says what it wants in words.
find lib -name '*.h' -o -name '*.cc' | xargs awk '
  /^ *(\/\/|#)/ { next }
  {
    rest = $0
    while (match(rest, /"([^"\\]|\\.)*"/)) {
      literal = substr(rest, RSTART + 1, RLENGTH - 2)
      if ((" " literal " ") ~ /[^A-Za-z0-9_-](--[a-z][a-z-]*|-[A-Za-z])[^A-Za-z0-9_-]/)
        print FILENAME ":" FNR ": a flag in the message |" literal
      rest = substr(rest, RSTART + RLENGTH)
    }
  }' >> "$failures"

# check.sh is a folder's own.
find lib tools tests -type f \( -name '*.h' -o -name '*.cc' -o -name '*.inc' -o -name '*.sh' \) ! -name check.sh |
  sed 's|.*/||' | sort | uniq -d | while IFS= read -r name; do
    echo "more than one file is called $name:" $(find lib tools tests -type f -name "$name")
  done >> "$failures"

# Longer files hold more than one thing.
find lib tools tests -type f \( -name '*.h' -o -name '*.cc' \) -exec wc -l {} + |
  awk '$2 != "total" && $1 > 450 { print $2 " has " $1 " lines, more than 450" }' >> "$failures"

# Two types of one name would be one to the linker. What begins a line and does not end as a
# declaration is a definition in a namespace; a name with "<" is a specialisation.
find lib -name '*.h' | sort | xargs awk '
  /^(class|struct|enum) / && (/\{/ || !/;/) {
    name = $2 == "class" ? $3 : $2
    sub(/[^A-Za-z0-9_<].*/, "", name)
    if (name == "" || name ~ /</ || (name in where && where[name] == FILENAME)) next
    if (name in where) print FILENAME ": defines " name ", and so does " where[name]
    where[name] = FILENAME
  }' >> "$failures"

# What no CMakeLists.txt names is never run. A list may leave "_test.cc" out.
find tests -name '*_test.cc' | while IFS= read -r path; do
  name=$(basename "$path" _test.cc)
  grep -qE "(^|[ (/])${name}(_test)?(\.cc)?([ )]|$)" tests/CMakeLists.txt \
    "$(dirname "$path")"/CMakeLists.txt 2> /dev/null || echo "$path is in no CMakeLists.txt"
done >> "$failures"
for path in tests/cli/*.sh; do
  name=$(basename "$path" .sh)
  [ "$name" = helpers ] || grep -qE "(^|[ (])${name}([ )]|$)" tests/cli/CMakeLists.txt ||
    echo "$path is not in tests/cli/CMakeLists.txt"
done >> "$failures"

if [ -s "$failures" ]; then
  cat "$failures"
  exit 1
fi
echo "$(printf '%s\n' "$table" | wc -l) folders keep to lib/README.md"
