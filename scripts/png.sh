#!/usr/bin/env bash
# PNG beside every figure of results folders: scripts/png.sh [--dark] FOLDER...
# With --dark on dark paper, as *.dark.png. Needs rsvg-convert (Debian: librsvg2-bin; macOS: librsvg).
set -euo pipefail

command -v rsvg-convert >/dev/null || {
  echo "png.sh: no rsvg-convert here; install librsvg2-bin (Debian) or librsvg (macOS)" >&2
  exit 3
}
suffix=png
if [ "${1:-}" = --dark ]; then
  suffix=dark.png
  shift
fi
[ $# -gt 0 ] || { echo "usage: scripts/png.sh [--dark] FOLDER..." >&2; exit 2; }

style=$(mktemp)
trap 'rm -f "$style"' EXIT
for folder in "$@"; do
  for figure in "$folder"/figures/*.svg "$folder"/*.svg; do
    [ -e "$figure" ] || continue
    : >"$style"
    # The rules that a browser follows in its dark setting, taken out of their condition.
    [ "$suffix" = png ] ||
      sed -n 's/.*<style>@media (prefers-color-scheme:dark){\(.*\)}<\/style>.*/\1/p' "$figure" >"$style"
    rsvg-convert --stylesheet "$style" --output "${figure%.svg}.$suffix" "$figure"
  done
done
