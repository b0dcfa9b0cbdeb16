#!/bin/sh
# Checks every #include of lib/ against the table in lib/README.md, that folders without LibTorch have
# none, and that the names of source files are unique.  Usage: layering_test.sh ROOT
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

for path in lib/*/; do
  folder=$(basename "$path")
  row=$(printf '%s\n' "$table" | grep "^$folder|") || {
    echo "$path is missing from the table in lib/README.md" >> "$failures"
    continue
  }
  allowed=$(printf '%s' "$row" | cut -d '|' -f 2)
  torch=$(printf '%s' "$row" | cut -d '|' -f 3)
  grep -HnE '^ *# *include' "$path"*.h "$path"*.cc "$path"*.h.in "$path"*.inc 2> /dev/null |
    while IFS= read -r line; do
      included=$(printf '%s' "$line" | sed -n 's/.*include *[<"]\([^>"]*\)[>"].*/\1/p')
      case $included in
        lib/*/*)
          target=$(printf '%s' "$included" | cut -d / -f 2)
          case " $folder $allowed " in
            *" $target "*) ;;
            *) echo "$line: $folder must not include $target" ;;
          esac
          [ -f "$included" ] || [ -f "$included.in" ] || echo "$line: there is no such file"
          ;;
        tools/* | tests/*) echo "$line: lib must not include it" ;;
        torch/* | ATen/* | c10/*)
          [ "$torch" = yes ] || echo "$line: $folder must do without LibTorch"
          ;;
        ../* | ./*) echo "$line: includes are written from the root of the tree" ;;
      esac
    done >> "$failures"
done

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

find lib tools tests -type f \( -name '*.h' -o -name '*.cc' -o -name '*.inc' -o -name '*.sh' \) |
  sed 's|.*/||' | sort | uniq -d | while IFS= read -r name; do
    echo "more than one file is called $name:" $(find lib tools tests -type f -name "$name")
  done >> "$failures"

if [ -s "$failures" ]; then
  cat "$failures"
  exit 1
fi
echo "$(printf '%s\n' "$table" | wc -l) folders keep to lib/README.md"
