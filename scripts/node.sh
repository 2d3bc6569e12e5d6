#!/bin/sh
# Fetches Adyen's own Node library for the tests that run it. Run by make.
#
# Node is no part of Kasir: where it is missing, or the library cannot be fetched, those tests skip
# and say so. The lock file pins every package by hash and names no address.
set -eu
cd "$(dirname "$0")/../tests/oracle/node"

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    echo "node: no node and npm here; the tests with Adyen's Node library will skip"
    exit 0
fi
# npm writes this file last, so it is newer than the lock file only when all is there.
if [ node_modules/.package-lock.json -nt package-lock.json ]; then
    echo "node: $(node --version) with Adyen's library, already fetched"
    exit 0
fi
if said=$(npm ci 2>&1); then
    touch node_modules/.package-lock.json
    echo "node: $(node --version) with Adyen's library, fetched now"
else
    echo "node: npm could not fetch Adyen's library; its tests will skip: $(echo "$said" | grep -m 1 'npm err' || echo 'it did not say why')"
fi
