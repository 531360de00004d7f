package frame

// VLAN is one tag as it lies in a frame: tag type, then control word
// (IEEE 802.1Q-2022, clause 9). It begins where an untagged frame has its
// EtherType.
type VLAN []byte

// Fields of the control word.
const (
	tciPCP = 0xe000
	tciDEI = 0x1000
	tciVID = 0x0fff
)

// Valid reports whether a tag is there, with the two bytes of type behind it;
// the other methods need it.
func (v VLAN) Valid() bool { return len(v) >= TagLen+2 && isTPID(v.TPID()) }

// TPID returns the tag type: TypeVLAN, TypeQinQ or TypeQinQOld.
func (v VLAN) TPID() uint16 { return be.Uint16(v[0:2]) }

// TCI returns the control word: PCP, DEI and VID.
func (v VLAN) TCI() uint16 { return be.Uint16(v[2:4]) }

// VID returns the VLAN, 0 to 4095; 0 means that only the priority counts.
func (v VLAN) VID() uint16 { return v.TCI() & tciVID }

// PCP returns the priority, 0 to 7.
func (v VLAN) PCP() uint8 { return uint8(v.TCI() >> 13) }

// DEI reports whether the frame may be dropped first under congestion.
func (v VLAN) DEI() bool { return v.TCI()&tciDEI != 0 }

// Next returns the type behind the tag.
func (v VLAN) Next() uint16 { return be.Uint16(v[4:6]) }

// SetTPID writes the tag type.
func (v VLAN) SetTPID(t uint16) { be.PutUint16(v[0:2], t) }

// SetTCI writes the control word.
func (v VLAN) SetTCI(t uint16) { be.PutUint16(v[2:4], t) }

// SetVID writes the VLAN and leaves priority and DEI alone.
func (v VLAN) SetVID(vid uint16) { v.SetTCI(v.TCI()&^tciVID | vid&tciVID) }

// SetPCP writes the priority, 0 to 7, and leaves the rest alone.
func (v VLAN) SetPCP(p uint8) { v.SetTCI(v.TCI()&^tciPCP | uint16(p)<<13) }

// VLANFields is one tag. A zero TPID means TypeVLAN.
type VLANFields struct {
	TPID uint16
	TCI  uint16
}

// Encode writes the tag, TagLen bytes, into the beginning of b.
func (f VLANFields) Encode(b []byte) {
	if f.TPID == 0 {
		f.TPID = TypeVLAN
	}
	VLAN(b).SetTPID(f.TPID)
	VLAN(b).SetTCI(f.TCI)
}
