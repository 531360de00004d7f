package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"vswitch/internal/api"
)

const (
	// maxControl bounds a line of the client in bytes.
	maxControl = 1024
	// maxSignal is the highest signal there is: _NSIG of signal(7).
	maxSignal = 64
)

// session is an upgraded connection: a program with the caller's descriptors.
type session struct {
	s *Server
	r *http.Request
	c *conn
}

// attached takes the connection, gets the descriptors and stays with the program
// until its end. What fails after the upgrade is told as an event.
func (s *Server) attached(w *reply, r *http.Request, do beginner) error {
	s.sessions.Add(1)
	defer s.sessions.Done()
	c, early, err := w.take()
	if err != nil {
		return err
	}
	defer c.Close()
	ses := &session{s, r, c}
	defer func() {
		if p := recover(); p != nil {
			ses.tell(failed(s.panicked(r, p)))
		}
	}()
	if ses.accept() != nil {
		return nil // the client has gone
	}
	run, err := ses.run(do, early)
	if err != nil {
		ses.tell(failed(err))
		return nil
	}
	ses.follow(run)
	return nil
}

// accept answers 101 (RFC 9110, section 15.2.2).
func (ses *session) accept() error {
	h := http.Header{"Connection": {"Upgrade"}, "Upgrade": {api.Upgrade}}
	ses.s.name(h)
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	if err := h.Write(&b); err != nil {
		return err
	}
	b.WriteString("\r\n")
	return ses.write(b.Bytes())
}

// run starts the program with the descriptors that the client sends. Those here
// are copies of the client's, and are closed when the program has its own.
func (ses *session) run(do beginner, early bool) (Run, error) {
	if early {
		return nil, misused("something was sent before the answer 101")
	}
	files, err := receive(ses.c.UnixConn, ses.s.cfg.handOver)
	if err != nil {
		return nil, misused(api.Reason(err))
	}
	defer closeAll(files)
	return do(ses.s.ending, files)
}

// misused is the error of a client that does not keep to the protocol.
func misused(why string) error {
	return api.Errorf(api.InvalidValue, nil, "cannot take over stdin, stdout and stderr").
		Because("%s", why).
		WithFix("after 101, send one byte with exactly three descriptors")
}

// follow passes signals on and tells the end. When the server ends first, the
// stream breaks without a word: the client asks the next server.
func (ses *session) follow(run Run) {
	ses.tell(started(run))
	done := make(chan struct{})
	go func() {
		defer close(done)
		ses.signals(run)
	}()
	code, err := run.Wait(ses.s.ending)
	if err == nil || ses.s.ending.Err() == nil {
		ses.tell(exited(run, code, err))
	}
	ses.c.Close()
	<-done
}

// signals passes signals on until the client goes, which does the program nothing.
// A client that breaks the protocol is cut off.
func (ses *session) signals(run Run) {
	defer func() {
		if p := recover(); p != nil {
			_ = ses.s.panicked(ses.r, p) // logged; the program goes on without signals
		}
	}()
	in := bufio.NewScanner(ses.c)
	in.Buffer(nil, maxControl)
	for in.Scan() {
		sig, err := control(in.Bytes())
		if err != nil {
			ses.s.log.Warn("a client of a program broke the protocol", "run", run.ID(), "error", err)
			ses.c.Close()
			return
		}
		if err := run.Signal(sig); err != nil {
			// The program ended meanwhile, as a rule.
			ses.s.log.Debug("a signal was not passed on", "run", run.ID(), "signal", sig, "error", err)
		}
	}
	if in.Err() == bufio.ErrTooLong {
		ses.s.log.Warn("a client of a program broke the protocol", "run", run.ID(), "error", in.Err())
		ses.c.Close()
	}
}

// control reads a line of the client.
func control(line []byte) (sig int, err error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	var x api.Control
	if err := dec.Decode(&x); err != nil {
		return 0, fmt.Errorf("control line: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return 0, fmt.Errorf("control line: %w", errTrailing)
	}
	if x.Signal < 1 || x.Signal > maxSignal {
		return 0, fmt.Errorf("control line: no signal %d", x.Signal)
	}
	return x.Signal, nil
}

// tell sends an event. When the client has gone there is nobody to tell.
func (ses *session) tell(e api.Event) {
	b, err := encode(e)
	if err != nil {
		ses.s.log.Error("an event cannot be written", "error", err)
		return
	}
	_ = ses.write(b)
}

// write writes at once; a client that does not read cannot hold the session.
func (ses *session) write(b []byte) error {
	if err := ses.c.SetWriteDeadline(time.Now().Add(lineTime)); err != nil {
		return err
	}
	_, err := ses.c.Write(b)
	return err
}
