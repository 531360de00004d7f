package sandbox

import (
	"slices"
	"strings"
	"testing"
)

func TestParseMounts(t *testing.T) {
	got := parseMounts(`27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 27 0:4 net:[4026532] /run/ns\040one rw shared:7 master:1 - nsfs nsfs rw
short line
41 27 0:5 / /x rw - onlytype
42 27 0:50 /hosts /etc/hosts rw - tmpfs vswitch-etc rw
`)
	want := []mount{
		{"/", "/", "ext4", "/dev/vda"},
		{"net:[4026532]", "/run/ns one", "nsfs", "nsfs"},
		{"/hosts", "/etc/hosts", "tmpfs", "vswitch-etc"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestOwnMounts(t *testing.T) {
	all, err := mounts()
	must(t, err)
	if !slices.ContainsFunc(all, func(m mount) bool { return m.Point == "/" }) {
		t.Errorf("no root among %+v", all)
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add("27 1 254:0 / / rw - ext4 /dev/vda rw\n")
	f.Add(`1 2 3 \ /\040\134\8 rw a b c - t s` + "\n")
	f.Add("- - - - - - - - -")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parseMounts(text) {
			if m.Type == "" {
				t.Fatalf("mount without a type in %q", text)
			}
		}
	})
}

// escape is what the kernel does with a path.
func escape(s string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(s)
}

func FuzzUnescape(f *testing.F) {
	f.Add(`/a b\c`)
	f.Add("\t\n\\")
	f.Fuzz(func(t *testing.T, s string) {
		if got := unescape(escape(s)); got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}
