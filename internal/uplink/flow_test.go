package uplink

import (
	"reflect"
	"testing"
)

// Add adds every field, those too that will come.
func TestCountsAdd(t *testing.T) {
	var c, o Counts
	for i := range reflect.TypeFor[Counts]().NumField() {
		reflect.ValueOf(&c).Elem().Field(i).SetUint(uint64(i + 1))
		reflect.ValueOf(&o).Elem().Field(i).SetUint(100)
	}
	c.Add(o)
	for i := range reflect.TypeFor[Counts]().NumField() {
		if got := reflect.ValueOf(c).Field(i).Uint(); got != uint64(i+101) {
			t.Errorf("%s is %d, want %d", reflect.TypeFor[Counts]().Field(i).Name, got, i+101)
		}
	}
}
