package vswitch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseVLANs reads a list of VLANs as people write it, "10,20-30", or "all" for
// 1 to 4094. It returns them ascending, each once; an empty text is an empty
// list. The error wraps ErrConfig.
func ParseVLANs(text string) ([]uint16, error) {
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil
	}
	var set vlanSet
	for part := range strings.SplitSeq(text, ",") {
		first, last, err := parseRange(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		for vid := first; vid <= last; vid++ {
			set.add(vid)
		}
	}
	return set.list(), nil
}

// parseRange reads one number, two with a dash between them, or "all".
func parseRange(text string) (first, last uint16, err error) {
	if text == "all" {
		return 1, maxVID, nil
	}
	low, high, dash := strings.Cut(text, "-")
	if !dash {
		high = low
	}
	a, errA := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	b, errB := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
	first, last = uint16(a), uint16(b)
	if errA != nil || errB != nil || badVID(first) || badVID(last) || first > last {
		return 0, 0, fmt.Errorf("%w: VLANs %q: not a number or an ascending range from 1 to %d", ErrConfig, text, maxVID)
	}
	return first, last, nil
}

// FormatVLANs writes a list of VLANs in the form that ParseVLANs reads, with
// ranges wherever there are two in a row. It leaves out what is no VLAN.
func FormatVLANs(vids []uint16) string {
	var set vlanSet
	for _, vid := range vids {
		if !badVID(vid) {
			set.add(vid)
		}
	}
	var out []string
	list := set.list()
	for i := 0; i < len(list); {
		j := i + 1
		for j < len(list) && list[j] == list[j-1]+1 {
			j++
		}
		text := strconv.Itoa(int(list[i]))
		if j-i > 1 {
			text += "-" + strconv.Itoa(int(list[j-1]))
		}
		out = append(out, text)
		i = j
	}
	return strings.Join(out, ",")
}

// list returns the VLANs of the set, ascending.
func (s *vlanSet) list() []uint16 { return slices.Collect(s.each()) }
