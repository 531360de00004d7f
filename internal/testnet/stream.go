package testnet

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"
)

// Transfer sends n bytes that no frame has in common with another over one TCP
// connection from a to the address of b, and checks that they arrive as they are.
// It returns their hash.
func Transfer(t testing.TB, a, b *Station, to netip.Addr, n int64) [32]byte {
	t.Helper()
	var l *net.TCPListener
	b.Do(t, func() (err error) {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(to, 0)))
		return err
	})
	defer l.Close()
	type result struct {
		sum [32]byte
		err error
	}
	got := make(chan result, 1)
	go func() {
		sum, err := receive(l)
		got <- result{sum, err}
	}()
	var c *net.TCPConn
	a.Do(t, func() (err error) {
		c, err = net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
		return err
	})
	sum, err := send(c, n)
	r := <-got
	switch {
	case errors.Join(err, r.err) != nil:
		t.Fatalf("transfer %s to %s: %v", a.Box.Name(), b.Box.Name(), errors.Join(err, r.err))
	case sum != r.sum:
		t.Errorf("transfer %s to %s: sent %x, received %x", a.Box.Name(), b.Box.Name(), sum, r.sum)
	}
	return sum
}

func receive(l *net.TCPListener) (sum [32]byte, err error) {
	l.SetDeadline(time.Now().Add(Patience))
	c, err := l.Accept()
	if err != nil {
		return sum, fmt.Errorf("accept: %w", err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * Patience))
	h := sha256.New()
	if _, err := io.CopyBuffer(h, c, make([]byte, 256<<10)); err != nil {
		return sum, fmt.Errorf("receive: %w", err)
	}
	return [32]byte(h.Sum(nil)), nil
}

// send closes c, also when it fails.
func send(c *net.TCPConn, n int64) (sum [32]byte, err error) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * Patience))
	h := sha256.New()
	random := rand.NewChaCha8([32]byte{byte(n)})
	if _, err := io.CopyBuffer(io.MultiWriter(c, h), io.LimitReader(random, n), make([]byte, 256<<10)); err != nil {
		return sum, fmt.Errorf("send: %w", err)
	}
	return [32]byte(h.Sum(nil)), nil
}
