package bench

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"vswitch/internal/api"
)

func empty(t *testing.T, dir string) {
	t.Helper()
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}

// noSwitch is the place of a switch that was not started.
func noSwitch(t *testing.T) *ownSwitch {
	t.Helper()
	n := measured(100)
	n.Folder, n.Environ = t.TempDir(), []string{"A=1", "LC_ALL=ko_KR.UTF-8"}
	s, err := n.place()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Down may be called without a switch, twice, and after a start that failed.
func TestDownWithoutASwitch(t *testing.T) {
	s := noSwitch(t)
	if err := os.WriteFile(filepath.Join(s.dir, "switch.log"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.down(); err != nil {
			t.Error(err)
		}
	}
	empty(t, s.n.Folder)
}

// What a switch forgot is told, and removed all the same.
func TestDownTellsWhatIsLeft(t *testing.T) {
	s := noSwitch(t)
	if err := os.Mkdir(s.state, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.down(); err == nil || !strings.Contains(err.Error(), "left state behind") {
		t.Errorf("error %v", err)
	}
	empty(t, s.n.Folder)
}

func TestCommandOfAnOwnSwitch(t *testing.T) {
	s := noSwitch(t)
	cmd := s.command("run", "--rm", "--", "true")
	want := []string{"/nonexistent/vswitch", "run", "--socket", s.socket, "--state-dir", s.state, "--rm", "--", "true"}
	if !slices.Equal(cmd.Args, want) || !slices.Equal(cmd.Env, []string{"LC_ALL=C", "A=1"}) {
		t.Errorf("%q with %q", cmd.Args, cmd.Env)
	}
	agent := exec.Command("/x/agent", "echo")
	if err := s.station(box{name: "web"}).Start(agent); err == nil {
		t.Error("a program that there is not was started")
	}
	want = []string{want[0], "exec", "--socket", s.socket, "--state-dir", s.state, "web", "--", "/x/agent", "echo"}
	if !slices.Equal(agent.Args, want) {
		t.Errorf("%q", agent.Args)
	}
}

func TestFirstPacket(t *testing.T) {
	for script, want := range map[string]string{
		`echo "PING 10.0.0.1 ..."; echo "64 bytes from 10.0.0.1: icmp_seq=1"; sleep 0.05; echo statistics`: "",
		`echo "PING 10.0.0.1 ..."; echo "From 10.0.0.2 Host Unreachable"`:                                  "got no answer: PING 10.0.0.1 ... From 10.0.0.2 Host Unreachable",
		`echo "error: no switch" >&2; exit 3`:                                                              "exit status 3",
	} {
		first, whole, err := firstPacket(exec.Command("sh", "-c", script))
		switch {
		case want == "" && (err != nil || first <= 0 || whole <= first):
			t.Errorf("%s: %v, %v, %v", script, first, whole, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error %v", script, err)
		}
	}
	if _, _, err := firstPacket(exec.Command("/nonexistent/program")); err == nil {
		t.Error("a program that there is not was started")
	}
}

// maker is a switch that makes containers only as far as this test can see. From
// number fails on it refuses them.
type maker struct {
	fails int

	mu                 sync.Mutex
	made, started      int
	inside, mostAtOnce int
}

func (m *maker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.inside++
	m.mostAtOnce = max(m.mostAtOnce, m.inside)
	starting := strings.HasSuffix(r.URL.Path, "/start")
	if starting {
		m.started++
	} else {
		m.made++
	}
	refuse := m.fails > 0 && m.made >= m.fails
	m.mu.Unlock()
	defer func() { m.mu.Lock(); m.inside--; m.mu.Unlock() }()
	w.Header().Set(api.HeaderAPI, strconv.Itoa(api.Version))
	switch {
	case refuse:
		w.WriteHeader(http.StatusConflict)
		w.Write([]byte(`{"schema":"vswitch/v1/error","code":"` + string(api.PoolExhausted) + `","message":"no address is left"}`))
	case starting:
		w.Write([]byte(`{"type":"started","exec":"r","pid":1}`))
	default:
		w.Write([]byte(`{"Id":"x"}`))
	}
}

func (m *maker) serve(t *testing.T) *ownSwitch {
	t.Helper()
	s := noSwitch(t)
	l, err := net.Listen("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: m}}
	server.Start()
	t.Cleanup(server.Close)
	return s
}

func TestCrowd(t *testing.T) {
	m := &maker{}
	s := m.serve(t)
	if took, err := s.crowd(context.Background(), "many", 50, 4); err != nil || took <= 0 {
		t.Fatalf("%v, %v", took, err)
	}
	if m.made != 50 || m.started != 50 || m.mostAtOnce > 4 {
		t.Errorf("made %d, started %d, %d at once", m.made, m.started, m.mostAtOnce)
	}
}

func TestCrowdStopsAtTheFirstFailure(t *testing.T) {
	m := &maker{fails: 10}
	s := m.serve(t)
	_, err := s.crowd(context.Background(), "many", 1000, 4)
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.PoolExhausted {
		t.Errorf("error %v", err)
	}
	if m.made > 20 {
		t.Errorf("%d were made after the tenth was refused", m.made)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.crowd(ctx, "many", 10, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// Only what containers sent on that network counts.
func TestNetSiteCounters(t *testing.T) {
	c := (&netSite{network: "two"}).sum([]api.PortStats{
		{Network: "two", Container: "a", RxFrames: 2, RxBytes: 20, RingDrops: 1},
		{Network: "two", Container: "b", RxFrames: 3, RxBytes: 30},
		{Network: "two", Name: "gateway", RxFrames: 100, RxBytes: 1000},
		{Network: "many", Container: "c", RxFrames: 100, RxBytes: 1000},
	})
	if c.Frames != 5 || c.Bytes != 50 || c.Drops != 1 {
		t.Errorf("%+v", c)
	}
}
