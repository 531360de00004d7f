package state

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const crashKeys = 4

// childSave counts documents up without end, and says so after each Save.
func childSave(dir string) error {
	s, damage, err := Open(dir, Options{})
	if err != nil || len(damage) > 0 {
		return fmt.Errorf("damage %v, %w", damage, err)
	}
	next := make([]int, crashKeys)
	for k := range next {
		var r record
		if err := s.Load("network", fmt.Sprint("k", k), &r); err == nil {
			next[k] = r.N
		}
	}
	for i := 0; ; i++ {
		k := i % crashKeys
		next[k]++
		r := record{N: next[k], Text: strings.Repeat(fmt.Sprint(next[k]), 2000)}
		if i%2 == 0 {
			err = s.Save("network", fmt.Sprint("k", k), r)
		} else {
			err = s.SaveAll(Doc{"network", fmt.Sprint("k", k), r}, Doc{"container", "c", r})
		}
		if err != nil {
			return err
		}
		fmt.Println(k, next[k])
	}
}

// A process is killed at moments of chance while it saves. Each document is the last
// one that it had said was saved, or the one that it was about to save.
func TestKilledWhileSaving(t *testing.T) {
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(1, 2))
	saved := make([]int, crashKeys)
	for range 12 {
		cmd := child(t, "save", dir)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		in := bufio.NewReader(out)
		for range 1 + rnd.IntN(60) { // let it work first
			readSaved(in, saved)
		}
		time.Sleep(time.Duration(rnd.IntN(3000)) * time.Microsecond) // a moment within a Save
		must(t, cmd.Process.Kill())
		for readSaved(in, saved) { // what it said before it died
		}
		_ = cmd.Wait() // it was killed
		if stderr.Len() > 0 {
			t.Fatal(stderr.String())
		}
		checkSaved(t, dir, saved)
	}
}

// readSaved notes one line of the child; false at its end.
func readSaved(in *bufio.Reader, saved []int) bool {
	line, err := in.ReadString('\n')
	var k, n int
	if _, scan := fmt.Sscan(line, &k, &n); err == io.EOF || scan != nil {
		return false
	}
	saved[k] = n
	return true
}

// checkSaved compares the documents with what the child had said.
func checkSaved(t *testing.T, dir string, saved []int) {
	t.Helper()
	s := open(t, dir, Options{})
	defer s.Close()
	for _, kind := range []string{"network", "container"} {
		if damage, err := s.Each(kind, func(string, []byte) error { return nil }); err != nil || len(damage) > 0 {
			t.Errorf("%s: %v, %v", kind, damage, err)
		}
	}
	for k, n := range saved {
		var r record
		err := s.Load("network", fmt.Sprint("k", k), &r)
		if n == 0 && err != nil {
			continue // it was killed before the first
		}
		if err != nil || r.N != n && r.N != n+1 || r.Text != strings.Repeat(fmt.Sprint(r.N), 2000) {
			t.Errorf("document %d is %d, %v; the child had saved %d", k, r.N, err, n)
		}
	}
	for _, path := range tree(t, dir) {
		if strings.Contains(path, tempPrefix) {
			t.Errorf("left over: %s", path)
		}
	}
}
