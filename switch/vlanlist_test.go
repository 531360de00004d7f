package vswitch

import (
	"errors"
	"slices"
	"testing"
)

func TestParseVLANs(t *testing.T) {
	for text, want := range map[string][]uint16{
		"":                  nil,
		"  ":                nil,
		"1":                 {1},
		"10,20-22":          {10, 20, 21, 22},
		" 22 , 20 - 21,22 ": {20, 21, 22},
		"4094":              {4094},
		"7-7":               {7},
	} {
		if got, err := ParseVLANs(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"all", "1-4094", "5,all"} {
		if got, err := ParseVLANs(text); err != nil || len(got) != 4094 || got[0] != 1 || got[4093] != 4094 {
			t.Errorf("%q: %d VLANs, %v", text, len(got), err)
		}
	}
	for _, text := range []string{"0", "4095", "65537", "-1", "1-", "-", "2-1", "1,,2", "x", "1-2-3", "+1", "1,", "ALL"} {
		if got, err := ParseVLANs(text); !errors.Is(err, ErrConfig) || got != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestFormatVLANs(t *testing.T) {
	for want, vids := range map[string][]uint16{
		"":            nil,
		"1":           {1, 1},
		"10,20-22,30": {30, 22, 10, 20, 21},
		"5-6":         {6, 5, 0, 4095, 65535},
	} {
		if got := FormatVLANs(vids); got != want {
			t.Errorf("%v: got %q, want %q", vids, got, want)
		}
	}
	all, _ := ParseVLANs("all")
	if got := FormatVLANs(all); got != "1-4094" {
		t.Error(got)
	}
}

func FuzzVLANs(f *testing.F) {
	for _, text := range []string{"", "1", "10,20-30", "all", "1-4094", "5-2", ",", "1, 2 -3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		vids, err := ParseVLANs(text)
		if err != nil {
			return
		}
		if slices.ContainsFunc(vids, badVID) || !slices.IsSorted(vids) {
			t.Fatalf("%q: %v", text, vids)
		}
		again, err := ParseVLANs(FormatVLANs(vids))
		if err != nil || !slices.Equal(again, vids) {
			t.Fatalf("%q: %v is written as %q: %v", text, vids, FormatVLANs(vids), err)
		}
	})
}
