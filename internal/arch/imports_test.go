package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// listed is what go list tells about a package.
type listed struct {
	ImportPath string
	Name       string
	Dir        string
	Standard   bool
	Imports    []string
	Module     *struct{ Main bool }
}

// list returns the packages of the module and all that they depend on.
func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Name,Dir,Standard,Imports,Module", "./...")
	cmd.Dir = moduleRoot
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// moduleRoot is where go.mod lies, seen from this package.
const moduleRoot = "../.."

// own reports whether the package is of this module, and its path below it.
func (p listed) own() (string, bool) {
	return strings.TrimPrefix(p.ImportPath, "vswitch/"), p.Module != nil && p.Module.Main
}

// importGraph reads the graph of the module as it stands.
func importGraph(t *testing.T) graph {
	t.Helper()
	packages := list(t)
	standard := map[string]bool{"C": true, "unsafe": true}
	for _, p := range packages {
		standard[p.ImportPath] = standard[p.ImportPath] || p.Standard
	}
	g := graph{}
	for _, p := range packages {
		name, own := p.own()
		if !own {
			continue
		}
		g[name] = []string{}
		for _, imported := range p.Imports {
			if !standard[imported] {
				g[name] = append(g[name], strings.TrimPrefix(imported, "vswitch/"))
			}
		}
	}
	return g
}

// Who may import whom: see ARCHITECTURE.md.
func TestImports(t *testing.T) {
	g := importGraph(t)
	if len(g["internal/arch"]) != 0 || g["cmd/vswitch"] == nil {
		t.Fatalf("the graph was misread: %v", g)
	}
	for _, v := range violations(g) {
		t.Error(v)
	}
}

// A rule that never fires guards nothing: each fires on a graph made to break it.
func TestImportRulesFire(t *testing.T) {
	tests := []struct {
		name string
		edge [2]string
		want string
	}{
		{"downwards", [2]string{"internal/tap", "internal/frame"}, ""},
		{"two ranks down", [2]string{"cmd/vswitch", "internal/frame"}, ""},
		{"inside a room", [2]string{"vxlan", "vxlan/control"}, ""},
		{"a room inside another's folder", [2]string{"ipam/dhcp", "ipam"}, ""},
		{"allowed module", [2]string{"internal/tap", "github.com/songgao/water"}, ""},
		{"allowed module's inner package", [2]string{"bench", "gonum.org/v1/plot/vg"}, ""},
		{"test helper takes what it likes", [2]string{"internal/testnet", "github.com/google/gopacket/layers"}, ""},
		{"siblings", [2]string{"internal/tap", "internal/engine"}, "siblings do not"},
		{"upwards", [2]string{"internal/frame", "internal/offload"}, "rank 0 may not import one of rank 1"},
		{"upwards inside a folder", [2]string{"ipam", "ipam/dhcp"}, "rank 1 may not import one of rank 3"},
		{"daemon by bench", [2]string{"bench", "internal/daemon"}, "only cmd/vswitch may"},
		{"helper outside tests", [2]string{"cmd/vswitch", "internal/testnet"}, "for tests only"},
		{"foreign module", [2]string{"internal/engine", "github.com/songgao/water"}, "only internal/tap may"},
		{"kernel calls", [2]string{"switch", "golang.org/x/sys/unix"}, "only internal/tap, "},
		{"gopacket on the road", [2]string{"switch", "github.com/google/gopacket"}, "only internal/capture"},
		{"netlink everywhere", [2]string{"internal/tap", "github.com/vishvananda/netlink"}, "only internal/netnsx"},
		{"etcd beside its leaf", [2]string{"vxlan/control", "go.etcd.io/etcd/client/v3"}, "only vxlan/control/store"},
		{"module not weighed", [2]string{"internal/frame", "example.org/handy"}, "no rule knows"},
		{"a name that only begins alike", [2]string{"internal/tap", "github.com/songgao/waterfall"}, "no rule knows"},
		{"room without a place", [2]string{"internal/shed", "internal/frame"}, "belongs to no room"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := graph{tt.edge[0]: {tt.edge[1]}}
			if room(tt.edge[1]) != "" {
				g[tt.edge[1]] = nil
			}
			got := strings.Join(violations(g), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("violations %q, want %q", got, tt.want)
			}
		})
	}
}

func TestViolationNamesTheChain(t *testing.T) {
	g := graph{
		"cmd/vswitch":     {"internal/api", "internal/daemon"},
		"internal/daemon": {"switch"},
		"switch":          {"internal/tap"},
		"internal/tap":    nil,
		"internal/api":    nil,
	}
	const want = "chain: cmd/vswitch -> internal/daemon -> switch -> internal/tap"
	if got := strings.Join(violations(g), "\n"); !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The two packages at the bottom depend on nothing but the standard library,
// however far down one looks, and no room stands in the ranks twice.
func TestRanksAreSound(t *testing.T) {
	seen := map[string]bool{}
	for _, rooms := range ranks {
		for _, r := range rooms {
			if seen[r] {
				t.Errorf("%s has two ranks", r)
			}
			seen[r] = true
		}
	}
	for module, rooms := range modules {
		for _, r := range rooms {
			if room(r) == "" || rank(r) == 0 {
				t.Errorf("%s may be imported by %s, which may import nothing", module, r)
			}
		}
	}
}
