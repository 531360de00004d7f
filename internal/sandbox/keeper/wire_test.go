package keeper

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/api"
)

// ends makes both ends of a connection.
func ends(t testing.TB) (a, b *conn) {
	t.Helper()
	a, f, err := connPair()
	must(t, err)
	b, err = connOf(f)
	must(t, err)
	t.Cleanup(func() { a.close(); b.close() })
	return a, b
}

func TestMessagesKeepTheirFiles(t *testing.T) {
	a, b := ends(t)
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	big := bytes.Repeat([]byte("x"), maxBody)
	go func() {
		a.send([]byte("one"), []*os.File{w})
		a.send(nil, nil)
		a.send(big, []*os.File{r, w})
		w.Close()
		a.close()
	}()
	for _, want := range []struct {
		body  []byte
		files int
	}{{[]byte("one"), 1}, {nil, 0}, {big, 2}} {
		body, files, err := b.receive()
		if !bytes.Equal(body, want.body) || len(files) != want.files || err != nil {
			t.Fatalf("%d bytes, %d files, %v; want %d and %d", len(body), len(files), err, len(want.body), want.files)
		}
		for _, f := range files {
			if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 || err != nil {
				t.Error("programs would inherit it")
			}
		}
		closeAll(files)
	}
	if _, _, err := b.receive(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a copy of the file is still open: %v", err)
	}
	if err := a.send(append(big, 'x'), nil); !errors.Is(err, unix.E2BIG) {
		t.Errorf("too big: %v", err)
	}
}

func TestErrorsKeepTheirKind(t *testing.T) {
	for _, kind := range []error{ErrUnknown, ErrExists, ErrRunning, ErrEnding, exec.ErrNotFound, fs.ErrPermission, fs.ErrNotExist, os.ErrProcessDone, unix.E2BIG} {
		e := fmt.Errorf("keeper: about x: %w", kind)
		got := across(t, toWire(e)).err()
		if !errors.Is(got, kind) || got.Error() != e.Error() {
			t.Errorf("%v became %v", e, got)
		}
	}
	told := api.Errorf(api.NameExists, nil, "cannot have two").Because("one is enough")
	if got, ok := errors.AsType[*api.Error](across(t, toWire(fmt.Errorf("x: %w", told))).err()); !ok || got.Code != told.Code || got.Why != told.Why {
		t.Errorf("became %v", got)
	}
	if across(t, toWire(nil)).err() != nil {
		t.Error("success became an error")
	}
	if got := across(t, toWire(errors.New("any"))).err(); got.Error() != "any" || errors.Unwrap(got) != nil {
		t.Errorf("became %v", got)
	}
}

func across(t *testing.T, e *wireError) *wireError {
	t.Helper()
	body, err := json.Marshal(answer{Err: e})
	must(t, err)
	a, err := decodeAnswer(body, 0)
	must(t, err)
	return a.Err
}

// Whatever comes, receiving ends, and what is taken for a request stays the same
// when it is sent on.
func FuzzRequests(f *testing.F) {
	framed := func(body string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
	body, err := json.Marshal(request{Tag: 7, Op: opRun, Name: "x", Run: &wireRun{Container: "c", Args: []word{{0xff}}, Env: []word{}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(framed(string(body)))
	f.Add(append(framed(`{"tag":1,"op":"ready"}`), framed(`{"op":"failed","told":{"schema":"vswitch/v1/error"}}`)...))
	f.Add(framed(`{"files":[true,false,true]}`))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0})
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		a, b := ends(t)
		if len(stream) > 1<<16 {
			return // more than a socket holds
		}
		_, err := a.sock.Write(stream)
		must(t, err)
		must(t, a.close())
		for {
			body, files, err := b.receive()
			if err != nil {
				return
			}
			req, err := decodeRequest(body, len(files))
			if err != nil || req.Told != nil {
				continue // an error from another program may come without its general fix
			}
			once, err := json.Marshal(req)
			must(t, err)
			again, err := decodeRequest(once, len(files))
			must(t, err)
			twice, err := json.Marshal(again)
			must(t, err)
			if !bytes.Equal(once, twice) {
				t.Fatalf("%s became %s", once, twice)
			}
		}
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"tag":3,"err":{"kind":"not-found","text":"x"}}`), 0)
	f.Add([]byte(`{"tag":3,"files":[true,true,false],"runs":[{"id":"a"}]}`), 2)
	f.Add([]byte(`null`), 0)
	f.Fuzz(func(t *testing.T, body []byte, files int) {
		a, err := decodeAnswer(body, files)
		if err != nil {
			return
		}
		if err := a.Err.err(); err != nil {
			_ = err.Error()
		}
		// What arrived can be given to whoever asked without running out.
		if files < 0 || files > maxFiles {
			t.Fatalf("%d files accepted", files)
		}
		list, there := pack(spread(make([]*os.File, files), a.Files))
		if len(list) != 0 || there != [maxFiles]bool{} {
			t.Fatalf("files out of nothing: %v", there)
		}
	})
}

// Answers go to those who asked, in any order; one nobody waits for is dropped
// with its files.
func TestClient(t *testing.T) {
	here, there := ends(t)
	k := newClient(here)
	results := make(chan string, 2)
	for _, name := range []string{"a", "b"} {
		go func() {
			a, err := k.ask(t, name)
			results <- fmt.Sprint(name, "=", a, err)
		}()
	}
	var reqs []*request
	for range 2 {
		body, _, err := there.receive()
		must(t, err)
		req, err := decodeRequest(body, 0)
		must(t, err)
		reqs = append(reqs, req)
	}
	r, w, err := os.Pipe()
	must(t, err)
	send := func(a answer, files ...*os.File) {
		body, err := json.Marshal(a)
		must(t, err)
		must(t, there.send(body, files))
	}
	send(answer{Tag: 999, Files: [maxFiles]bool{true}}, w)
	must(t, w.Close())
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the stray file is still open: %v", err)
	}
	must(t, r.Close())
	send(answer{Tag: reqs[1].Tag, Path: reqs[1].Name})
	send(answer{Tag: reqs[0].Tag, Path: reqs[0].Name})
	for range 2 {
		if got := <-results; got != "a=a<nil>" && got != "b=b<nil>" {
			t.Errorf("got %q", got)
		}
	}
	must(t, there.close())
	if _, err := k.ask(t, "late"); !errors.Is(err, errGone) {
		t.Errorf("after the end: %v", err)
	}
	k.close()
}

func (k *client) ask(t *testing.T, name string) (string, error) {
	a, _, err := k.call(t.Context(), &request{Op: opHeld, Name: name}, [maxFiles]*os.File{})
	if err != nil {
		return "", err
	}
	return a.Path, nil
}
