package testnet

import "testing"

func TestPingAnswers(t *testing.T) {
	for out, want := range map[string]int{
		"PING x\n\n--- 10.0.0.2 ping statistics ---\n3 packets transmitted, 2 received, 33% packet loss, time 2ms\n": 2,
		"5 packets transmitted, 0 received, +3 errors, 100% packet loss, time 4000ms\n":                              0,
	} {
		if got, err := pingAnswers(out); got != want || err != nil {
			t.Errorf("%q: %d, %v", out, got, err)
		}
	}
	if _, err := pingAnswers("ping: connect: Network is unreachable\n"); err == nil {
		t.Error("no summary, no error")
	}
}

func TestParseIperf(t *testing.T) {
	for _, tt := range []struct {
		out  string
		want Result
	}{
		{`{"end":{"sum_sent":{"bytes":10,"retransmits":3},"sum_received":{"bytes":9}}}`, Result{Sent: 10, Received: 9, Retransmits: 3}},
		{`{"end":{"sum":{"bytes":64,"packets":4,"lost_packets":1},"sum_received":{"bytes":48}}}`, Result{Sent: 64, Received: 48, Packets: 4, Lost: 1}},
	} {
		if got, err := parseIperf(tt.out); got != tt.want || err != nil {
			t.Errorf("%s: %+v, %v", tt.out, got, err)
		}
	}
	if _, err := parseIperf("iperf3: error - unable to connect"); err == nil {
		t.Error("no JSON, no error")
	}
}

func TestLoadArguments(t *testing.T) {
	l := Load{To: a4, Streams: 4, Reverse: true, UDP: true, Length: 64, Rate: "0", Bytes: "1M"}
	want := []string{"iperf3", "-J", "-c", "10.0.0.1", "-P", "4", "-n", "1M", "-R", "-u", "-l", "64", "-b", "0"}
	got := l.args()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}
