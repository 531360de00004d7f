package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// session is one connection to the keeper: the control connection of a switch
// process, or one of somebody who wants to have it started.
type session struct {
	k    *keeper
	conn *conn
	// child is the switch process at the other end, nil for anybody else.
	child *child
}

// serve answers requests until the other end has gone. Each is carried out on its
// own, since some wait long.
func (s *session) serve() {
	defer s.conn.close()
	for {
		body, files, err := s.conn.receive()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
				s.k.log.Warn("the connection to the keeper broke", "err", err)
			}
			return
		}
		req, err := decodeRequest(body, len(files))
		if err != nil {
			s.k.log.Warn("the keeper got nonsense", "err", err)
			closeAll(files)
			return
		}
		if req.mustBeAnswered() {
			s.k.answering.RLock()
		}
		go s.handle(req, spread(files, req.Files))
	}
}

// mustBeAnswered is true for requests after which the keeper may end.
func (r *request) mustBeAnswered() bool { return r.Op == opLaunch || r.Op == opEnd }

// handle carries a request out and answers it.
func (s *session) handle(req *request, files [maxFiles]*os.File) {
	if req.mustBeAnswered() {
		defer s.k.answering.RUnlock()
	}
	a, out := s.try(req, files)
	a.Tag = req.Tag
	defer closeAll(out[:])
	var list []*os.File
	list, a.Files = pack(out)
	body, err := json.Marshal(a)
	if err == nil {
		err = s.conn.send(body, list)
	}
	// Who asked may have died.
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
		s.k.log.Warn("the keeper cannot answer", "op", req.Op, "err", err)
	}
}

// try makes an error of a panic: what else the keeper does must go on.
func (s *session) try(req *request, files [maxFiles]*os.File) (a *answer, out [maxFiles]*os.File) {
	a = &answer{}
	defer func() {
		if v := recover(); v != nil {
			s.k.log.Error("the keeper failed", "op", req.Op, "panic", v)
			a.Err = &wireError{Text: fmt.Sprintf("keeper: %s: panic: %v", req.Op, v)}
		}
	}()
	var err error
	switch {
	case req.Op == opHold && s.child != nil:
		return &answer{Err: toWire(prefixed(s.k.holds.add(req.Name, files)))}, out // the files are the holds' now
	case req.Op == opLaunch:
		err = s.k.launch()
		a.Path = s.k.dirs.Socket
	case s.child != nil:
		out, err = s.control(req, files, a)
	default:
		err = fmt.Errorf("%w: %q", errMessage, req.Op)
	}
	closeAll(files[:])
	a.Err = toWire(prefixed(err))
	return a, out
}

func prefixed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("keeper: %w", err)
}

// control carries out what only the switch process may ask for.
func (s *session) control(req *request, files [maxFiles]*os.File, a *answer) (out [maxFiles]*os.File, err error) {
	k := s.k
	switch req.Op {
	case opReady, opFailed, opEnd:
		k.report(report{child: s.child, op: req.Op, told: req.Told})
	case opHeld:
		out, a.Path, err = k.holds.files(req.Name)
	case opList:
		a.Names = k.holds.names()
	case opDrop:
		err = k.holds.drop(req.Name)
	case opRun:
		a.PID, err = k.run(req, files)
	case opRuns:
		a.Runs = k.runs.states(req.Name)
	case opWait:
		a.Code, err = k.wait(req.Name)
	case opSignal:
		err = k.runs.signal(req.Name, syscall.Signal(req.Signal))
	case opKill:
		err = k.runs.kill(req.Name)
	case opForget:
		err = k.runs.forget(req.Name)
	default:
		err = fmt.Errorf("%w: %q", errMessage, req.Op)
	}
	return out, err
}

func (k *keeper) run(req *request, files [maxFiles]*os.File) (pid int, err error) {
	if req.Run == nil || req.Name == "" {
		return 0, fmt.Errorf("%w: a run without a name or a program", errMessage)
	}
	box, err := k.holds.get(req.Run.Container)
	if err != nil {
		return 0, err
	}
	return k.runs.start(req.Name, box, req.Run, files)
}

func (k *keeper) wait(id string) (code int, err error) {
	r, err := k.runs.get(id)
	if err != nil {
		return 0, err
	}
	return r.proc.Wait()
}

// acceptPause is between two tries when there are no descriptors left.
const acceptPause = 100 * time.Millisecond

// accept serves those who connect to the keeper's own socket, until it is closed.
func (k *keeper) accept(l *net.UnixListener) {
	for {
		sock, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			k.log.Warn("the keeper cannot accept", "err", err)
			time.Sleep(acceptPause)
			continue
		}
		if err := checkPeer(sock); err != nil {
			k.log.Warn("refused", "err", err)
			_ = sock.Close() // it was not used
			continue
		}
		go (&session{k: k, conn: &conn{sock: sock}}).serve()
	}
}

// checkPeer lets only the keeper's own user in. In a user namespace other users
// have the overflow number.
func checkPeer(sock *net.UnixConn) error {
	raw, err := sock.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var inner error
	err = raw.Control(func(fd uintptr) {
		peer, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, inner); err != nil {
		return err
	}
	if int(peer.Uid) != os.Getuid() {
		return fmt.Errorf("keeper: a connection of user %d", peer.Uid)
	}
	return nil
}
