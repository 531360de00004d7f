package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// residentOf returns how many bytes of memory a process has resident: all its
// pages, shared ones included.
func residentOf(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if errors.Is(err, fs.ErrPermission) {
		return statmOf(pid)
	}
	if err != nil {
		return 0, fmt.Errorf("read a process's memory: %w", err)
	}
	return parseRollup(b)
}

// parseRollup reads the line Rss of smaps_rollup (proc_pid_smaps(5)), in KiB.
func parseRollup(b []byte) (uint64, error) {
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		if rest, ok := strings.CutPrefix(sc.Text(), "Rss:"); ok {
			kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 54)
			if err != nil {
				return 0, fmt.Errorf("read a process's memory: %w", err)
			}
			return kib << 10, nil
		}
	}
	return 0, errors.New("read a process's memory: no line Rss")
}

// statmOf reads the resident pages of /proc/PID/statm (proc_pid_statm(5)), which
// everybody may read; the kernel rounds them by some hundred KiB.
func statmOf(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("read a process's memory: %w", err)
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0, fmt.Errorf("read a process's memory: unexpected %q", b)
	}
	pages, err := strconv.ParseUint(f[1], 10, 40)
	if err != nil {
		return 0, fmt.Errorf("read a process's memory: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil
}

// cpuOf returns the processor time of a process so far, in steps of 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read a process's time: %w", err)
	}
	return parseProcessCPU(string(b))
}

// parseProcessCPU reads utime and stime, fields 14 and 15 of /proc/PID/stat
// (proc_pid_stat(5)). The name, field 2, may contain anything; it ends with the
// last parenthesis.
func parseProcessCPU(stat string) (time.Duration, error) {
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const utime = 14 - 3 // fields 1 and 2 are cut off, and counting begins with 0
	if len(f) <= utime+1 {
		return 0, fmt.Errorf("read a process's time: unexpected %q", stat)
	}
	var ticks time.Duration
	for _, v := range f[utime : utime+2] {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("read a process's time: %w", err)
		}
		ticks += time.Duration(n)
	}
	return ticks * (time.Second / userHZ), nil
}

// readLoad returns the machine's load averages over 1, 5 and 15 minutes; zeros
// where they cannot be read.
func readLoad() (load [3]float64) {
	for i, f := range strings.Fields(firstLine("/proc/loadavg")) {
		if i < len(load) {
			load[i], _ = strconv.ParseFloat(f, 64) // 0 says that it is not known
		}
	}
	return load
}

// addDevice adds what a device in a process's network namespace received.
func (c *Counters) addDevice(pid int, device string) error {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return fmt.Errorf("read a process's devices: %w", err)
	}
	return c.parseDevice(string(b), device)
}

// parseDevice reads a line of /proc/PID/net/dev (proc_pid_net(5)): the name, a colon,
// then what was received: bytes, packets, errors, drops.
func (c *Counters) parseDevice(table, device string) error {
	for line := range strings.Lines(table) {
		name, rest, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) != device {
			continue
		}
		var bytes, packets, errs, drops uint64
		if _, err := fmt.Sscan(rest, &bytes, &packets, &errs, &drops); err != nil {
			return fmt.Errorf("read a process's devices: %w", err)
		}
		c.Bytes, c.Frames, c.Drops = c.Bytes+bytes, c.Frames+packets, c.Drops+drops
		return nil
	}
	return fmt.Errorf("read a process's devices: no %s", device)
}
