#!/usr/bin/env bash
# Runs the notebook and the tests of its module in a fresh virtual environment.
#
#   scripts/notebook.sh              # what it says must be what is committed, its numbers those of the report
#   UPDATE=1 scripts/notebook.sh     # writes the notebook with its new outputs
#   OLDEST=1 scripts/notebook.sh     # with the oldest versions of requirements.txt
#
# Without Python 3.11 or the packages' index nothing is run, which is said.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
skip() {
  echo "notebook: not run, $*"
  exit 0
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || skip "for want of Python 3.11 or newer"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/venv" >"$folder/log" 2>&1 || skip "since Python makes no virtual environment (Debian: python3-venv)"
# Neither settings nor history of whoever runs this.
export IPYTHONDIR=$folder/ipython JUPYTER_CONFIG_DIR=$folder/jupyter JUPYTER_RUNTIME_DIR=$folder/runtime
export MPLCONFIGDIR=$folder/matplotlib PYTHONPYCACHEPREFIX=$folder/compiled PIP_DISABLE_PIP_VERSION_CHECK=1

if [ -n "${OLDEST:-}" ]; then
  sed 's/>=/==/' notebooks/requirements.txt >"$folder/constraints.txt"
else
  cp notebooks/constraints.txt "$folder"
fi
install=("$folder/venv/bin/pip" install -q --retries 2 --no-compile -r notebooks/requirements.txt)
if ! "${install[@]}" -c "$folder/constraints.txt" >"$folder/log" 2>&1; then
  cat "$folder/log" >&2
  offline='NewConnectionError|ConnectTimeout|name resolution|ProxyError|Connection refused|Network is unreachable'
  ! grep -qE "$offline" "$folder/log" || skip "since the index of Python's packages cannot be reached"
  exit 1
fi

"$folder/venv/bin/python" -m unittest discover -s notebooks
"$folder/venv/bin/python" notebooks/execute.py ${UPDATE:+--write}
