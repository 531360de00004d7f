package bench

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// socketDrops reads how many datagrams found the socket's buffer full: the last
// column of /proc/net/udp and udp6 (proc_net(5)), in the row with its inode.
func socketDrops(s *sock) (uint64, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(s.fd, &st); err != nil {
		return 0, os.NewSyscallError("fstat", err)
	}
	for _, file := range []string{"/proc/self/net/udp", "/proc/self/net/udp6"} {
		b, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return 0, fmt.Errorf("read socket drops: %w", err)
		}
		if n, ok := findDrops(string(b), st.Ino); ok {
			return n, nil
		}
	}
	return 0, fmt.Errorf("read socket drops: no socket with inode %d", st.Ino)
}

func findDrops(table string, inode uint64) (uint64, bool) {
	want := strconv.FormatUint(inode, 10)
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) >= 13 && f[9] == want {
			n, err := strconv.ParseUint(f[12], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
