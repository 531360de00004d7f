package dns

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
)

// takenUDP is the bytes that are taken of a server's datagram. We ask for no more
// than largestUDP; some send more nevertheless.
const takenUDP = 4096

var errMismatch = errors.New("the server's reply is to another question")

// exchange is one question to one server.
type exchange struct {
	dial     DialFunc
	to       string // address and port
	sent     []byte // the message
	question []byte // its question
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// connect dials the server. The connection's deadline passes when ctx ends; hangUp
// closes it.
func (x *exchange) connect(ctx context.Context, network string) (c net.Conn, hangUp func(), err error) {
	c, err = x.dial(ctx, network, x.to)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(longAgo) })
	return c, func() { stop(); _ = c.Close() }, nil
}

// udp sends the message in a datagram and waits for the reply to it. Datagrams
// that are not it are told to mismatched and change nothing: who guesses must not
// be able to stop the right one. A reply longer than what is taken has TC set.
func (x *exchange) udp(ctx context.Context, mismatched func()) ([]byte, error) {
	c, hangUp, err := x.connect(ctx, "udp")
	if err != nil {
		return nil, err
	}
	defer hangUp()
	if _, err := c.Write(x.sent); err != nil {
		return nil, err
	}
	buf := make([]byte, takenUDP)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return nil, err
		}
		if x.answeredBy(buf[:n]) {
			if n == len(buf) {
				setTC(buf)
			}
			return buf[:n], nil
		}
		mismatched()
	}
}

// tcp sends the message over a connection of its own and reads one reply.
func (x *exchange) tcp(ctx context.Context) ([]byte, error) {
	c, hangUp, err := x.connect(ctx, "tcp")
	if err != nil {
		return nil, err
	}
	defer hangUp()
	if err := writeFramed(c, x.sent); err != nil {
		return nil, err
	}
	got, err := readFramed(c, largestTCP)
	if err == nil && !x.answeredBy(got) {
		err = errMismatch
	}
	return got, err
}

// answeredBy reports whether msg is a reply to what was sent: identifier, QR, and
// the question, whose name may come in another case. An error may come without
// the question, as from a server that could not read it.
func (x *exchange) answeredBy(msg []byte) bool {
	if len(msg) < headerSize || !bytes.Equal(msg[:2], x.sent[:2]) || msg[2]&0x80 == 0 {
		return false
	}
	if binary.BigEndian.Uint16(msg[4:]) == 0 {
		return msg[3]&0xf != 0
	}
	got := msg[headerSize:]
	name, rest := x.question[:len(x.question)-4], x.question[len(x.question)-4:]
	// Bytes that tell lengths are below those of letters, so folding is safe.
	return len(got) >= len(x.question) && binary.BigEndian.Uint16(msg[4:]) == 1 &&
		fold(string(got[:len(name)])) == fold(string(name)) && bytes.HasPrefix(got[len(name):], rest)
}

// writeFramed writes a message behind its length (RFC 1035 section 4.2.2), in one
// write (RFC 7766 section 8).
func writeFramed(w io.Writer, msg []byte) error {
	b := make([]byte, 2, 2+len(msg))
	binary.BigEndian.PutUint16(b, uint16(len(msg)))
	_, err := w.Write(append(b, msg...))
	return err
}

var errTooLong = errors.New("a message longer than what is taken")

// readFramed reads a message of at most limit bytes behind its length. The end of
// r before the first byte is io.EOF.
func readFramed(r io.Reader, limit int) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n > limit {
		return nil, errTooLong
	}
	msg := make([]byte, n)
	if _, err := io.ReadFull(r, msg); err != nil {
		return nil, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return msg, nil
}
