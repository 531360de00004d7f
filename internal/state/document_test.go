package state

import (
	"bytes"
	"errors"
	"testing"
)

func TestDecodeRefuses(t *testing.T) {
	good := encode(1, []byte(`{"a":1}`))
	tests := map[string][]byte{
		"empty":        {},
		"other":        []byte(`{"a":1}`),
		"magic only":   good[:len(magic)],
		"no body":      good[:len(magic)+sumLen],
		"cut":          good[:len(good)-1],
		"more":         append(bytes.Clone(good), '\n'),
		"zeros":        make([]byte, len(good)),
		"not JSON":     encode(1, []byte(`{"a":`)),
		"two values":   encode(1, []byte(`1 2`)),
		"nothing":      encode(1, nil),
		"schema 0":     encode(0, []byte(`1`)),
		"schema -1":    encode(-1, []byte(`1`)),
		"upper-case":   bytes.ToUpper(good),
		"wrong spaces": bytes.Replace(good, []byte(" 1\n"), []byte("  1\n"), 1),
	}
	for name, data := range tests {
		if _, _, err := decode(data); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if schema, body, err := decode(good); schema != 1 || string(body) != `{"a":1}` || err != nil {
		t.Errorf("got %d, %s, %v", schema, body, err)
	}
}

// No change of a single bit goes unnoticed.
func TestEveryBitCounts(t *testing.T) {
	good := encode(12, []byte(`{"Name":"web","N":[1,2,3]}`))
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if _, body, err := decode(bad); err == nil {
				t.Errorf("byte %d, bit %d: read as %s", i, bit, body)
			}
		}
	}
}

// Whatever is read as a document is exactly what encode writes for it. The fuzzer
// cannot guess a checksum, so the input is tried as a body, too.
func FuzzDecode(f *testing.F) {
	f.Add(encode(1, []byte(`{"a":1}`)))
	f.Add(encode(7, []byte(`[]`))[:90])
	f.Add([]byte("vswitch-state sha256:"))
	f.Add([]byte("1\n{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, file := range [][]byte{data, encode(1, data), bytes.TrimSuffix(encode(2, data), []byte("\n"))} {
			schema, body, err := decode(file)
			if err != nil {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("%v is no ErrDamaged", err)
				}
				continue
			}
			if again := encode(schema, body); !bytes.Equal(again, file) {
				t.Errorf("%q was read as %d, %q", file, schema, body)
			}
		}
	})
}
