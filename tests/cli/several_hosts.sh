#!/usr/bin/env bash
# Processes that train together, started by torchrun and mpirun and on two hosts whose connection breaks:
# several_hosts.sh FOLDER_OF_TOOLS. Needs torchrun, mpirun, ip and the right to make network namespaces,
# so tests/check.sh --full runs it; data_parallel.sh is for every day. Prints how far curves are apart
# and how soon what is broken ends.
. "$(dirname "$0")/helpers.sh"
tiny=(--preset pie-mnist --set conv.hidden=4 --set linear.hidden=8 --set conv.steps=1 --set linear.steps=1
  --batch 12 --precision f32 --data "$digits" --steps)

# apart LOG: the largest difference of a curve from one process's, in bits/dim.
apart() {
  python3 - one.log "$1" <<'P'
import json, sys
one, some = ([json.loads(line) for line in open(path)] for path in sys.argv[1:3])
assert [a["step"] for a in some] == [a["step"] for a in one][-len(some):] and some[-1]["step"] == 200
off = max(abs(a["train_bits_per_dim"] - b["train_bits_per_dim"]) for a, b in zip(one[-len(some):], some))
assert off < 2e-4, off
print(f"{sys.argv[2]}: at most {off:.1e} bits/dim from one process")
P
}

expect 0 pie-train "${tiny[@]}" 200 --log one.log -o one
export MASTER_PORT=$((20000 + $$ % 20000))
for size in 2 4; do
  # Debian 12's fails with Python 3.11 unless it keeps and repeats what processes write.
  expect 0 torchrun --nproc_per_node $size --master_port $MASTER_PORT -r 1 -t 1 --log_dir printed --no_python \
    "$tools/pie-train" "${tiny[@]}" 200 --log torchrun-$size.log -f -o a
  apart torchrun-$size.log
  expect 0 mpirun --allow-run-as-root --oversubscribe -n $size -x MASTER_PORT "$tools/pie-train" \
    "${tiny[@]}" 200 --log mpirun-$size.log -f -o a
  apart mpirun-$size.log
done

# Stopped with two, resumed with one and with four.
expect 0 mpirun --allow-run-as-root --oversubscribe -n 2 -x MASTER_PORT "$tools/pie-train" "${tiny[@]}" 200 \
  --stop-at 100 -o half
for size in 1 4; do
  cp half.state from-$size.state
  expect 0 mpirun --allow-run-as-root --oversubscribe -n $size -x MASTER_PORT "$tools/pie-train" \
    --resume from-$size.state --data "$digits" --log resumed-$size.log -f -o a
  apart resumed-$size.log
done

# Two hosts: this shell's network and that of a process beside it, joined by one cable.
export tools
unshare --user --map-root-user --net bash -s -- "${tiny[@]}" <<'H'
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
unshare --net sleep 600 &
second=$!
ip link set lo up
until ip link add cable type veth peer name cable netns $second 2>/dev/null; do sleep 0.1; done
ip addr add 10.11.12.1/24 dev cable
ip link set cable up
elsewhere() { nsenter --target $second --net "$@"; }
elsewhere ip link set lo up
elsewhere ip addr add 10.11.12.2/24 dev cable
elsewhere ip link set cable up
export WORLD_SIZE=2 MASTER_ADDR=10.11.12.1 GLOO_SOCKET_IFNAME=cable

# both ARGUMENT...: a process on each host.
both() {
  RANK=1 elsewhere "$tools/pie-train" "$@" 2>err.1 >out.1 &
  other=$!
  RANK=0 "$tools/pie-train" "$@" 2>err.0 >out.0 &
  first=$!
}
both "$@" 200 --log hosts.log -f -o a
wait $first && wait $other || { cat err.?; exit 1; }
both "$@" 10000000 --peer-timeout 5s --save-every 0.2s -o cut
until [ -s cut.state ]; do kill -0 $first; sleep 0.05; done
cut=$(date +%s%N)
ip link set cable down
for process in $first $other; do
  code=0
  wait $process || code=$?
  [ $code = 1 ] || { echo "exit code $code"; cat err.?; exit 1; }
done
echo "a cut cable: both ended with 1 after $((($(date +%s%N) - cut) / 1000000)) ms"
grep -q 'another has ended, or does not answer' err.0 && grep -q 'saved at step' err.0
H
apart hosts.log
expect 0 pie-train --resume cut.state --data "$digits" --stop-at 1 -o cut
