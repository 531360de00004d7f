package frame

// Lengths of the Ethernet header and of one VLAN tag, in bytes.
const (
	EthernetLen = 14
	TagLen      = 4
)

// Ethernet is a frame from its destination address on (IEEE 802.3, clause 3).
type Ethernet []byte

// Offsets in the Ethernet header.
const (
	ethDst  = 0
	ethSrc  = 6
	ethType = 12
)

// Valid reports whether the header is there; the other methods need it.
func (e Ethernet) Valid() bool { return len(e) >= EthernetLen }

// Dst returns the destination address.
func (e Ethernet) Dst() MAC { return MAC(be.Uint64(e[ethDst:ethDst+8]) >> 16) }

// Src returns the source address.
func (e Ethernet) Src() MAC { return MAC(be.Uint64(e[ethSrc:ethSrc+8]) >> 16) }

// EtherType returns the field right behind the addresses: a tag type in a
// tagged frame, a length below TypeMin.
func (e Ethernet) EtherType() uint16 { return be.Uint16(e[ethType : ethType+2]) }

// Tag returns the outermost VLAN tag. Check its Valid: an untagged frame has
// something else there.
func (e Ethernet) Tag() VLAN { return VLAN(e[ethType:]) }

// SetDst writes the destination address.
func (e Ethernet) SetDst(m MAC) { m.Put(e[ethDst:]) }

// SetSrc writes the source address.
func (e Ethernet) SetSrc(m MAC) { m.Put(e[ethSrc:]) }

// SetEtherType writes the field right behind the addresses.
func (e Ethernet) SetEtherType(t uint16) { be.PutUint16(e[ethType:], t) }

// EthernetFields is an Ethernet header with up to two tags, outermost first.
type EthernetFields struct {
	Dst, Src  MAC
	Tags      []VLANFields
	EtherType uint16
}

// Len returns how many bytes Encode writes.
func (f EthernetFields) Len() int { return EthernetLen + TagLen*len(f.Tags) }

// Encode writes the header into the beginning of b and returns what follows it.
func (f EthernetFields) Encode(b []byte) []byte {
	e := Ethernet(b)
	e.SetDst(f.Dst)
	e.SetSrc(f.Src)
	at := ethType
	for _, t := range f.Tags {
		t.Encode(b[at:])
		at += TagLen
	}
	be.PutUint16(b[at:], f.EtherType)
	return b[at+2:]
}
