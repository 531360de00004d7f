package api

import (
	"fmt"
	"slices"
	"strings"
)

// Code names one way to fail. It is stable: a script and a search engine find it.
type Code string

// What the machine lacks or forbids.
const (
	UsernsSysctl      Code = "VS-ENV-001"
	UsernsAppArmor    Code = "VS-ENV-002"
	TunMissing        Code = "VS-ENV-003"
	TunClosed         Code = "VS-ENV-004"
	UsernsExhausted   Code = "VS-ENV-005"
	TunNoDriver       Code = "VS-ENV-006"
	TunOffloads       Code = "VS-ENV-007"
	UringUnavailable  Code = "VS-ENV-008"
	ToolMissing       Code = "VS-ENV-009"
	LockedMemory      Code = "VS-ENV-010"
	OpenFiles         Code = "VS-ENV-011"
	KernelOld         Code = "VS-ENV-012"
	NamespacesRefused Code = "VS-ENV-013"
	ProbeFailed       Code = "VS-ENV-014"
	PingClosed        Code = "VS-ENV-015"
)

// What was typed or written.
const (
	WrongUsage     Code = "VS-USE-001"
	UnknownCommand Code = "VS-USE-002"
	UnknownFlag    Code = "VS-USE-003"
	InvalidValue   Code = "VS-USE-004"
	InvalidFile    Code = "VS-USE-005"
)

// Objects and what they stand on.
const (
	UnknownName Code = "VS-OBJ-001"
	NameExists  Code = "VS-OBJ-002"
	ObjectInUse Code = "VS-OBJ-003"
	Ambiguous   Code = "VS-OBJ-004"
	Predefined  Code = "VS-OBJ-005"
	NotRunning  Code = "VS-OBJ-006"
	IsRunning   Code = "VS-OBJ-007"

	SubnetOverlap  Code = "VS-NET-001"
	PortInUse      Code = "VS-NET-002"
	PrivilegedPort Code = "VS-NET-003"
	MTUTooLarge    Code = "VS-NET-004"

	AddressTaken    Code = "VS-NET-005"
	AddressOutside  Code = "VS-NET-006"
	PoolExhausted   Code = "VS-NET-007"
	NoSubnetFree    Code = "VS-NET-008"
	AddressNoSubnet Code = "VS-NET-009"
	ModeExclusive   Code = "VS-NET-010"
	UnknownDriver   Code = "VS-NET-011"
	NamespaceGone   Code = "VS-NET-012"
	InterfaceTaken  Code = "VS-NET-013"
	NoLease         Code = "VS-NET-014"
	MACTaken        Code = "VS-NET-015"
	NamespaceClosed Code = "VS-NET-016"

	UplinkRights       Code = "VS-NET-017"
	UplinkNetwork      Code = "VS-NET-018"
	PortRangeUsed      Code = "VS-NET-019"
	HostAddressMissing Code = "VS-NET-020"
	NotPublished       Code = "VS-NET-021"
	PublishProtocol    Code = "VS-NET-022"
	SocketsExhausted   Code = "VS-NET-023"
)

// The switch process, programs run in containers, and tests.
const (
	SwitchUnreachable Code = "VS-SWI-001"
	VersionMismatch   Code = "VS-SWI-002"
	StateDamaged      Code = "VS-SWI-003"
	StateNewer        Code = "VS-SWI-004"
	StateUnwritable   Code = "VS-SWI-005"
	StartFailed       Code = "VS-SWI-006"

	RunFailed     Code = "VS-RUN-001"
	NotExecutable Code = "VS-RUN-002"
	NoCommand     Code = "VS-RUN-003"

	ExpectationFailed Code = "VS-TST-001"
	NothingToTest     Code = "VS-TST-002"

	TimedOut    Code = "VS-GEN-001"
	Unexpected  Code = "VS-GEN-002"
	Interrupted Code = "VS-GEN-003"
)

// Entry is what the catalogue says about a code.
type Entry struct {
	Code Code
	Exit Exit
	// Title is one sentence.
	Title string
	// Fix is the general remedy, used where an Error brings none of its own.
	Fix string
	// Text explains: why it happens, how to see it, what else can be done.
	Text string
}

// Explain returns the entry as `vswitch explain` shows it, in 80 columns.
func (e Entry) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", e.Code, e.Title)
	if e.Text != "" {
		fmt.Fprintf(&b, "\n%s\n", e.Text)
	}
	if e.Fix != "" {
		fmt.Fprintf(&b, "\nfix:  %s\n", e.Fix)
	}
	fmt.Fprintf(&b, "\nThe program exits with %d after this error.\n", e.Exit)
	return b.String()
}

// Entry returns what the catalogue says about c. A code that it does not have
// exits with ExitFailed and says so.
func (c Code) Entry() Entry {
	if e, ok := catalogue[c]; ok {
		return e
	}
	return Entry{Code: c, Exit: ExitFailed, Title: "The code is not one that this program knows."}
}

// Known reports whether the catalogue has c.
func (c Code) Known() bool {
	_, ok := catalogue[c]
	return ok
}

// Codes returns all codes of the catalogue, sorted.
func Codes() []Code {
	all := make([]Code, 0, len(catalogue))
	for c := range catalogue {
		all = append(all, c)
	}
	slices.Sort(all)
	return all
}

// catalogue has one entry a code.
var catalogue = index(environment, usage, objects, process)

// index makes the catalogue of several tables. A code that stands twice is a
// mistake in this package and stops the program at once.
func index(tables ...[]Entry) map[Code]Entry {
	all := make(map[Code]Entry)
	for _, table := range tables {
		for _, e := range table {
			if _, twice := all[e.Code]; twice {
				panic("api: code " + string(e.Code) + " stands twice in the catalogue")
			}
			e.Text = strings.TrimSpace(e.Text)
			all[e.Code] = e
		}
	}
	return all
}
