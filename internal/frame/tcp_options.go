package frame

// TCP option kinds (RFC 9293, section 3.2; RFC 7323; RFC 2018).
const (
	tcpOptEnd = 0
	tcpOptNop = 1

	TCPOptMSS       = 2
	TCPOptScale     = 3
	TCPOptSACKOK    = 4
	TCPOptSACK      = 5
	TCPOptTimestamp = 8
)

// Options returns the header's options with their padding, which may be empty.
func (t TCP) Options() []byte { return t[TCPLen:t.HeaderLen()] }

// Option returns the data of the first option of a kind, without kind and
// length, and nil if there is none before the end of the list or a fault in it.
// An option that has no data gives an empty slice.
func (t TCP) Option(kind uint8) []byte {
	off, n := t.findOption(kind)
	if off == 0 {
		return nil
	}
	return t[off+2 : off+n]
}

// MSS returns the maximum segment size that the sender announces.
func (t TCP) MSS() (mss uint16, ok bool) {
	if v := t.Option(TCPOptMSS); len(v) == 2 {
		return be.Uint16(v), true
	}
	return 0, false
}

// ClampMSS lowers the announced maximum segment size to max, keeps the checksum
// right and reports whether it changed anything. It looks at SYN segments only:
// the option means nothing elsewhere.
func (t TCP) ClampMSS(max uint16, c Coverage) bool {
	mss, ok := t.MSS()
	if !ok || mss <= max || t.Flags()&TCPSyn == 0 {
		return false
	}
	off, _ := t.findOption(TCPOptMSS)
	t.setWord(off+2, max, c)
	return true
}

// findOption returns where the first option of a kind begins and its length with
// kind and length byte; 0, 0 if there is none.
func (t TCP) findOption(kind uint8) (off, n int) {
	end := t.HeaderLen()
	for off = TCPLen; off < end; off += n {
		switch t[off] {
		case tcpOptEnd:
			return 0, 0
		case tcpOptNop:
			n = 1
			continue
		}
		if off+1 >= end {
			return 0, 0
		}
		n = int(t[off+1])
		if n < 2 || off+n > end {
			return 0, 0
		}
		if t[off] == kind {
			return off, n
		}
	}
	return 0, 0
}

// TCPFields is a TCP header. Options are given as they lie on the wire, padded
// to a multiple of 4 bytes, 40 at most.
type TCPFields struct {
	SrcPort, DstPort uint16
	Seq, Ack         uint32
	Flags            uint8
	Window           uint16
	Options          []byte
}

// Encode writes header and checksum into the beginning of b, which is the whole
// segment with the payload in place behind TCPLen + len(Options) bytes. pseudo
// is the sum of the pseudo header for len(b) bytes.
func (f TCPFields) Encode(b []byte, pseudo uint32) TCP {
	t := TCP(b)
	be.PutUint16(t[tcpSrc:], f.SrcPort)
	be.PutUint16(t[tcpDst:], f.DstPort)
	t.SetSeq(f.Seq)
	t.SetAck(f.Ack)
	t[tcpOffset] = uint8(TCPLen+len(f.Options)) / 4 << 4
	t.SetFlags(f.Flags)
	t.SetWindow(f.Window)
	be.PutUint32(t[tcpChecksum:], 0) // the urgent pointer too
	copy(t[TCPLen:], f.Options)
	t.SetChecksum(^Checksum(b, pseudo))
	return t
}
