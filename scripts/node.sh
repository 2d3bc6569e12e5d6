#!/bin/sh
# Downloads two Node packages for the tests that run them: Adyen's own library, and the type checker
# pyright. make runs this script.
#
# Kasir does not need Node: without Node or a package, those tests are skipped and give the reason.
# The lock files pin every package by hash and contain no addresses.
set -eu
cd "$(dirname "$0")/.."

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    echo "node: no node and npm here; the tests with Node packages will skip"
    exit 0
fi
for folder in tests/oracle/node tests/consumer; do
    # npm writes this file last, so it is newer than the lock file only if everything is installed.
    if [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then
        echo "node: $(node --version) with the packages of $folder, already fetched"
    elif output=$(npm ci --prefix "$folder" 2>&1); then
        touch "$folder/node_modules/.package-lock.json"
        echo "node: $(node --version) with the packages of $folder, fetched now"
    else
        reason=$(echo "$output" | grep -m 1 'npm err' || echo 'it gave no reason')
        echo "node: npm could not fetch the packages of $folder; their tests will skip: $reason"
    fi
done
