package testnet

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// Ping sends count echo requests a few milliseconds apart, with further flags of
// ping(8), and returns how many were answered.
func (s *Station) Ping(t testing.TB, to netip.Addr, count int, flags ...string) int {
	t.Helper()
	args := append([]string{"ping", "-n", "-q", "-c", strconv.Itoa(count), "-i", "0.005"}, flags...)
	out, _ := s.Try(t, append(args, to.String())...)
	got, err := pingAnswers(out)
	if err != nil {
		t.Fatalf("%s: ping %s: %v\n%s", s.Box.Name(), to, err, out)
	}
	return got
}

// MustPing fails the test unless count requests were answered. It sends more where
// answers are late: ping waits for the last one no longer than for two round trips,
// but with a deadline until enough have come. That none was lost is for the counters
// of the switch to say.
func (s *Station) MustPing(t testing.TB, to netip.Addr, count int, flags ...string) {
	t.Helper()
	if got := s.Ping(t, to, count, append(flags, "-w", patience)...); got < count {
		t.Errorf("%s: ping %s: %d of %d answered", s.Box.Name(), to, got, count)
	}
}

// patience is Patience in the words of ping.
var patience = strconv.Itoa(int(Patience.Seconds()))

// pingAnswers reads the summary "3 packets transmitted, 3 received, ...".
func pingAnswers(out string) (int, error) {
	for line := range strings.Lines(out) {
		var sent, got int
		if n, _ := fmt.Sscanf(line, "%d packets transmitted, %d received", &sent, &got); n == 2 {
			return got, nil
		}
	}
	return 0, fmt.Errorf("no summary")
}
