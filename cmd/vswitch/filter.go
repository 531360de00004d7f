package main

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Filters, as Docker has them: values of one key are alternatives, except those of
// label, which must all hold; all keys must hold.

// filters has the values by key.
type filters map[string][]string

// parseFilters reads key=value pairs; known are the keys that there are.
func parseFilters(pairs []string, known ...string) (filters, error) {
	f := filters{}
	for _, p := range pairs {
		key, value, ok := strings.Cut(p, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" {
			return nil, invalidFlag("--filter", p, nil).Because("it is not key=value").
				WithFix("for example:  --filter %s=VALUE", known[0])
		}
		if !slices.Contains(known, key) {
			return nil, oneOf("--filter", "--filter", key, known)
		}
		f[key] = append(f[key], value)
	}
	return f, nil
}

// exactly reports whether the filter's key is not given, or one of its values is s.
func (f filters) exactly(key, s string) bool {
	values, ok := f[key]
	return !ok || slices.Contains(values, s)
}

// matches is the same with regular expressions, anywhere in one of the names.
func (f filters) matches(key string, names ...string) bool {
	values, ok := f[key]
	if !ok {
		return true
	}
	return slices.ContainsFunc(values, func(v string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			found, err := regexp.MatchString(v, name)
			return v == name || err == nil && found
		})
	})
}

// labelled reports whether every label that is asked for, as KEY or KEY=VALUE, is
// there.
func (f filters) labelled(labels map[string]string) bool {
	return !slices.ContainsFunc(f["label"], func(want string) bool {
		key, value, given := strings.Cut(want, "=")
		got, ok := labels[key]
		return !ok || given && got != value
	})
}

// boolean returns what a key with a truth value asks for; nil where it is not given.
func (f filters) boolean(key string) (*bool, error) {
	values := f[key]
	if len(values) == 0 {
		return nil, nil
	}
	b, err := strconv.ParseBool(values[len(values)-1])
	if err != nil {
		return nil, invalidFlag("--filter", key+"="+values[len(values)-1], nil).
			WithFix("use:  --filter %s=true", key)
	}
	return &b, nil
}

// rowFilter is a key of --filter that compares a cell of a table's row.
type rowFilter[T any] struct {
	key string
	of  func(T) string
}

// by makes the filter of one key.
func by[T any](key string, of func(T) string) rowFilter[T] { return rowFilter[T]{key, of} }

func filterKeys[T any](all []rowFilter[T]) (keys []string) {
	for _, f := range all {
		keys = append(keys, f.key)
	}
	return keys
}

// rowTest makes the test of --filter for rows. It takes small letters for capitals:
// states are written in capitals, protocols are not.
func rowTest[T any](pairs []string, known []rowFilter[T]) (keep func(T) bool, err error) {
	f, err := parseFilters(pairs, filterKeys(known)...)
	if err != nil {
		return nil, err
	}
	return func(row T) bool {
		return !slices.ContainsFunc(known, func(k rowFilter[T]) bool {
			values, asked := f[k.key]
			return asked && !slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, k.of(row)) })
		})
	}, nil
}

// labelText is labels as Docker's tables show them: sorted, with commas.
func labelText(labels map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, key+"="+labels[key])
	}
	return strings.Join(all, ",")
}

// keyValues reads KEY=VALUE pairs; a bare KEY has an empty value.
func keyValues(flag string, pairs []string) (map[string]string, error) {
	m := make(map[string]string)
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		if key == "" {
			return nil, invalidFlag(flag, p, nil).Because("the key is empty").WithFix("use:  %s KEY=VALUE", flag)
		}
		m[key] = value
	}
	return m, nil
}
