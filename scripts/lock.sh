#!/bin/sh
# Writes requirements.lock again: names, versions and hashes for every Python from 3.11 and every
# system. It contains no addresses, so that each machine installs from its own package index.
#
# uv resolves the versions. It runs in a temporary environment, because Kasir does not depend on it.
set -eu
cd "$(dirname "$0")/.."
. scripts/python.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$python" -m venv "$scratch"
"$scratch/bin/python" -m pip install --quiet --disable-pip-version-check uv
"$scratch/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-header --no-emit-index-url --no-annotate --all-extras --group dev \
    pyproject.toml -o requirements.lock
echo "kasir: requirements.lock pins $(grep -c '==' requirements.lock) packages"
