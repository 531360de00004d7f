package arch

import (
	"fmt"
	"slices"
	"strings"
)

// graph is the module's packages, each with what its non-test files import, by
// path below the module ("internal/frame"). Packages of other modules keep their
// whole path; those of the standard library are left out.
type graph map[string][]string

// violations returns one line for each import that the rules forbid, with the
// chain of imports by which the program reaches it.
func violations(g graph) []string {
	var found []string
	for _, pkg := range sorted(g) {
		if rank(pkg) < 0 {
			found = append(found, fmt.Sprintf("%s: belongs to no room; place it in the ranks of rules_test.go", pkg))
			continue
		}
		for _, imported := range g[pkg] {
			if why := forbidden(g, pkg, imported); why != "" {
				found = append(found, fmt.Sprintf("%s imports %s: %s\n\tchain: %s",
					pkg, imported, why, strings.Join(append(chain(g, pkg), imported), " -> ")))
			}
		}
	}
	return found
}

// forbidden says why pkg may not import imported; empty when it may.
func forbidden(g graph, pkg, imported string) string {
	if _, ours := g[imported]; !ours {
		return outside(pkg, imported)
	}
	from, to := room(pkg), room(imported)
	switch {
	case within(imported, helpers) && !within(pkg, helpers):
		return "it is for tests only"
	case from == to || rank(imported) < 0:
		return ""
	case importers[to] != nil && !slices.Contains(importers[to], from):
		return fmt.Sprintf("only %s may", strings.Join(importers[to], ", "))
	case rank(imported) == rank(pkg):
		return "siblings do not import each other"
	case rank(imported) > rank(pkg):
		return fmt.Sprintf("a room of rank %d may not import one of rank %d", rank(pkg), rank(imported))
	}
	return ""
}

// outside says why pkg may not import a package of another module.
func outside(pkg, imported string) string {
	if within(pkg, helpers) {
		return ""
	}
	rule := longest(imported, sorted(modules))
	switch {
	case rule == "":
		return "a module that no rule knows; weigh it and add it to rules_test.go"
	case !within(pkg, modules[rule]):
		return fmt.Sprintf("only %s may", strings.Join(modules[rule], ", "))
	}
	return ""
}

// chain returns a shortest way from a command to pkg over imports; just pkg where
// no command reaches it.
func chain(g graph, pkg string) []string {
	var queue [][]string
	seen := map[string]bool{}
	for _, p := range sorted(g) {
		if strings.HasPrefix(p, "cmd/") {
			queue = append(queue, []string{p})
		}
	}
	for len(queue) > 0 {
		way := queue[0]
		queue = queue[1:]
		last := way[len(way)-1]
		if last == pkg {
			return way
		}
		for _, next := range g[last] {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, append(slices.Clone(way), next))
			}
		}
	}
	return []string{pkg}
}

// room returns the room that pkg stands in; empty when there is none.
func room(pkg string) string { return longest(pkg, slices.Concat(ranks...)) }

// rank returns the rank of pkg's room, or -1.
func rank(pkg string) int {
	r := room(pkg)
	return slices.IndexFunc(ranks, func(rooms []string) bool { return r != "" && slices.Contains(rooms, r) })
}

// longest returns the longest of prefixes that path is or lies below.
func longest(path string, prefixes []string) string {
	best := ""
	for _, p := range prefixes {
		if below(path, p) && len(p) > len(best) {
			best = p
		}
	}
	return best
}

// within reports whether path is or lies below one of prefixes.
func within(path string, prefixes []string) bool { return longest(path, prefixes) != "" }

// below reports whether path is prefix or lies below it.
func below(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// sorted returns the keys of m in order.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
