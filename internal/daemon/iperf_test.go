package daemon

import (
	"encoding/json"
	"testing"

	"vswitch/internal/api"
)

func TestReadIperf(t *testing.T) {
	for _, c := range []struct {
		what, text string
		udp        bool
		want       api.IperfResult
		bad        bool
	}{
		{"TCP", `{"end":{"sum_sent":{"bits_per_second":2e9,"retransmits":7},"sum_received":{"bits_per_second":1.9e9},"sender_tcp_congestion":"cubic"}}`,
			false, api.IperfResult{Sent: 2e9, Received: 1.9e9, Retransmits: 7, Congestion: "cubic"}, false},
		{"UDP of before 3.10", `{"end":{"sum":{"bits_per_second":1e6,"lost_percent":25,"jitter_ms":0.5}}}`,
			true, api.IperfResult{Sent: 1e6, Received: 7.5e5, LostPercent: 25, JitterMs: 0.5}, false},
		{"UDP", `{"end":{"sum_sent":{"bits_per_second":1e6},"sum_received":{"bits_per_second":9e5},"sum":{"bits_per_second":1e6,"lost_percent":10}}}`,
			true, api.IperfResult{Sent: 1e6, Received: 9e5, LostPercent: 10}, false},
		{"a refusal", `{"error":"unable to connect to server: Connection refused"}`, false, api.IperfResult{}, true},
		{"half of it", `{"end":{"sum_sent":{"bits_per_second"`, false, api.IperfResult{}, true},
		{"nothing", ``, false, api.IperfResult{}, true},
		{"text", `iperf3: error - the server is busy`, false, api.IperfResult{}, true},
		{"another type", `{"end":{"sum_sent":{"bits_per_second":"fast"}}}`, false, api.IperfResult{}, true},
	} {
		var out api.IperfResult
		err := readIperf([]byte(c.text), c.udp, &out)
		if (err != nil) != c.bad || !c.bad && out != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.what, out, err, c.want)
		}
	}
}

// What the installed iperf3 writes is understood.
func TestReadInstalledIperf(t *testing.T) {
	r := newRig(t, Config{})
	a, b := r.join("a", 1), r.join("b", 2)
	server := b.Start(t, "iperf3", "-s", "--forceflush", "-p", "5999")
	server.Await(t, "listening")
	for _, udp := range []bool{false, true} {
		args := []string{"iperf3", "-J", "-c", b.V4.String(), "-p", "5999", "-t", "1"}
		if udp {
			args = append(args, "-u", "-b", "5M")
		}
		text := a.Run(t, args...)
		var out api.IperfResult
		if err := readIperf([]byte(text), udp, &out); err != nil || out.Sent == 0 || out.Received == 0 || !udp && out.Congestion == "" {
			t.Errorf("UDP %v: %+v, %v\n%s", udp, out, err, text)
		}
		if !json.Valid([]byte(text)) {
			t.Errorf("no JSON: %s", text)
		}
	}
	server.Stop(t)
}
