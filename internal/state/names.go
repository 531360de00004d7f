package state

import (
	"fmt"
	"regexp"
	"strings"
)

const (
	lockName    = "lock"
	versionName = "version"
	docSuffix   = ".json"
	tempPrefix  = ".tmp-" // no key begins with a dot
	asideInfix  = ".damaged-"
)

var (
	namePattern  = regexp.MustCompile(`^[a-z0-9_-][a-z0-9._-]{0,127}$`)
	tempPattern  = regexp.MustCompile(`^\.tmp-[0-9]+$`)
	asidePattern = regexp.MustCompile(`\.damaged-[0-9]+$`)
)

// checkNames refuses what must not become a part of a path.
func checkNames(names ...string) error {
	for _, n := range names {
		if !namePattern.MatchString(n) {
			return fmt.Errorf("state: %q: %w", n, ErrName)
		}
	}
	return nil
}

// checkKind is checkNames for a kind, which must not be a file of the store either.
func checkKind(kind string) error {
	if kind == lockName || kind == versionName {
		return fmt.Errorf("state: kind %q: %w, nor the store's own", kind, ErrName)
	}
	return checkNames(kind)
}

// keyOf returns the key of the document with the given file name.
func keyOf(name string) (key string, ok bool) {
	key, ok = strings.CutSuffix(name, docSuffix)
	return key, ok && namePattern.MatchString(key)
}

// made reports whether the store gives such a name to a file in a kind's directory:
// a document, one that was damaged, or a temporary file.
func made(name string) bool {
	if tempPattern.MatchString(name) {
		return true
	}
	_, ok := keyOf(asidePattern.ReplaceAllString(name, ""))
	return ok
}
