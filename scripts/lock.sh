#!/bin/sh
# Writes requirements.lock and the locks of the images again: names, versions and hashes for every
# Python from 3.11 and every system. They contain no addresses, so that each machine installs from its
# own package index.
#
# uv resolves the versions. It runs in a temporary environment, because Kasir does not depend on it.
set -eu
cd "$(dirname "$0")/.."
. scripts/python.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$python" -m venv "$scratch"
"$scratch/bin/python" -m pip install --quiet --disable-pip-version-check uv

compile() {
    "$scratch/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-emit-index-url --no-annotate "$@"
}

compile --all-extras --group dev --no-emit-package adyen-twin pyproject.toml -o requirements.lock
# What the images need, in the same versions.
compile --constraint requirements.lock --extra otel pyproject.toml -o deploy/kasir.lock
compile --constraint requirements.lock twin/pyproject.toml -o deploy/adyen-twin.lock
echo hatchling | compile --constraint requirements.lock - -o deploy/build.lock
echo "kasir: requirements.lock pins $(grep -c '==' requirements.lock) packages"
