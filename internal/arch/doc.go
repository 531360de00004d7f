// Package arch holds the rules of the house as tests: who may import whom,
// which room may use which module, that every package says what it is for, that
// files are formatted, that error codes exist and that no test hides.
//
// ARCHITECTURE.md says why; rules_test.go is the list to edit when a room is
// added.
package arch
