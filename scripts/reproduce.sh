#!/usr/bin/env bash
# Everything that the results folder shows, in one command: every sweep of experiments/, then the figures, then the
# ledger of claims. Stopped at any point and started again, it goes on with what was not done.
#
#   scripts/reproduce.sh                             # scale cpu, in this checkout: what it lacks
#   scripts/reproduce.sh --out FOLDER                # from nothing, into FOLDER/results
#   scripts/reproduce.sh --scale smoke unified coe   # these sweeps alone
#
#   --scale cpu|smoke|paper
#   --xp PATH          the program, instead of building it
#   --out FOLDER       where results/ and the working folder .xp/ are; the checkout where not given
#   --data-dir DIR     text, tokenizers and models; datasets/ of the checkout where not given
#   --device DEVICE    cpu, cuda:0, ...
#
# A sweep that lacks data or fails does not stop the others. Exit code: 0 when all is done; 3 when nothing was amiss but
# that data or models are not there; 130 when it was interrupted; else that of the first step that failed.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
scale=cpu xp='' out=$root data=$root/datasets device=() sweeps=()

usage() {
  sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
  exit "$1"
}

while [ $# -gt 0 ]; do
  case $1 in
    --scale) scale=${2:?} && shift ;;
    --xp) xp=${2:?} && shift ;;
    --out) out=${2:?} && shift ;;
    --data-dir) data=${2:?} && shift ;;
    --device) device=(--device "${2:?}") && shift ;;
    --help) usage 0 ;;
    -*) echo "reproduce.sh: unknown option $1" >&2; usage 2 ;;
    *) sweeps+=("$1") ;;
  esac
  shift
done

# What a sweep file says it does; nothing for a file of another kind, such as the ledger of claims.
job_of() {
  sed -n 's/^job *= *"\(.*\)".*/\1/p' "$root/experiments/$1.toml"
}

if [ ${#sweeps[@]} = 0 ]; then
  for file in "$root"/experiments/*.toml; do
    name=$(basename "$file" .toml)
    [ -z "$(job_of "$name")" ] || sweeps+=("$name")
  done
fi
if [ -z "$xp" ]; then
  (cd "$root" && cargo build --release -p xp)
  xp=${CARGO_TARGET_DIR:-$root/target}/release/xp
fi
xp=$(cd "$(dirname "$xp")" && pwd)/$(basename "$xp")
data=$(cd "$data" && pwd)
mkdir -p "$out"
cd "$out"
place=(--experiments "$root/experiments" --scale "$scale" --data-dir "$data" "${device[@]}")

# Trials that are there to be timed run one at a time; of those that train, one a core.
at_once() {
  case $(job_of "$1") in
    train | finetune) nproc ;;
    *) echo 1 ;;
  esac
}

summary='' code=0
# Takes down how a step ended, and stops where a person stopped it.
ended() {
  local name=$1 rc=$2 seconds=$3 words
  case $rc in
    0) words=done ;;
    3) words='data or a model is not there' ;;
    130) words=interrupted ;;
    *) words="failed (exit $rc)" ;;
  esac
  summary+=$(printf '   %-16s %6d s  %s' "$name" "$seconds" "$words")$'\n'
  case $code:$rc in
    *:0 | *:130) ;;
    0:* | 3:[!3]*) code=$rc ;;
  esac
  [ "$rc" != 130 ] || finish 130
}

finish() {
  printf '\n== scale %s\n%s' "$scale" "$summary"
  printf '== %d h %02d min %02d s in all' $((SECONDS / 3600)) $((SECONDS / 60 % 60)) $((SECONDS % 60))
  case $1 in
    0) echo ', all done' ;;
    *) echo '; the same command goes on with what is not done' ;;
  esac
  exit "$1"
}

step() {
  local name=$1 start=$SECONDS rc=0
  shift
  printf '\n== %s\n' "$name"
  "$@" || rc=$?
  ended "$name" "$rc" $((SECONDS - start))
}

echo "== what there is to do, and what it needs"
said=$(mktemp)
trap 'rm -f "$said"' EXIT
for sweep in "${sweeps[@]}"; do
  # Its title and how many trials are in which state, then what is amiss or missing.
  "$xp" plan "$sweep" "${place[@]}" 2>"$said" | sed -n '1p;3p' || true
  sed 's/^/  /' "$said"
done

for sweep in "${sweeps[@]}"; do
  step "$sweep" "$xp" sweep "$sweep" "${place[@]}" --jobs "$(at_once "$sweep")"
done
shopt -s nullglob
folders=(results/*/"$scale"-*/)
if [ ${#folders[@]} -gt 0 ]; then
  step figures "$xp" figures "${folders[@]}"
  # Results are called by their device's own name.
  label=$(basename "${folders[0]}")
  asked=(--experiments "$root/experiments" --scale "$scale" --device "${label#"$scale-"}")
  step claims "$xp" claims "${asked[@]}"
  step 'page of claims' "$xp" claims "${asked[@]}" --page
fi
finish "$code"
