#!/bin/sh
# Pins requirements.lock anew: names, versions and hashes for every Python from 3.11 and every
# system, and no addresses, so that each machine installs from the index it is used to.
#
# uv does the resolving, from an environment that is thrown away: it is no dependency of ours.
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
