package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits that no caller has had a reason to change.
const (
	headerTime   = 10 * time.Second
	bodyTime     = 30 * time.Second
	handOverTime = 10 * time.Second
	idleTime     = 2 * time.Minute
	maxHeader    = 64 << 10
)

// Config says what a Server serves, and to whom.
type Config struct {
	// Backend does the work. Required.
	Backend Backend
	// Version is the program's, for people.
	Version string
	// Log gets refused peers and panics; nil discards them.
	Log *slog.Logger
	// UID is the owner's as this process sees it, os.Geteuid(): 0 in a user
	// namespace. Peers of this uid and of uid 0 are served.
	UID int
	// MaxBody bounds a request's body in bytes; 0 is 1 MiB.
	MaxBody int64
	// MaxConns bounds the connections served at once; 0 is 256.
	MaxConns int

	// handOver is how long an upgraded client may take to send its descriptors; 0
	// is handOverTime.
	handOver time.Duration
}

// Server answers the API. Make it with New.
type Server struct {
	cfg   Config
	log   *slog.Logger
	http  *http.Server
	mux   *http.ServeMux
	calls []Call

	// ending is done from Shutdown on: what may take for ever ends then.
	ending context.Context
	end    context.CancelFunc
	// sessions are the upgraded connections, which net/http does not wait for.
	sessions sync.WaitGroup
	refused  atomic.Uint64
}

// New returns a Server that Serve starts.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 1 << 20
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 256
	}
	if cfg.handOver == 0 {
		cfg.handOver = handOverTime
	}
	s := &Server{cfg: cfg, log: cfg.Log, mux: http.NewServeMux()}
	s.ending, s.end = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.handle),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            headerTime,
		IdleTimeout:                  idleTime,
		MaxHeaderBytes:               maxHeader,
		ConnContext:                  withPeer,
		ErrorLog:                     slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	s.register(table())
	return s
}

// Serve answers on l until Shutdown, and returns http.ErrServerClosed then. It
// closes l.
func (s *Server) Serve(l *net.UnixListener) error {
	return s.http.Serve(newLimited(l, s.cfg.MaxConns))
}

// Shutdown stops accepting, ends waits and streams, and lets all other calls come
// to their end, down among them. The programs of upgraded connections go on. When
// ctx is done first, what is left is cut off and the error is ctx's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.end()
	if err := s.http.Shutdown(ctx); err != nil {
		s.http.Close()
		return err
	}
	return s.drain(ctx)
}

// drain waits for the upgraded connections. net/http has let go of the last one
// before, so none is added now.
func (s *Server) drain(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		s.sessions.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Refused counts the connections whose peer was not allowed.
func (s *Server) Refused() uint64 { return s.refused.Load() }
