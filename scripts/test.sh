#!/usr/bin/env bash
# Usage: test.sh GO-TEST-ARGUMENT...
# Runs go test within a bound of time for all packages together: LIMIT, 14
# minutes unless set. Go itself only bounds each package.
set -euo pipefail
cd "$(dirname "$0")/.."
limit=${LIMIT:-14m}
status=0
timeout --foreground --signal=INT --kill-after=30s "$limit" go test -timeout=10m "$@" || status=$?
if ((status == 124 || status == 137)); then
	echo "test: not done within $limit" >&2
fi
exit "$status"
