//go:build race

package main

// With the race detector on the tests, it is on the program that they run, too. A
// switch of root's has no other goroutines than an ordinary user's: one of them is
// enough here, and half the time.
func init() {
	buildArgs, buildEnv = []string{"-race"}, []string{"GORACE=atexit_sleep_ms=0"}
	labUsers = map[string]play{"user": asUser}
}
