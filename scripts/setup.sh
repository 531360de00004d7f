#!/usr/bin/env bash
# Usage: setup.sh demo|test|race
# Looks whether what packages.txt names for that purpose is there. What is
# missing is installed when this runs as root; otherwise one line names it and
# how to get it, and the work goes on: tests that need it skip loudly, and the
# program says what it cannot do. Only a missing Go ends it.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:?usage: setup.sh demo|test|race}

# there COMMAND|/FILE: is it on this machine? The system's folders count even
# where an ordinary user's PATH leaves them out.
there() {
	case $1 in
	/*) [[ -e $1 ]] ;;
	*) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1 ;;
	esac
}

# missing: the packages whose file or command is not there.
missing() {
	local package brings uses
	while read -r package brings uses _; do
		[[ -z $package || $package == \#* ]] && continue
		[[ ,$uses, == *,$purpose,* ]] || continue
		there "$brings" || printf '%s\n' "$package"
	done <packages.txt
}

# install PACKAGE...: with the lists that are there, then with fresh ones.
install() {
	export DEBIAN_FRONTEND=noninteractive
	local get=(apt-get -q -y -o DPkg::Lock::Timeout=120)
	"${get[@]}" install --no-install-recommends "$@" </dev/null ||
		{ "${get[@]}" update </dev/null && "${get[@]}" install --no-install-recommends "$@" </dev/null; }
}

if ! command -v go >/dev/null 2>&1; then
	echo "setup: Go is missing: get $(sed -n 's/^go //p' go.mod) or newer from https://go.dev/dl/" >&2
	exit 1
fi

mapfile -t wanted < <(missing)
((${#wanted[@]})) || exit 0

if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null 2>&1; then
	echo "setup: installing ${wanted[*]}" >&2
	install "${wanted[@]}" >&2 || true
	mapfile -t wanted < <(missing)
fi
if ((${#wanted[@]})); then
	echo "setup: missing for $purpose: ${wanted[*]}. An administrator installs them (Debian, Ubuntu) with: apt-get install -y ${wanted[*]}" >&2
fi
