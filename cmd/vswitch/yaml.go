package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// writeYAML writes v as YAML. It goes by way of JSON, which is YAML too, so that
// names, order and what is left out agree with -o json.
func writeYAML(w io.Writer, v any) error {
	var text bytes.Buffer
	if err := writeJSON(&text, v, ""); err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(escapeForYAML(text.Bytes()), &doc); err != nil {
		return err
	}
	blockStyle(&doc)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return err
	}
	return enc.Close()
}

// escapeForYAML escapes the characters that JSON takes as they are and YAML does not
// (YAML 1.2, 5.1). They can only stand within strings.
func escapeForYAML(text []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(text) {
		if r >= 0x7f && r <= 0x9f || r == 0xfeff || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.Bytes()
}

// blockStyle takes JSON's braces and quotation marks away. A string that would be
// read as something else keeps its marks: the encoder knows by the tag.
func blockStyle(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		blockStyle(c)
	}
}

// withSchema is v's JSON object with its schema in front.
func withSchema(schema string, v any) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := writeJSON(&b, v, ""); err != nil {
		return nil, err
	}
	text := bytes.TrimSpace(b.Bytes())
	head := []byte(`{"schema":"` + schema + `"`)
	if !bytes.Equal(text, []byte("{}")) {
		head = append(head, ',')
	}
	return append(head, text[1:]...), nil
}
