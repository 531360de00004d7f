#!/usr/bin/env bash
# go vet, gofmt, the house rules (internal/arch), bash -n on every script, and
# golangci-lint where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
go vet ./...
unformatted=$(gofmt -l .)
if [[ -n $unformatted ]]; then
	printf 'lint: not formatted, run gofmt -w on:\n%s\n' "$unformatted" >&2
	exit 1
fi
for script in scripts/*.sh .ci/run; do
	bash -n "$script"
done
go test ./internal/arch
if command -v golangci-lint >/dev/null 2>&1; then
	golangci-lint run
else
	echo "lint: golangci-lint is not installed; vet, gofmt and the house rules passed"
fi
