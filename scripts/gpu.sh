#!/usr/bin/env bash
# Everything that is worth measuring on a GPU, in one command and a set time: device facts, the tests
# on the device, the capacity sweep, the unified sweep seed by seed, the peers' bench. Started again,
# it goes on with what was not done.
#
#   scripts/gpu.sh                                   # from a checkout: builds, then cuda:0, paper, 10 minutes
#   scripts/gpu.sh --pack kit                        # builds and puts what a bare machine needs into kit/
#   kit/gpu.sh --xp kit/xp --tests kit/tests         # there, without Rust
#
#   --device cuda:0|wgpu:0    --scale paper|smoke    --minutes 10
#   --xp PATH                 the program, instead of building it
#   --tests DIR               test programs, instead of building them; `none` leaves tests out
#   --out DIR                 results folder: DIR/{capacity,unified,gpu}/SCALE-DEVICE/, ready to commit
#   --data-dir DIR            text of the unified sweep, where it is not built in
#
# Building is not timed. Exit code: 0 when nothing failed, even if time ran out before all was done;
# the summary says what is outstanding.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$here
[ -d "$root/experiments" ] || root=$(cd "$here/.." && pwd)
device=cuda:0 scale=paper minutes=10 xp='' tests='' out=results data='' pack=''

usage() {
  sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
  exit "$1"
}

while [ $# -gt 0 ]; do
  case $1 in
    --device) device=$2 ;;
    --scale) scale=$2 ;;
    --minutes) minutes=$2 ;;
    --xp) xp=$2 ;;
    --tests) tests=$2 ;;
    --out) out=$2 ;;
    --data-dir) data=$2 ;;
    --pack) pack=$2 ;;
    --help) usage 0 ;;
    *) echo "gpu.sh: unknown option $1" >&2; usage 2 ;;
  esac
  shift $(($# > 1 ? 2 : 1))
done

backend=${device%%:*}
case $backend in
  cuda | wgpu) ;;
  *) echo "gpu.sh: --device must be cuda:N, wgpu:N or wgpu:cpu, got $device" >&2; exit 2 ;;
esac

# --- what to run ---------------------------------------------------------------------------------

# Test programs whose results depend on the device; the others are the CPU's business.
build_tests() {
  local target=$1
  mkdir -p "$target"
  (cd "$root" && cargo test --release -p xp -p kernels -p moe-layer --features "xp/$backend" \
    --test reference --test layer --test cli --no-run --message-format=json) |
    sed -n 's/.*"executable":"\([^"]*\/\(reference\|layer\|cli\)-[0-9a-f]*\)".*/\1/p' |
    while read -r program; do
      name=$(basename "$program")
      cp -f "$program" "$target/${name%-*}"
    done
}

build_xp() {
  (cd "$root" && cargo build --release -p xp --features "$backend")
  xp=${CARGO_TARGET_DIR:-$root/target}/release/xp
}

if [ -n "$pack" ]; then
  mkdir -p "$pack"
  build_xp
  build_tests "$pack/tests"
  cp -f "$xp" "$here/gpu.sh" "$pack/"
  cp -rf "$root/experiments" "$pack/"
  mkdir -p "$pack/scripts"
  cp -rf "$root/scripts/peers" "$pack/scripts/"
  echo "packed: $pack; there: $(basename "$pack")/gpu.sh --xp $(basename "$pack")/xp --tests $(basename "$pack")/tests"
  exit 0
fi

[ -n "$xp" ] || build_xp
xp=$(cd "$(dirname "$xp")" && pwd)/$(basename "$xp")
if [ -z "$tests" ]; then
  tests=$(dirname "$xp")/gpu-tests
  build_tests "$tests"
fi

# --- the clock -----------------------------------------------------------------------------------

start=$SECONDS
end=$((start + minutes * 60))
left() { echo $((end - SECONDS)); }
# Runs a command for at most so many seconds and never past the end. An interrupted sweep saves its
# state, and has 20 seconds for it.
within() {
  local limit=$1 rest
  shift
  rest=$(($(left) - 20))
  [ "$rest" -gt 0 ] || return 124
  timeout --signal=INT --kill-after=20 $((limit < rest ? limit : rest)) "$@"
}

mkdir -p "$out"
out=$(cd "$out" && pwd)
place=(--device "$device" --results "$out" --work "$out/.xp" --experiments "$root/experiments")
data_option=()
[ -z "$data" ] || data_option=(--data-dir "$data")
mkdir -p "$out/.xp"
echo '*' >"$out/.xp/.gitignore"

# A sweep's trials in the plan, as `seed id` lines.
trials() {
  "$xp" plan "$1" --scale "$scale" "${place[@]}" "${data_option[@]}" --json |
    sed -n 's/^      "id": "\([0-9a-f]*\)".*/\1/p; s/^      "seed": \([0-9]*\).*/\1/p' |
    paste - - | awk '{ print $2, $1 }'
}


# Named as xp names the results of this device.
variant=$("$xp" plan capacity --scale "$scale" "${place[@]}" --json |
  sed -n 's|^  "results": ".*/\([^/"]*\)",$|\1|p')
facts=$out/gpu/$variant
failed=0
summary=()
note() {
  summary+=("$(printf '%-10s %5d s  %s' "$1" "$2" "$3")")
  echo "== ${summary[-1]}"
}

# Turns an exit code into words; a failure counts.
outcome() {
  case $1 in
    0) echo done ;;
    4) echo "nothing to do" ;;
    5 | 124 | 130 | 137) echo "out of time: start again to go on" ;;
    *) failed=1; echo "FAILED (exit $1)" ;;
  esac
}

# step NAME SECONDS COMMAND...: runs it, keeps its output, notes how it ended.
step() {
  local name=$1 limit=$2 began=$SECONDS code=0
  shift 2
  echo "== $name: $*"
  within "$limit" "$@" >"$facts/$name.log" 2>&1 || code=$?
  # In this shell, so that a failure counts.
  outcome "$code" >"$facts/.outcome"
  note "$name" $((SECONDS - began)) "$(cat "$facts/.outcome")"
  rm "$facts/.outcome"
}

# --- facts ---------------------------------------------------------------------------------------

mkdir -p "$facts"
{
  date -u +%FT%TZ
  uname -srm
  if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit --format=csv
    nvidia-smi
  else
    echo "no nvidia-smi"
  fi
  "$xp" doctor || true
} >"$facts/device.txt" 2>&1

# --- tests ---------------------------------------------------------------------------------------

if [ "$tests" != none ]; then
  export SWITCHYARD_GPU=$backend SWITCHYARD_XP=$xp
  for program in "$tests"/*; do
    filter=()
    [ "$(basename "$program")" != cli ] || filter=(devices)
    step "test-$(basename "$program")" $((minutes * 60 * 3 / 10)) "$program" "${filter[@]}"
  done
fi

# --- sweeps --------------------------------------------------------------------------------------

# Kernels are compiled and tuned here, so that no measured trial pays for it: one trial of each
# sweep, shortened, whose results are thrown away.
warm=$(mktemp -d)
trap 'rm -rf "$warm"' EXIT
warm_place=(--device "$device" --results "$warm" --work "$warm/.xp" --experiments "$root/experiments")
step warm-capacity $((minutes * 60 / 10)) "$xp" sweep capacity --scale "$scale" "${warm_place[@]}" \
  --set 'pack.iterations=2' --set 'axes.capacity-factor=[1.25]' --set 'axes.k=[2]' --set 'axes.experts=[8]'
step warm-unified $((minutes * 60 / 5)) "$xp" sweep unified --scale "$scale" "${warm_place[@]}" "${data_option[@]}" \
  --set 'train.steps=6' --set 'seeds=[17]' --set 'axes.strategy=["soft-top-k"]' --set 'axes.capacity-factor=[1.25]'

step capacity $((minutes * 60 / 3)) "$xp" sweep capacity --scale "$scale" "${place[@]}"

# The peers before the rest, which takes what time there is. PyTorch knows nothing of wgpu.
if [ "$backend" != cuda ] || ! "${SWITCHYARD_PYTHON:-python3}" -c 'import torch' 2>/dev/null; then
  note peers 0 "left out: needs CUDA and a Python with PyTorch (SWITCHYARD_PYTHON)"
else
  step peers $((minutes * 60 / 5)) "$xp" bench peers --device "$device" --scale "$scale" \
    --programs "$root/scripts/peers" --results "$out" --work "$out/.xp"
fi

seeds=$(trials unified | awk '{ print $1 }' | sort -nu)
for seed in $seeds; do
  mapfile -t ids < <(trials unified | awk -v seed="$seed" '$1 == seed { print $2 }')
  step "unified-$seed" $((minutes * 60)) "$xp" sweep unified --scale "$scale" "${place[@]}" "${data_option[@]}" --only "${ids[@]}"
done

# What is finished is written, whatever the clock said.
for sweep in capacity unified; do
  "$xp" report "$sweep" --scale "$scale" "${place[@]}" "${data_option[@]}" >"$facts/report-$sweep.log" 2>&1 || true
done

{
  echo "device $device, scale $scale, $((SECONDS - start)) s of $((minutes * 60)) s"
  printf '%s\n' "${summary[@]}"
  for sweep in capacity unified; do
    "$xp" status "$sweep" --scale "$scale" "${place[@]}" "${data_option[@]}" 2>&1 || true
  done
} | tee "$facts/summary.txt"
echo "== results: $(ls -d "$out"/*/"$variant" | tr '\n' ' ')"
exit "$failed"
