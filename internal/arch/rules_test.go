package arch

// Ranks of the rooms, lowest first. A room may import rooms of lower rank, never
// one of its own. A package belongs to the room with the longest path that it
// stands in, and packages of one room may import each other. A package that
// belongs to none fails the test: place it here.
var ranks = [][]string{
	{"internal/frame", "internal/api", "internal/flow"},
	{"internal/offload", "internal/trace", "internal/netnsx", "internal/state", "internal/doctor", "ipam"},
	{"nat"},
	{
		"switch", "vxlan", "portfwd", "ipam/dhcp",
		"internal/gateway", "internal/uplink", "internal/dns", "internal/tap",
		"internal/engine", "internal/capture", "internal/sandbox",
	},
	{"internal/network", "internal/testnet", "internal/api/server", "internal/api/client"},
	{"internal/daemon", "bench", "internal/arch"},
	{"cmd/vswitch"},
}

// importers: rooms that only the named ones may import, whatever their rank.
var importers = map[string][]string{
	"internal/daemon": {"cmd/vswitch"},
}

// helpers are for tests: nothing outside _test.go files imports them, and the
// rules for modules do not bind them.
var helpers = []string{"internal/testnet", "internal/tap/taptest"}

// modules: who may import what comes from outside. A path that is not below any
// of these fails the test. Test files may import what they like.
var modules = map[string][]string{
	"github.com/songgao/water":                    {"internal/tap"},
	"golang.org/x/sys/unix":                       {"internal/tap", "internal/engine", "vxlan", "portfwd", "internal/netnsx", "internal/uplink", "internal/sandbox"},
	"github.com/vishvananda/netlink":              {"internal/netnsx", "internal/sandbox"},
	"github.com/vishvananda/netns":                {"internal/netnsx", "internal/sandbox"},
	"github.com/google/gopacket":                  {"internal/capture", "internal/trace"},
	"github.com/insomniacslk/dhcp":                {"ipam/dhcp"},
	"github.com/docker/go-connections/nat":        {"portfwd"}, // docker's own grammar of -p
	"github.com/coreos/go-systemd/v22/activation": {"portfwd", "internal/sandbox", "cmd/vswitch"},
	"github.com/gaissmai/bart":                    {"nat", "internal/gateway", "internal/network"},
	"github.com/fvbommel/sortorder":               {"cmd/vswitch"}, // docker's natural order of names
	"github.com/creack/pty":                       {"cmd/vswitch"}, // a terminal of its own for run and exec
	"golang.org/x/term":                           {"cmd/vswitch"},
	"go4.org/netipx":                              {"ipam", "internal/network"},
	"go.etcd.io/etcd/client/v3":                   {"vxlan/control/store"},
	"go.yaml.in/yaml/v3":                          {"cmd/vswitch", "internal/daemon"},
	"github.com/spf13/cobra":                      {"cmd/vswitch"},
	"github.com/spf13/pflag":                      {"cmd/vswitch"},
	"golang.org/x/net":                            {"bench", "internal/daemon", "internal/dns", "internal/gateway", "vxlan", "internal/uplink"},
	"golang.org/x/net/dns/dnsmessage":             {"internal/dns", "bench"},
	"gonum.org/v1/plot":                           {"bench"},
}
