package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// errGone: the keeper has closed the connection.
var errGone = errors.New("keeper: the keeper is gone")

// client asks a keeper. Its methods may be called from any goroutine.
type client struct {
	conn *conn
	// done is closed when the reader has ended.
	done chan struct{}

	mu      sync.Mutex
	next    uint64
	pending map[uint64]chan reply // by tag
	gone    bool
}

// reply is an answer with the files that came along, which are the receiver's.
type reply struct {
	answer *answer
	files  [maxFiles]*os.File
}

func newClient(c *conn) *client {
	k := &client{conn: c, done: make(chan struct{}), pending: map[uint64]chan reply{}}
	go k.read()
	return k
}

func (k *client) close() error {
	err := k.conn.close()
	<-k.done
	return err
}

// call sends a request and waits for its answer. The files stay the caller's, and
// those that come back are too.
func (k *client) call(ctx context.Context, req *request, files [maxFiles]*os.File) (*answer, [maxFiles]*os.File, error) {
	var none [maxFiles]*os.File
	list, there := pack(files)
	req.Files = there
	ch, err := k.expect(req)
	if err != nil {
		return nil, none, err
	}
	body, err := json.Marshal(req)
	if err == nil {
		err = k.conn.send(body, list)
	}
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		err = errGone
	}
	if err != nil {
		k.abandon(req.Tag, ch)
		return nil, none, err
	}
	select {
	case r, ok := <-ch:
		if !ok {
			return nil, none, errGone
		}
		return r.answer, r.files, r.answer.Err.err()
	case <-ctx.Done():
		k.abandon(req.Tag, ch)
		return nil, none, fmt.Errorf("keeper: %s: %w", req.Op, ctx.Err())
	}
}

// expect gives the request its tag.
func (k *client) expect(req *request) (<-chan reply, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone {
		return nil, errGone
	}
	k.next++
	req.Tag = k.next
	ch := make(chan reply, 1)
	k.pending[req.Tag] = ch
	return ch, nil
}

// abandon gives an answer up, which may have come meanwhile.
func (k *client) abandon(tag uint64, ch <-chan reply) {
	k.mu.Lock()
	_, waiting := k.pending[tag]
	delete(k.pending, tag)
	k.mu.Unlock()
	if !waiting {
		r := <-ch // it has come, or the channel is closed
		closeAll(r.files[:])
	}
}

// read hands answers out until the connection ends.
func (k *client) read() {
	defer close(k.done)
	for {
		body, files, err := k.conn.receive()
		if err != nil {
			break
		}
		a, err := decodeAnswer(body, len(files))
		if err != nil {
			closeAll(files)
			break
		}
		k.deliver(reply{a, spread(files, a.Files)})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gone = true
	for tag, ch := range k.pending {
		delete(k.pending, tag)
		close(ch)
	}
}

func (k *client) deliver(r reply) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ch := k.pending[r.answer.Tag]
	delete(k.pending, r.answer.Tag)
	if ch == nil {
		closeAll(r.files[:])
		return
	}
	ch <- r
}
