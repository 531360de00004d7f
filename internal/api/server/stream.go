package server

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"vswitch/internal/api"
)

// lineTime is how long a line may wait for a client that does not read.
const lineTime = 10 * time.Second

// lines writes an answer of JSON lines, each flushed. A client that does not read,
// or has gone, loses lines and holds up nothing. Safe for concurrent use.
type lines struct {
	mu   sync.Mutex
	w    *reply
	rc   *http.ResponseController
	lost bool
}

func newLines(w *reply) *lines {
	return &lines{w: w, rc: http.NewResponseController(w.ResponseWriter)}
}

// put writes a line.
func (l *lines) put(v any) {
	b, err := encode(v)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost || err != nil {
		return
	}
	if !l.w.begun {
		l.w.Header().Set("Content-Type", "application/x-ndjson")
	}
	_ = l.rc.SetWriteDeadline(time.Now().Add(lineTime))
	_, err = l.w.Write(b)
	l.lost = err != nil || l.rc.Flush() != nil
}

// end drops what is put from now on.
func (l *lines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.lost {
		_ = l.rc.SetWriteDeadline(time.Time{})
	}
	l.lost = true
}

// down ends the switch. It goes on when the client goes: a switch that is half
// taken down is of no use to anybody.
func down(s *Server, w *reply, r *http.Request) error {
	var d api.Down
	if err := s.decode(w, r, &d, true); err != nil {
		return err
	}
	out := newLines(w)
	defer out.end()
	err := s.cfg.Backend.Down(context.WithoutCancel(r.Context()), d, func(gone api.Removed) { out.put(gone) })
	if err != nil && w.begun {
		out.put(api.AsError(err))
		return nil
	}
	if err == nil && !w.begun {
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.WriteHeader(http.StatusOK)
	}
	return err
}

// metrics collects the text first, so that a failure has its status.
func metrics(s *Server, w *reply, r *http.Request) error {
	var b bytes.Buffer
	if err := s.cfg.Backend.Metrics(r.Context(), &b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	// An error means that the client has gone: there is nobody to tell.
	_, _ = w.Write(b.Bytes())
	return nil
}

// logs copies a container's output. A client that reads slowly slows it down.
func logs(s *Server, w *reply, r *http.Request) error {
	follow, err := isTrue(r, "follow")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return s.cfg.Backend.Logs(r.Context(), r.PathValue("ref"), follow, flusher{w})
}

// flusher sends every write at once.
type flusher struct{ w *reply }

func (f flusher) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if err != nil {
		return n, err
	}
	return n, http.NewResponseController(f.w.ResponseWriter).Flush()
}
