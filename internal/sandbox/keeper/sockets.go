package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Sockets that somebody bound for the switch beforehand go with Launch to the keeper,
// and from there with every start to the switch process. The keeper uses none of
// them; it has them so that they do not close with a switch process.

// ErrSocketsLate: a keeper that runs already takes no sockets. It has those that it
// was started with.
var ErrSocketsLate = errors.New("keeper: the switch runs already, and takes sockets only at its start")

const (
	// socketsEnv has the names of the sockets that a keeper or switch process
	// inherits, as a JSON list; it is missing where there are none.
	socketsEnv = "VSWITCH_INHERITED_SOCKETS"
	// firstSocket is the descriptor of the first; the others follow. Before it come
	// the standard ones and the two that keeperEnv and switchEnv tell of.
	firstSocket = 5
)

// announce adds to an environment what the next process has to know of its sockets.
func announce(env []string, sockets []*os.File) []string {
	if len(sockets) == 0 {
		return env
	}
	names := make([]string, len(sockets))
	for i, f := range sockets {
		names[i] = f.Name()
	}
	text, _ := json.Marshal(names) // strings have no way to fail
	return append(env, socketsEnv+"="+string(text))
}

// takeSockets takes the inherited sockets over, and clears the variable, so that no
// program finds it.
func takeSockets() ([]*os.File, error) {
	text, ok := os.LookupEnv(socketsEnv)
	if !ok {
		return nil, nil
	}
	if err := os.Unsetenv(socketsEnv); err != nil {
		return nil, fmt.Errorf("keeper: clear %s: %w", socketsEnv, err)
	}
	var names []string
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return nil, fmt.Errorf("keeper: %s=%q: %w", socketsEnv, text, err)
	}
	sockets := make([]*os.File, len(names))
	for i, name := range names {
		fd := firstSocket + i
		// The runtime's poller watches the file of a non-blocking socket: then every
		// client would wake the keeper up.
		if err := syscall.SetNonblock(fd, false); err != nil {
			return nil, fmt.Errorf("keeper: inherit the socket %s: %w", name, err)
		}
		sockets[i] = fileOf(fd, name)
	}
	return sockets, nil
}
