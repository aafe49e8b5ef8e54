#!/usr/bin/env bash
# Runs the smoke sweeps in a temporary folder and looks at what they leave. Usage: scripts/smoke.sh XP
# XP is the program; everything runs on the built-in text, so that it needs no data and no network.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
xp=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
  echo "smoke: $*" >&2
  exit 1
}

common="drop_rate_vs_capacity_factor memory_vs_capacity_factor"
declare -A figures=(
  # experts trains too few steps for a speed, so that what is drawn over speed is left out.
  [experts]="$common load_cv_vs_perplexity loss_overlay"
  [scaling]=scaling
  [capacity]="$common tokens_per_s_vs_capacity_factor"
  [unified]="$common load_cv_vs_perplexity loss_overlay tokens_per_s_vs_capacity_factor frontier"
)

for sweep in capacity scaling unified experts; do
  "$xp" sweep "$sweep" --scale smoke --experiments "$root/experiments"
  results=results/$sweep/smoke-cpu
  for table in trials steps experts tokens speeds; do
    [ -s "$results/$table.parquet" ] || fail "$results/$table.parquet is missing"
  done
  for file in manifest.json report.html; do
    [ -s "$results/$file" ] || fail "$results/$file is missing"
  done
  for figure in ${figures[$sweep]}; do
    [ -s "$results/figures/$figure.svg" ] || fail "$results/figures/$figure.svg is missing"
  done

  # Started again, it runs nothing, says so, and writes the same tables.
  cp -r "$results" before
  "$xp" sweep "$sweep" --scale smoke --experiments "$root/experiments" >/dev/null 2>again
  grep -q '^nothing to run: ' again || fail "$sweep was done and ran again: $(cat again)"
  for table in trials steps experts tokens speeds; do
    cmp "$results/$table.parquet" "before/$table.parquet" || fail "$table.parquet changed without a run"
  done
  rm -r before
  "$xp" status "$sweep" --scale smoke --experiments "$root/experiments"
done

# The Python side, where Python has what it needs.
if python3 -c 'import matplotlib, polars' 2>/dev/null; then
  for sweep in capacity scaling unified experts; do
    python3 "$root/scripts/load_results.py" "results/$sweep/smoke-cpu" >/dev/null
    [ -z "$(ls -- *.png 2>/dev/null)" ] || fail "scripts/load_results.py drew $sweep unasked"
    python3 "$root/scripts/load_results.py" "results/$sweep/smoke-cpu" --out "$sweep.png" >/dev/null
    [ -s "$sweep.png" ] || fail "scripts/load_results.py drew nothing of $sweep"
    rm "$sweep.png"
  done
else
  echo "smoke: Python has no polars and matplotlib, so scripts/load_results.py was not tried"
fi
echo "smoke: all sweeps ran, left what they should, and ran nothing the second time"
