package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
)

const (
	magic  = "vswitch-state sha256:"
	sumLen = 2 * sha256.Size
	// maxSize bounds what is read into memory, in bytes. A document has hundreds.
	maxSize = 16 << 20
)

// encode returns the file of a document.
func encode(schema int, body []byte) []byte {
	rest := append(strconv.AppendInt(nil, int64(schema), 10), '\n')
	rest = append(append(rest, body...), '\n')
	sum := sha256.Sum256(rest)
	out := make([]byte, 0, len(magic)+sumLen+1+len(rest))
	out = hex.AppendEncode(append(out, magic...), sum[:])
	return append(append(out, ' '), rest...)
}

// decode returns the schema and the body of the document that data is the file of.
// The body is a part of data. The error wraps ErrDamaged.
func decode(data []byte) (schema int, body []byte, err error) {
	sum, rest, err := cut(data)
	if err != nil {
		return 0, nil, err
	}
	if want := sha256.Sum256(rest); sum != hex.EncodeToString(want[:]) {
		return 0, nil, fmt.Errorf("%w: its checksum does not match", ErrDamaged)
	}
	number, body, _ := bytes.Cut(rest, []byte("\n"))
	schema, err = strconv.Atoi(string(number))
	if err != nil || schema < 1 || strconv.Itoa(schema) != string(number) {
		return 0, nil, fmt.Errorf("%w: %.20q is no schema", ErrDamaged, number)
	}
	body, whole := bytes.CutSuffix(body, []byte("\n"))
	if !whole || !json.Valid(body) {
		return 0, nil, fmt.Errorf("%w: it is not JSON", ErrDamaged)
	}
	return schema, body, nil
}

// cut parts data into the checksum and what it covers.
func cut(data []byte) (sum string, rest []byte, err error) {
	after, ok := bytes.CutPrefix(data, []byte(magic))
	switch {
	case len(data) == 0:
		return "", nil, fmt.Errorf("%w: it is empty", ErrDamaged)
	case !ok:
		return "", nil, fmt.Errorf("%w: it does not begin with %q", ErrDamaged, magic)
	case len(after) <= sumLen || after[sumLen] != ' ':
		return "", nil, fmt.Errorf("%w: its first line is incomplete", ErrDamaged)
	}
	return string(after[:sumLen]), after[sumLen+1:], nil
}
