package api

import "time"

// Version of the API: the first element of every path. It changes only when a
// client of the old one could not go on.
const Version = 1

// Headers of every request and answer.
const (
	// HeaderAPI carries Version; a switch that speaks another one refuses.
	HeaderAPI = "VSwitch-Api"
	// HeaderVersion carries the program's version, for people.
	HeaderVersion = "VSwitch-Version"
)

// Upgrade is the protocol named by a start or exec that hands descriptors over:
// after 101 the client sends one byte with its stdin, stdout and stderr as
// SCM_RIGHTS (unix(7)); then the switch sends Event lines and reads Control lines.
const Upgrade = "vswitch-exec"

// Schema makes the name of a JSON document of ours.
func Schema(kind string) string { return "vswitch/v1/" + kind }

// Status says how the switch process fares.
type Status struct {
	Schema  string    `json:"schema"`
	Version string    `json:"version"`
	API     int       `json:"api"`
	PID     int       `json:"pid"`
	Keeper  int       `json:"keeperPid"`
	Started time.Time `json:"started"`
	// Restarts counts how often the process was started again since the first up.
	Restarts int    `json:"restarts"`
	User     int    `json:"user"` // uid outside
	Rootless bool   `json:"rootless"`
	Socket   string `json:"socket"`
	StateDir string `json:"stateDir"`
	// Loop is the I/O loop in use; LoopNote why it is not io_uring.
	Loop     string `json:"loop"`
	LoopNote string `json:"loopNote,omitempty"`
	Workers  int    `json:"workers"`

	Networks   int `json:"networks"`
	Containers int `json:"containers"`
	Running    int `json:"running"`
	Ports      int `json:"ports"`
	// Memory is the resident size in bytes, CPU the seconds of processor time.
	Memory uint64  `json:"memory"`
	CPU    float64 `json:"cpu"`
	// Findings are what went wrong and was survived, newest last: a state file that
	// could not be read, a namespace that vanished.
	Findings []Finding `json:"findings"`
}

// Finding is something that went wrong and was survived.
type Finding struct {
	Time  time.Time `json:"time"`
	Error *Error    `json:"error"`
}

// Removed is a line of the answer to down: one thing that is gone.
type Removed struct {
	Kind string `json:"kind"` // container, network, process, namespace, device, mount, file
	Name string `json:"name"`
	// Error says why it could not be removed.
	Error *Error `json:"error,omitempty"`
}

// Down asks the switch to end. Keep leaves networks, leases and stopped containers
// in its files for the next start.
type Down struct {
	Keep bool
}
