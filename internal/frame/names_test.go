package frame

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// Every reason has a symbol of its own and a sentence.
func TestReasons(t *testing.T) {
	symbol := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]Reason{}
	sentences := map[string]Reason{}
	for r := range Reasons {
		s, sentence := r.String(), r.Sentence()
		if !symbol.MatchString(s) {
			t.Errorf("reason %d: symbol %q", r, s)
		}
		if was, dup := seen[s]; dup {
			t.Errorf("reasons %d and %d share symbol %q", was, r, s)
		}
		if was, dup := sentences[sentence]; dup {
			t.Errorf("reasons %d and %d share a sentence", was, r)
		}
		seen[s], sentences[sentence] = r, r
		if !strings.HasSuffix(sentence, ".") || strings.ToUpper(sentence[:1]) != sentence[:1] {
			t.Errorf("%s: sentence %q", s, sentence)
		}
		if strings.HasSuffix(r.Remedy(), ".") {
			t.Errorf("%s: remedy %q is not a sentence of its own", s, r.Remedy())
		}
	}
	if Accepted != 0 || Accepted.String() != "accepted" {
		t.Error("Accepted is not the zero value")
	}
}

func TestReasonUnknown(t *testing.T) {
	for _, r := range []Reason{Reasons, 255} {
		if r.String() != "invalid" || !strings.HasSuffix(r.Sentence(), ".") || r.Remedy() != "" {
			t.Errorf("%d: %q %q %q", uint8(r), r, r.Sentence(), r.Remedy())
		}
	}
}

func TestMAC(t *testing.T) {
	b := []byte{0x02, 0x1a, 0xff, 0, 0x80, 0x01, 0x77}
	m := MACFrom(b)
	if m != 0x021aff008001 || m.String() != "02:1a:ff:00:80:01" || !bytes.Equal(m.HardwareAddr(), b[:6]) {
		t.Errorf("%x %v", uint64(m), m)
	}
	out := []byte{7: 0xee, 6: 0xee}
	if m.Put(out); !bytes.Equal(out[:6], b[:6]) || out[6] != 0xee {
		t.Errorf("Put wrote %x", out)
	}
}

func TestMACKinds(t *testing.T) {
	for _, c := range []struct {
		mac              string
		group, linkLocal bool
	}{
		{"00:00:00:00:00:00", false, false},
		{"02:00:00:00:00:01", false, false},
		{"fe:ff:ff:ff:ff:ff", false, false},
		{"ff:ff:ff:ff:ff:ff", true, false},
		{"33:33:00:00:00:01", true, false},
		{"01:00:5e:00:00:01", true, false},
		{"01:80:c2:00:00:00", true, true},
		{"01:80:c2:00:00:0f", true, true},
		{"01:80:c2:00:00:10", true, false},
		{"01:80:c2:00:01:00", true, false},
	} {
		m, err := ParseMAC(c.mac)
		if err != nil || m.String() != c.mac || m.Group() != c.group || m.LinkLocal() != c.linkLocal {
			t.Errorf("%s: %v %v group %v link-local %v", c.mac, m, err, m.Group(), m.LinkLocal())
		}
	}
	if m, _ := ParseMAC("ff-ff-ff-ff-ff-ff"); m != Broadcast {
		t.Errorf("broadcast reads as %v", m)
	}
}

func TestParseMACRefuses(t *testing.T) {
	for _, s := range []string{"", "02:00:00:00:00", "02:00:00:00:00:00:00:01", "zz:00:00:00:00:01"} {
		if m, err := ParseMAC(s); err == nil {
			t.Errorf("%q read as %v", s, m)
		}
	}
}
