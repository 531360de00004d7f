package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// warmupAsks are left out at the start: the first frames ask for addresses.
const warmupAsks = 10

// dns asks a server for the address of a name, one query after the other.
func (a *agent) dns(args []string) error {
	f := newFlags("dns")
	name := f.String("name", "", "the name to ask for")
	want := f.String("want", "", "the address that it has")
	count := f.Int("count", 100, "how many queries to count")
	gap := f.Duration("gap", 0, "how long to rest between two")
	if err := f.parse(args, "to", "name", "want"); err != nil {
		return err
	}
	addr, err := netip.ParseAddr(*want)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	query, err := dnsQuery(*name)
	if err != nil {
		return err
	}
	s, err := dialSock(syscall.SOCK_DGRAM, f.to.AddrPort)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.setTimeout(answerWait); err != nil {
		return err
	}
	return a.reportOf(s.lookUp(&a.stop, query, addr, *count, *gap))
}

// lookUp asks the same query so many times, and some more that do not count. It
// runs on a thread of its own, as askAll does.
func (s *sock) lookUp(stop stopper, query []byte, want netip.Addr, count int, gap time.Duration) (PingReport, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var h asks
	for i := 0; i < warmupAsks+count && !stop.Load(); i++ {
		binary.BigEndian.PutUint16(query, uint16(i)) // an answer that comes late is not the next one's
		var wrong error
		took, answered, err := s.exchange(query, nil, func(b []byte) bool {
			if len(b) < 2 || [2]byte(b) != [2]byte(query) {
				return false
			}
			wrong = checkAnswer(b, want)
			return true
		})
		if err = errors.Join(err, wrong); err != nil {
			return PingReport{}, err
		}
		h.count(i >= warmupAsks, took, answered)
		time.Sleep(gap)
	}
	return h.report()
}

// dnsQuery makes a query for an A record (RFC 1035, section 4.1) with the number 0.
func dnsQuery(name string) ([]byte, error) {
	n, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, fmt.Errorf("%w: name %q: %w", errUsage, name, err)
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	return m.Pack()
}

// checkAnswer requires one address in an answer.
func checkAnswer(b []byte, want netip.Addr) error {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err == nil {
		err = p.SkipAllQuestions()
	}
	if err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	answers, err := p.AllAnswers()
	if err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	for _, r := range answers {
		if a, ok := r.Body.(*dnsmessage.AResource); ok && netip.AddrFrom4(a.A) == want {
			return nil
		}
	}
	return fmt.Errorf("the answer (%v) has %d records, not the address %v", h.RCode, len(answers), want)
}

// asks gathers the times of questions that were answered.
type asks struct {
	h    Histogram
	lost uint64
}

func (a *asks) count(counts bool, took time.Duration, answered bool) {
	switch {
	case !counts:
	case answered:
		a.h.Add(took)
	default:
		a.lost++
	}
}

func (a *asks) report() (PingReport, error) {
	r := PingReport{
		Answered: a.h.N(), Lost: a.lost, Max: a.h.Max(),
		P50: a.h.Quantile(.5), P99: a.h.Quantile(.99), P999: a.h.Quantile(.999),
	}
	if r.Answered == 0 {
		return r, fmt.Errorf("of %d questions none was answered", a.lost)
	}
	return r, nil
}

// exchange sends a datagram, to an address unless the socket is connected, and
// reads until answers takes one, or answerWait is over. What the time is spent on
// in answers does not count.
func (s *sock) exchange(b []byte, to syscall.Sockaddr, answers func([]byte) bool) (took time.Duration, answered bool, err error) {
	start := time.Now()
	if err := s.send(b, to); err != nil {
		return 0, false, fmt.Errorf("ask: %w", err)
	}
	for buf := make([]byte, 2048); took < answerWait; {
		n, err := syscall.Read(s.fd, buf)
		took = time.Since(start)
		switch {
		case err != nil && !timedOut(err):
			return 0, false, fmt.Errorf("read the answer: %w", err)
		case err == nil && answers(buf[:n]):
			return took, true, nil
		}
	}
	return took, false, nil
}

func (s *sock) send(b []byte, to syscall.Sockaddr) error {
	if to != nil {
		return syscall.Sendto(s.fd, b, 0, to)
	}
	_, err := syscall.Write(s.fd, b)
	return err
}
