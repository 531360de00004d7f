package ipam

import (
	"net/netip"
	"testing"
)

func TestMACFor(t *testing.T) {
	tests := []struct{ addr, want string }{
		{"172.17.0.2", "02:42:ac:11:00:02"},
		{"10.0.0.255", "02:42:0a:00:00:ff"},
		{"::ffff:172.17.0.2", "02:42:ac:11:00:02"},
		{"fd00::2", "02:42:95:02:5e:5e"},
		{"fd00::3", "02:42:96:02:5f:f1"},
	}
	for _, tt := range tests {
		m := MACFor(addr(tt.addr))
		if m.String() != tt.want || m.Group() {
			t.Errorf("%s: %v, want %s", tt.addr, m, tt.want)
		}
	}
	if m := MACFor(netip.Addr{}); m != 0 {
		t.Errorf("without an address: %v", m)
	}
}
