#!/usr/bin/env bash
# models/reproduce.sh --quick: every table and figure is made from end to end, by models that are trained
# for a few steps.
. "$(dirname "$0")/helpers.sh"
expect 0 "$here/../../models/reproduce.sh" --quick --bin "$tools" --out made all
cp "$out" tables.txt
for title in "Table 1" "Figure 7" "Figure 8" "Figure 9" "Likelihood" "Classification" "Each architecture" \
  "Convergence" "Likelihood of CIFAR-10" "Classification of CIFAR-10"; do
  grep -q "^$title" tables.txt || fail "no $title: $(cat tables.txt)"
done
! grep -q "[{}]" tables.txt || fail "a figure was not filled in: $(cat tables.txt)"
for picture in figure7/pie-e0.01-reconstructions.png figure7/pie-e1.0-samples-t0.707.png \
  figure7/pie-e0.1-interpolations.png figure8-e0.1.png figure9-e1.0.png; do
  starts_with "made/$picture" $'\x89PNG'
done
for page in figure7 convergence; do starts_with "made/$page.html" "<!DOCTYPE html>"; done

# What is there is used again: nothing is trained.
expect 0 "$here/../../models/reproduce.sh" --quick --bin "$tools" --out made figure8
! grep -q training "$err" || fail "a finished model was trained again"
expect 2 "$here/../../models/reproduce.sh" table7
