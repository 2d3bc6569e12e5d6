#!/bin/sh
# Puts Kasir and the packages of requirements.lock into .venv. Run by make, which knows when.
#
# Everything installed from an index is pinned by hash. Kasir itself goes in last, editable,
# built with the pinned hatchling, so that nothing unpinned is ever fetched.
set -eu
cd "$(dirname "$0")/.."

# A half-made environment, a moved one, or one of an older Python is made anew.
if ! .venv/bin/python -c 'import pip, sys; assert sys.version_info >= (3, 11)' >/dev/null 2>&1; then
    . scripts/python.sh
    echo "kasir: making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

echo "kasir: installing $(grep -c '==' requirements.lock) pinned packages into .venv (a minute or two, the first time)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
echo "kasir: .venv is ready"
