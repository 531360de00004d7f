#!/usr/bin/env bash
# Usage: fuzz.sh [PACKAGE...]
# Runs every fuzz target of the packages (all of them unless named) for FUZZTIME
# each, 10 s unless set, and names those that failed at the end. An input that
# fails is written below the package's testdata/fuzz: commit it with the repair.
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${FUZZTIME:-10s}
(($#)) || set -- ./...

# targets: one line for each target, its package and its name. go test -list
# prints the names of a package and then its "ok" line.
targets() {
	go test -list '^Fuzz' "$@" | awk '
		/^Fuzz/ { names[n++] = $1; next }
		$1 == "ok" { for (i = 0; i < n; i++) print $2, names[i] }
		{ n = 0 }'
}

list=$(targets "$@")
failed=()
count=0
while read -r package name; do
	[[ -n $package ]] || continue
	count=$((count + 1))
	echo "fuzz: $package $name for $fuzztime"
	go test -run='^$' -fuzz="^$name\$" -fuzztime="$fuzztime" -fuzzminimizetime=20x "$package" </dev/null || failed+=("$package $name")
done <<<"$list"

if ((${#failed[@]})); then
	printf 'fuzz: FAILED %s\n' "${failed[@]}" >&2
	exit 1
fi
echo "fuzz: $count targets, $fuzztime each, none failed"
