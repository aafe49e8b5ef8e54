#!/usr/bin/env bash
# Fails if a tracked file names somebody's folder or a private package host: neither means anything
# on another machine.
set -euo pipefail
cd "$(dirname "$0")/.."

# Made-up folders in tests are called /home/a.
folders='(^|[^A-Za-z0-9_.-])/(root|work|mnt|Users/[a-z]+|home/[a-z]{2,})/[A-Za-z0-9_.-]'
hosts='artifactory|sonatype|devpi|://[a-z0-9.-]+\.(internal|corp|lan|intranet)\b'
found=0
git grep -nIE "$folders" -- ':!scripts/check_words.sh' && found=1
git grep -nIiE "$hosts" -- ':!scripts/check_words.sh' && found=1
if [ -f Cargo.lock ] && grep -q '^source = "registry+' Cargo.lock; then
  grep -n '^source = "registry+' Cargo.lock | grep -v 'github.com/rust-lang/crates.io-index' && found=1
fi
[ "$found" = 0 ] || { echo "remove the lines above: they name one machine" >&2; exit 1; }
echo "no machine's folders, no private hosts"
