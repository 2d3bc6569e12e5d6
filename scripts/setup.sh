#!/bin/sh
# Installs Kasir and the packages of requirements.lock into .venv. make runs this when it is needed.
#
# Everything installed from an index is pinned by hash. Kasir and the twin are installed last, editable.
# The pinned hatchling builds them, so that nothing unpinned is ever downloaded.
set -eu
cd "$(dirname "$0")/.."

# pip's output goes to a log, which is shown only if pip fails: on a machine with several indexes
# pip prints a page of warnings that mean nothing.
pip_install() {
    log=.venv/setup.log
    if ! .venv/bin/python -m pip install --disable-pip-version-check "$@" >"$log" 2>&1; then
        cat "$log" >&2
        echo "kasir: pip could not install; the network or the index may be out of reach, see above" >&2
        exit 1
    fi
}

# .venv is made again if it is incomplete or was moved, or if its Python is older than 3.11 or is not
# `PYTHON`.
wanted=${PYTHON:+$("$PYTHON" -c 'import sys; print(sys.version)' 2>/dev/null || true)}
if ! .venv/bin/python -c 'import pip, sys
assert sys.version_info >= (3, 11) and sys.argv[1] in ("", sys.version)' "$wanted" >/dev/null 2>&1; then
    . scripts/python.sh
    echo "kasir: making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

echo "kasir: installing $(grep -c '==' requirements.lock) pinned packages into .venv (a minute or two, the first time)"
pip_install --require-hashes -r requirements.lock
pip_install --no-build-isolation --no-deps -e . -e ./twin
echo "kasir: .venv is ready"
