package api

// Exit is what the program returns to the shell.
type Exit int

// The exit codes. Scripts test against them: they never change their meaning.
// A program run inside a container passes its own code through.
const (
	ExitDone        Exit = 0
	ExitFailed      Exit = 1
	ExitUsage       Exit = 2   // wrong usage, or a file that is not valid
	ExitUnreachable Exit = 3   // the switch does not answer
	ExitNotFound    Exit = 4   // the named object does not exist
	ExitConflict    Exit = 5   // a name, port or subnet is taken
	ExitMachine     Exit = 6   // the machine is not able; doctor says why
	ExitExpectation Exit = 7   // a test's expectation did not hold
	ExitNothing     Exit = 8   // there was nothing to test
	ExitTimeout     Exit = 124 // as timeout(1)
	ExitRun         Exit = 125 // run and exec: this program failed, not the one to run
	ExitNotExec     Exit = 126 // run and exec: found, but not executable
	ExitNoCommand   Exit = 127 // run and exec: not found
)
