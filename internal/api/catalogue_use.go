package api

// usage has what was typed or written wrongly.
var usage = []Entry{
	{WrongUsage, ExitUsage,
		"The command does not take these arguments.",
		"see the command's usage with --help",
		`
Every command prints its usage and an example with --help. Global flags may
stand anywhere; what follows -- is left to the program that is run.`},

	{UnknownCommand, ExitUsage,
		"There is no such command.",
		"see all commands:  vswitch --help",
		`
Commands are a noun and a verb (network create), or one of the short daily
verbs (run, ps, ping). vswitch --help lists them.`},

	{UnknownFlag, ExitUsage,
		"The command does not have this flag.",
		"see the command's flags with --help",
		`
Flags belong to a command; --help after the command lists them. Each flag can
also be given in the environment: VSWITCH_ and the flag's name in capitals, a
dash written as underscore. A flag on the command line wins.`},

	{InvalidValue, ExitUsage,
		"A value is not of the form that is asked for.",
		"see what the flag or argument takes with --help",
		`
The value was read but does not mean anything here: not a number, an address, a
prefix or one of the words that --help lists. A value out of the environment is
named by its variable.`},

	{InvalidFile, ExitUsage,
		"A file is not valid.",
		"correct the file at the line and column shown",
		`
The file is read strictly: a key that is not known is an error, so that a slip
of the pen does not pass in silence. Line and column, counted from 1, stand in
the message.`},
}
