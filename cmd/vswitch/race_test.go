//go:build race

package main

// With the race detector on the tests, it is on the program that they run, too.
func init() { buildArgs, buildEnv = []string{"-race"}, []string{"GORACE=atexit_sleep_ms=0"} }
