#!/usr/bin/env bash
# Usage: race.sh GO-TEST-ARGUMENT...
# Runs the race detector on every package in which something concurrent stands,
# tests included: a go statement, package sync or an atomic. Left out are tests that
# show and measure what others do as well: documents, the demo, the benches.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t packages < <(
	grep -rlE --include='*.go' --exclude-dir=testdata \
		'^[[:space:]]*go (func\b|[A-Za-z_][A-Za-z0-9_.]*\()|"sync(/atomic)?"' . |
		xargs -r -d '\n' -n1 dirname | sort -u
)
if ((${#packages[@]} == 0)); then
	echo "race: nothing concurrent found" >&2
	exit 1
fi
shown='^(TestDocsRun|TestCloneAndMakeDemo|TestDemoForPrograms|TestBenchL2|TestBenchNetworks)$'
exec "$(dirname "$0")/test.sh" -race -skip "$shown" "$@" "${packages[@]}"
