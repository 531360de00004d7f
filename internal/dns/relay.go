package dns

import (
	"encoding/binary"

	"golang.org/x/net/dns/dnsmessage"
)

// A reply of another server is passed on as it came: records of types that nobody
// here knows may hold names compressed against the rest of the message, so taking
// it apart would break them. Only identifier and the size in the OPT record, which
// are between neighbours, are written over.

// relay makes the asker's reply of a server's, whose bytes it takes. cut tells that
// it was too long for the asker, who gets TC instead. The error is errFailure, or
// errMalformed.
func (q *query) relay(got []byte) (reply []byte, cut bool, err error) {
	switch rcodeOf(got) {
	case dnsmessage.RCodeServerFailure, dnsmessage.RCodeRefused:
		return nil, false, errFailure
	}
	end, opt, ok := scan(got)
	if ok && end > q.limit || !ok && hasTC(got) {
		return q.pack(rcodeOf(got), true), true, nil
	}
	if !ok || binary.BigEndian.Uint16(got[4:]) != 1 {
		return nil, false, errMalformed
	}
	binary.BigEndian.PutUint16(got, q.header.ID)
	if opt > 0 {
		binary.BigEndian.PutUint16(got[opt:], largestUDP)
	}
	return got[:end], false, nil
}

func rcodeOf(msg []byte) dnsmessage.RCode { return dnsmessage.RCode(msg[3] & 0xf) }

func hasTC(msg []byte) bool { return msg[2]&2 != 0 }
func setTC(msg []byte)      { msg[2] |= 2 }

// scan walks over all records of a message of at least a header. It returns where
// the last one ends, and where the class of the OPT record stands, which is its
// size; 0 when there is none. ok is false when the message ends before its records.
func scan(msg []byte) (end, opt int, ok bool) {
	count := func(off int) int { return int(binary.BigEndian.Uint16(msg[off:])) }
	end = headerSize
	for range count(4) {
		if end, ok = skipName(msg, end); !ok || end+4 > len(msg) {
			return 0, 0, false
		}
		end += 4
	}
	others := count(6) + count(8)
	for i := range others + count(10) {
		if end, ok = skipName(msg, end); !ok || end+10 > len(msg) {
			return 0, 0, false
		}
		if i >= others && count(end) == int(dnsmessage.TypeOPT) {
			opt = end + 2
		}
		if end += 10 + count(end+8); end > len(msg) {
			return 0, 0, false
		}
	}
	return end, opt, true
}

// skipName returns the offset behind the name at off. A pointer ends the name and
// is not followed.
func skipName(msg []byte, off int) (end int, ok bool) {
	for off < len(msg) {
		n := int(msg[off])
		switch {
		case n == 0:
			return off + 1, true
		case n >= 0xc0:
			return off + 2, off+2 <= len(msg)
		case n > 63:
			return 0, false
		}
		off += 1 + n
	}
	return 0, false
}
