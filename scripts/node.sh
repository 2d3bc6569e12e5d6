#!/bin/sh
# Downloads Adyen's own Node library for the tests that run it. make runs this script.
#
# Kasir does not need Node: without Node or the library, those tests are skipped and give the reason.
# The lock file pins every package by hash and contains no addresses.
set -eu
cd "$(dirname "$0")/../tests/oracle/node"

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    echo "node: no node and npm here; the tests with Adyen's Node library will skip"
    exit 0
fi
# npm writes this file last, so it is newer than the lock file only if everything is installed.
if [ node_modules/.package-lock.json -nt package-lock.json ]; then
    echo "node: $(node --version) with Adyen's library, already fetched"
    exit 0
fi
if output=$(npm ci 2>&1); then
    touch node_modules/.package-lock.json
    echo "node: $(node --version) with Adyen's library, fetched now"
else
    echo "node: npm could not fetch Adyen's library; its tests will skip: $(echo "$output" | grep -m 1 'npm err' || echo 'it gave no reason')"
fi
