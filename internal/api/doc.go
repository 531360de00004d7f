// Package api holds the words that the program and those who talk to it share:
// the error that a person is told, its codes, and what the program exits with.
//
// It is a leaf: it imports the standard library only, and every room may
// import it.
package api
