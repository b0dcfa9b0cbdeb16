#!/usr/bin/env bash
# Processes that train one model together: the same training as one process's, whatever ends it.
. "$(dirname "$0")/helpers.sh"
export MASTER_PORT=$((20000 + $$ % 20000)) # of this test alone, as far as one can
tiny=(--preset pie-mnist --set conv.hidden=4 --set linear.hidden=8 --set conv.steps=1 --set linear.steps=1
  --set train.ema_decay=0.5 --batch 12 --precision f32 --data "$digits")

# together N ARGUMENT...: one process with each rank below N; their exit codes are in $codes.
together() {
  local size=$1 rank processes=()
  shift
  for ((rank = 0; rank < size; ++rank)); do
    RANK=$rank WORLD_SIZE=$size LOCAL_WORLD_SIZE=$size timeout 120 "$tools/pie-train" "$@" \
      >"out.$rank" 2>"err.$rank" &
    processes+=($!)
  done
  codes=
  for process in "${processes[@]}"; do
    wait "$process" && codes+='0 ' || codes+="$? "
  done
}

# The curve of two and of three ranks is that of one process but for rounding, and so are the weights.
expect 0 pie-train "${tiny[@]}" --steps 200 --log one.log -o one.safetensors
for size in 2 3; do
  together $size -T 1 "${tiny[@]}" --steps 200 --val "$digits[:20]" --set train.validate_every=100 \
    --log "$size.log" -o "$size.safetensors"
  [ "$codes" = "$(printf '0 %.0s' $(seq $size))" ] || fail "$size ranks: exit codes $codes: $(cat err.*)"
  [ "$(cat out.0)" = "$size.safetensors" ] && [ ! -s out.1 ] && [ ! -s err.1 ] || fail "not one alone speaks"
  python one.log "$size.log" one.safetensors "$size.safetensors" <<'P'
import array, json, sys
one, some = ([json.loads(line) for line in open(path)] for path in sys.argv[1:3])
assert len(one) == 4 and len(some) >= 4
for a, b in zip(one, (line for line in some if line["step"] % 50 == 0)):
    assert a["step"] == b["step"] and a["lr"] == b["lr"], (a, b)
    assert abs(a["train_bits_per_dim"] - b["train_bits_per_dim"]) < 2e-4, (a, b)
def weights(path):
    data = open(path, "rb").read()
    size = int.from_bytes(data[:8], "little")
    return array.array("f", data[8 + size:])
a, b = (weights(path) for path in sys.argv[3:5])
assert len(a) == len(b) and max(abs(x - y) for x, y in zip(a, b)) < 2e-3
P
done

# All kinds of models, in several parts of the gradient and with two threads each: what two
# move is what one with four threads moves.
for kind in pie-mnist pie-exact-mnist vae-mnist iresnet-mnist-small 'iresnet-mnist-small --set train.recompute=true'; do
  how=(--preset $kind --batch 6 --set train.warmup_steps=0 --precision f32 --data "$digits")
  expect 0 pie-train "${how[@]}" --steps 9 --stop-at 1 -f -o start
  expect 0 "$tools/pie-train" -T 4 "${how[@]}" --steps 9 --stop-at 5 -f -o one
  together 2 -T 2 "${how[@]}" --steps 9 --stop-at 5 -f -o two
  [ "$codes" = '0 0 ' ] || fail "$kind: exit codes $codes: $(cat err.*)"
  python start.state one.state two.state <<'P'
import array, sys
def weights(path):
    data = open(path, "rb").read()
    size = int.from_bytes(data[:8], "little")
    data = data[8 + size:]
    return array.array("f", data[:len(data) // 4 * 4])
start, one, two = map(weights, sys.argv[1:])
moved = sum(abs(x - y) for x, y in zip(start, one))
apart = sum(abs(x - y) for x, y in zip(one, two))
assert moved > 0 and apart < 1e-3 * moved, (moved, apart)
P
done

# A training stopped with two goes on with one and with three.
together 2 -T 1 "${tiny[@]}" --steps 200 --stop-at 100 -o half.safetensors
cp half.safetensors.state three.state
expect 0 pie-train --resume half.safetensors.state --data "$digits" --log half.log -o half.safetensors
together 3 -T 1 --resume three.state --data "$digits" --log three.log -o three.safetensors
python one.log half.log three.log <<'P'
import json, sys
last = [json.loads(open(path).readlines()[-1]) for path in sys.argv[1:]]
assert all(line["step"] == 200 for line in last), last
assert max(abs(line["train_bits_per_dim"] - last[0]["train_bits_per_dim"]) for line in last) < 2e-4, last
P

# One that dies, one that hangs, and an interrupt: the others end, and the last step is saved. A loaded
# machine takes seconds to start both.
for signal in KILL STOP TERM; do
  RANK=1 WORLD_SIZE=2 "$tools/pie-train" -T 1 "${tiny[@]}" --steps 1000000 -o "$signal.safetensors" \
    --peer-timeout 8s 2>err.1 &
  peer=$!
  RANK=0 WORLD_SIZE=2 timeout 60 "$tools/pie-train" -T 1 "${tiny[@]}" --steps 1000000 -o "$signal.safetensors" \
    --peer-timeout 8s --save-every 0.2s 2>"$err" >"$out" &
  first=$!
  while [ ! -s "$signal.safetensors.state" ]; do
    kill -0 $first 2>/dev/null || fail "$signal: ended before it saved: $(cat "$err")"
    sleep 0.05
  done
  kill -s "$signal" $peer
  code=0
  wait $first || code=$?
  case $signal in
    TERM)
      [ $code = 1 ] || fail "$signal: exit code $code: $(cat "$err")"
      says 'interrupted at step' 'another process of the training was interrupted'
      ;;
    *)
      [ $code = 1 ] || fail "$signal: exit code $code: $(cat "$err")"
      says 'another has ended, or does not answer' 'saved at step'
      ;;
  esac
  kill -s KILL $peer 2>/dev/null || true
  wait $peer 2>/dev/null || true
  expect 0 pie-train --resume "$signal.safetensors.state" --data "$digits" --stop-at 1 -o "$signal.safetensors"
done

# Others' options, or images.
for other in '--lr 0.1' '--seed 3' '--set linear.hidden=9' "--data $digits[:60]"; do
  RANK=1 WORLD_SIZE=2 "$tools/pie-train" "${tiny[@]}" $other --steps 5 -o x.safetensors 2>err.1 &
  RANK=0 WORLD_SIZE=2 expect 2 pie-train "${tiny[@]}" --steps 5 -o x.safetensors
  says '1 of the processes that train together have other options or images than the first'
  ! wait $! || fail "rank 1 goes on"
done

# Nobody there; a port that is taken; places that are none.
RANK=1 WORLD_SIZE=2 expect 1 pie-train "${tiny[@]}" --peer-timeout 1s -o x.safetensors
says 'process 1 of 2 cannot meet the others at 127.0.0.1:'
RANK=0 WORLD_SIZE=2 expect 1 pie-train "${tiny[@]}" --peer-timeout 1s -o x.safetensors
says 'process 0 of 2 cannot meet the others at 127.0.0.1:'
RANK=2 WORLD_SIZE=2 expect 2 pie-train "${tiny[@]}" -o x.safetensors
says 'RANK is 2, but only 2 processes train'
RANK=x WORLD_SIZE=2 expect 2 pie-train "${tiny[@]}" -o x.safetensors
says 'RANK=x: not a number'
WORLD_SIZE=2 expect 2 pie-train "${tiny[@]}" -o x.safetensors
says 'WORLD_SIZE is set, but RANK is not'
OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_SIZE=2 expect 2 pie-train "${tiny[@]}" -o x.safetensors
says 'set MASTER_ADDR'
[ ! -e x.safetensors ] || fail "something was written"
