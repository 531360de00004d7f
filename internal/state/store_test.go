package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestSaveAndLoad(t *testing.T) {
	for _, mode := range []Sync{Durable, Fast} {
		dir := filepath.Join(t.TempDir(), "a", "state")
		s := open(t, dir, Options{Sync: mode})
		must(t, s.Save("network", "web", record{N: 1}))
		must(t, s.Save("network", "web", record{N: 2}))
		must(t, s.SaveAll(Doc{"container", "a.b_c-d", record{N: 3}}, Doc{"network", "db", record{N: 4}}))
		must(t, s.Close())
		s = open(t, dir, Options{Sync: mode})
		wantRecord(t, s, "network", "web", 2)
		wantRecord(t, s, "container", "a.b_c-d", 3)
		wantRecord(t, s, "network", "db", 4)
		wantTree(t, dir, ". container container/a.b_c-d.json lock network network/db.json network/web.json version")
	}
}

// A document can be read by people, and by nobody else's account.
func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir, Options{Schema: 3})
	must(t, s.Save("network", "web", record{N: 1, Text: "one"}))
	data, err := os.ReadFile(filepath.Join(dir, "network", "web.json"))
	must(t, err)
	first, rest, _ := strings.Cut(string(data), "\n")
	if !strings.HasPrefix(first, "vswitch-state sha256:") || !strings.HasSuffix(first, " 3") || rest != `{"N":1,"Text":"one"}`+"\n" {
		t.Errorf("the file is\n%s", data)
	}
	for path, want := range map[string]fs.FileMode{"": 0o700, "network": 0o700, "network/web.json": 0o600, "lock": 0o600, "version": 0o600} {
		info, err := os.Stat(filepath.Join(dir, path))
		must(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%q has mode %o, want %o", path, got, want)
		}
	}
}

func TestNotFound(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	var r record
	for _, kind := range []string{"network", "container"} { // without and with the directory
		if err := s.Load(kind, "web", &r); !errors.Is(err, ErrNotFound) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Load: %v", err)
		}
		if err := s.Delete(kind, "web"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Delete: %v", err)
		}
		must(t, s.Save("container", "other", r))
	}
	damage, err := s.Each("nothing", func(string, []byte) error { return errors.New("called") })
	if err != nil || damage != nil {
		t.Errorf("Each: %v, %v", damage, err)
	}
}

func TestNames(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	bad := []string{"", ".", "..", ".x", "a/b", "../x", "a b", "A", "é", "a\x00", "a\n", strings.Repeat("x", 129)}
	for _, name := range bad {
		var r record
		_, each := s.Each(name, nil)
		for what, err := range map[string]error{
			"save key": s.Save("network", name, r), "save kind": s.Save(name, "web", r), "each": each,
			"load key": s.Load("network", name, &r), "load kind": s.Load(name, "web", &r),
			"delete key": s.Delete("network", name), "delete kind": s.Delete(name, "web"),
		} {
			if !errors.Is(err, ErrName) {
				t.Errorf("%s %q: %v", what, name, err)
			}
		}
	}
	for _, kind := range []string{"lock", "version"} {
		if err := s.Save(kind, "web", 1); !errors.Is(err, ErrName) {
			t.Errorf("kind %q: %v", kind, err)
		}
	}
	wantTree(t, dir, ". lock version")
	for _, name := range []string{"a", "-", "_x", "0", "a..b", "x.json", "x.json.damaged-1", strings.Repeat("x", 128)} {
		must(t, s.Save("network", name, record{N: 7}))
		wantRecord(t, s, "network", name, 7)
	}
}

// What cannot be encoded changes nothing, nor does its batch.
func TestSaveRefuses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	must(t, s.Save("network", "web", record{N: 1}))
	big := strings.Repeat("x", maxSize)
	for _, bad := range []any{func() {}, big} {
		if err := s.SaveAll(Doc{"network", "web", record{N: 2}}, Doc{"network", "bad", bad}); err == nil {
			t.Error("no error")
		}
	}
	wantRecord(t, s, "network", "web", 1)
	wantTree(t, dir, ". lock network network/web.json version")
}

func TestEachInOrder(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for _, key := range []string{"b", "a", "c", "a-b", "a.b"} {
		must(t, s.Save("network", key, record{Text: key}))
	}
	var got []string
	stop := errors.New("enough")
	damage, err := s.Each("network", func(key string, raw []byte) error {
		if string(raw) != fmt.Sprintf(`{"N":0,"Text":%q}`, key) {
			t.Errorf("%s: %s", key, raw)
		}
		got = append(got, key)
		if err := s.Delete("network", key); err != nil { // the callback may use the store
			return err
		}
		if key == "b" {
			return stop
		}
		return nil
	})
	if want := "a-b a.b a b"; strings.Join(got, " ") != want || err != stop || damage != nil {
		t.Errorf("got %v, %v, %v; want %s", got, damage, err, want)
	}
}

func TestDelete(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	for _, key := range []string{"a", "b", "c"} {
		must(t, s.Save("network", key, record{}))
	}
	if err := s.Delete("network", "a", "x", "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("with one that is not there: %v", err)
	}
	wantTree(t, dir, ". lock network network/c.json version")
	must(t, s.Delete("network", "c"))
}

func TestClosed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	must(t, s.Save("network", "web", record{}))
	must(t, s.Close())
	must(t, s.Close())
	var r record
	_, each := s.Each("network", func(string, []byte) error { return nil })
	_, destroy := s.Destroy()
	for what, err := range map[string]error{
		"Save": s.Save("network", "web", r), "Load": s.Load("network", "web", &r), "Delete": s.Delete("network", "web"),
		"Each": each, "Destroy": destroy,
	} {
		if !errors.Is(err, ErrClosed) || !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Writers, readers and a deleter side by side: every document that is read is whole.
func TestConcurrent(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Sync: Fast})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 100 {
				key := fmt.Sprint("k", i%5)
				text := strings.Repeat(fmt.Sprint(w), 3000)
				if err := s.SaveAll(Doc{"network", key, record{N: w, Text: text}}, Doc{"container", key, record{N: w}}); err != nil {
					t.Error(err)
				}
				if i%10 == 0 {
					if err := s.Delete("network", key); err != nil && !errors.Is(err, ErrNotFound) {
						t.Error(err)
					}
				}
			}
		})
		wg.Go(func() {
			for range 30 {
				damage, err := s.Each("network", func(string, []byte) error { return nil })
				if err != nil || len(damage) > 0 {
					t.Errorf("Each: %v, %v", damage, err)
				}
				var r record
				if err := s.Load("network", "k1", &r); err == nil && r.Text != strings.Repeat(fmt.Sprint(r.N), 3000) {
					t.Errorf("a document of %d is mixed", r.N)
				} else if err != nil && !errors.Is(err, ErrNotFound) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, path := range tree(t, dir) {
		if strings.Contains(path, ".tmp-") || strings.Contains(path, ".damaged-") {
			t.Errorf("left over: %s", path)
		}
	}
}

// A thousand containers are two thousand documents: what does each cost?
func BenchmarkSave(b *testing.B) {
	for name, mode := range map[string]Sync{"durable": Durable, "fast": Fast} {
		b.Run(name+"/one", func(b *testing.B) {
			s := open(b, b.TempDir(), Options{Sync: mode})
			for i := 0; b.Loop(); i++ {
				must(b, s.Save("container", fmt.Sprint(i), record{N: i}))
			}
		})
		b.Run(name+"/side-by-side", func(b *testing.B) {
			s := open(b, b.TempDir(), Options{Sync: mode})
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					must(b, s.Save("container", fmt.Sprint(s.temp.Load()), record{}))
				}
			})
		})
		b.Run(name+"/batch-of-2000", func(b *testing.B) {
			s := open(b, b.TempDir(), Options{Sync: mode})
			docs := make([]Doc, 2000)
			for i := range docs {
				docs[i] = Doc{Kind: "container", Value: record{N: i}}
			}
			for round := 0; b.Loop(); round++ {
				for i := range docs {
					docs[i].Key = fmt.Sprint(round, ".", i)
				}
				must(b, s.SaveAll(docs...))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/doc")
		})
	}
}

// Some kinds can be saved without waiting for the disk.
func TestFastKinds(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{FastKinds: []string{"lease"}})
	for kind, want := range map[string]Sync{"lease": Fast, "network": Durable} {
		if err := s.Save(kind, "a", kind); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := s.Load(kind, "a", &got); err != nil || got != kind {
			t.Errorf("%s: %q, %v", kind, got, err)
		}
		if f, err := s.folder(kind, false); err != nil || f.mode != want {
			t.Errorf("%s is saved as %v, %v", kind, f.mode, err)
		}
	}
}
