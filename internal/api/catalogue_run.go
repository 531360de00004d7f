package api

// process has the switch process, programs run in containers, and tests.
var process = []Entry{
	{SwitchUnreachable, ExitUnreachable,
		"The switch process does not answer.",
		"start it:  vswitch up",
		`
Commands talk to the switch over a unix socket: /run/vswitch/ for root,
$XDG_RUNTIME_DIR/vswitch/ for an ordinary user, or what --socket says. ENOENT
means that no switch runs there, ECONNREFUSED that one ended without cleaning
up, EACCES that it belongs to somebody else.`},

	{VersionMismatch, ExitUnreachable,
		"This program and the running switch are of versions that do not understand each other.",
		"restart the switch with this version:  vswitch down && vswitch up",
		`
The program was replaced while a switch of another version runs. Containers
survive a restart of the switch.`},

	{StateDamaged, ExitFailed,
		"A file of the switch's state could not be read.",
		"the file was kept aside under the name shown; remove it when it is of no use",
		`
Each object has a file of its own with a checksum. One that is truncated or
changed is kept aside, renamed to end in .damaged, and reported in status; all
others are loaded. Files are written beside the old one and moved into place, so
this needs a failing disk or somebody's hand.`},

	{StateNewer, ExitUnreachable,
		"The switch's state was written by a newer version.",
		"use the newer version, or begin anew:  vswitch down",
		`
The files say which version of their form they are in. An older program leaves
them alone instead of losing what it does not know.`},

	{StateUnwritable, ExitFailed,
		"The switch's state could not be written.",
		"make room on the file system, or choose another one with --state-dir",
		`
A change is answered only after it is on the disk. When it cannot be written it
is undone, and the files stay as they were. ENOSPC means that the disk is full,
EROFS that it is read-only, EDQUOT that the user's quota is used up.`},

	{StartFailed, ExitFailed,
		"The switch process did not start.",
		"see its log, whose path is shown",
		`
The process ended, or did not get ready in time. What it said is in its log.
vswitch up --foreground shows it on the terminal, vswitch doctor tries what it
needs one by one.`},

	{RunFailed, ExitRun,
		"The program could not be started in the container.",
		"",
		`
The failure is ours, not the program's: its namespaces could not be entered or
its process not be made. The line above shows the system's own error.`},

	{NotExecutable, ExitNotExec,
		"The program was found but cannot be executed.",
		"check the file's mode and format",
		`
EACCES: the file's execute bit is not set, it is a directory, or its file system
is mounted noexec. ENOEXEC: it is not in a format that this machine runs.`},

	{NoCommand, ExitNoCommand,
		"The program was not found.",
		"check the name; containers see the host's files",
		`
A container here is a set of namespaces without an image: programs are the
host's own, looked for in PATH.`},

	{ExpectationFailed, ExitExpectation,
		"What was expected did not come true.",
		"",
		`
A test or a check ran to its end and found something else than it was told to
expect. Nothing is wrong with the switch itself; the line above shows what was
expected and what was found.`},

	{NothingToTest, ExitNothing,
		"There was nothing to test.",
		"",
		`
The test ran but met nothing that it applies to: no container, no pair of
containers, no expectation in the file. That is told apart from success, so
that an empty test does not pass.`},

	{TimedOut, ExitTimeout,
		"It took longer than allowed.",
		"",
		`
The time given with --timeout, or the command's own limit, ran out. What was
begun was undone.`},

	{Unexpected, ExitFailed,
		"The command failed in a way that has no code of its own.",
		"",
		`
The line above shows the system's own error. If it does not explain itself,
that is a defect of this program: please report it with the output of vswitch
version and vswitch doctor.`},

	{Interrupted, ExitFailed,
		"The command was interrupted before it was done.",
		"",
		`
Ctrl-C, or another signal that asks a program to end, came before its time. What
the command had made is taken down before it ends. A second Ctrl-C does not wait
for that: the kernel takes down what was made then.`},
}
