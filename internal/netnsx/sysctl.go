package netnsx

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// ErrSysctlName: the name is not one of a setting below net.
var ErrSysctlName = errors.New("not the name of a setting below net")

const sysctlRoot = "/proc/sys/"

// Sysctl reads a setting of the namespace, such as "net.ipv4.ip_forward". A name
// that contains a slash is taken to be separated by slashes, so that the name of a
// link may contain dots: "net/ipv4/conf/eth0.5/forwarding".
func (n *NS) Sysctl(name string) (string, error) {
	path, err := sysctlPath(name)
	if err != nil {
		return "", wrap("read the sysctl", name, err)
	}
	var value []byte
	// /proc/sys/net shows the namespace of the thread that looks.
	err = n.Do(func() (err error) {
		value, err = os.ReadFile(path)
		return wrap("read the sysctl", name, err)
	})
	return strings.TrimSuffix(string(value), "\n"), err
}

// SetSysctl writes a setting of the namespace, named as for Sysctl.
func (n *NS) SetSysctl(name, value string) error {
	path, err := sysctlPath(name)
	if err != nil {
		return wrap("set the sysctl", name, err)
	}
	return n.Do(func() error {
		return wrap("set the sysctl", fmt.Sprintf("%s to %q", name, value), writeExisting(path, value))
	})
}

func writeExisting(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// sysctlPath refuses everything that does not stay below /proc/sys/net: the rest
// of the tree belongs to the host.
func sysctlPath(name string) (string, error) {
	sep := "."
	if strings.Contains(name, "/") {
		sep = "/"
	}
	parts := strings.Split(name, sep)
	if len(parts) < 2 || parts[0] != "net" {
		return "", ErrSysctlName
	}
	for _, p := range parts {
		if p == "" || p == "." || p == ".." || strings.ContainsAny(p, "/\x00") {
			return "", ErrSysctlName
		}
	}
	return sysctlRoot + strings.Join(parts, "/"), nil
}
