package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// Doc is a document to be saved.
type Doc struct {
	Kind, Key string
	Value     any // what encoding/json can encode
}

// writers is how many files of one SaveAll are written at the same time: with 4 to
// 64 of them a file takes about half as long as alone.
const writers = 8

// Save makes v the document of kind and key. When it returns nil, the document
// lasts; on an error it is as it was, unless only the last step failed, a *WriteError
// with the Op "sync": then it is the new one, which a crash of the machine may undo.
// The error wraps ErrName, or is a *WriteError, or says why v is no JSON.
func (s *Store) Save(kind, key string, v any) error {
	return s.SaveAll(Doc{Kind: kind, Key: key, Value: v})
}

// SaveAll saves several documents, in less time than one after the other. When it
// returns nil, all last. Each is either old or new at any time, but not all change
// together: only an error before the first change, such as a full disk, leaves all
// of them as they were.
func (s *Store) SaveAll(docs ...Doc) error {
	files := make([]file, len(docs))
	for i, d := range docs {
		data, err := d.encode(s.opts.Schema)
		if err != nil {
			return err
		}
		files[i] = file{name: d.Key + docSuffix, data: data}
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.RUnlock()
	for i, d := range docs {
		f, err := s.folder(d.Kind, true)
		if err != nil {
			return err
		}
		files[i].in = f
	}
	return s.put(files)
}

// encode returns the document's file.
func (d Doc) encode(schema int) ([]byte, error) {
	if err := errors.Join(checkKind(d.Kind), checkNames(d.Key)); err != nil {
		return nil, err
	}
	body, err := json.Marshal(d.Value)
	if err != nil {
		return nil, fmt.Errorf("state: %s %s: %w", d.Kind, d.Key, err)
	}
	data := encode(schema, body)
	if len(data) > maxSize {
		return nil, fmt.Errorf("state: %s %s: a document of %d bytes, more than %d", d.Kind, d.Key, len(data), maxSize)
	}
	return data, nil
}

// file is one that is to be written, or to be replaced.
type file struct {
	in   *folder
	name string
	data []byte
	temp string // its name until it is whole; empty before it exists and after the rename
}

func (f *file) path() string { return filepath.Join(f.in.path, f.name) }

// put writes files beside the old ones, then renames all, then syncs the directories.
// It wants s.mu.
func (s *Store) put(files []file) error {
	err := parallel(len(files), func(i int) error { return s.write(&files[i]) })
	for i := 0; i < len(files) && err == nil; i++ {
		f := &files[i]
		if err = f.in.root.Rename(f.temp, f.name); err != nil {
			err = writeError("rename", f.path(), err)
			break
		}
		f.temp = ""
	}
	folders := map[*folder]bool{}
	for _, f := range files {
		folders[f.in] = true
		if f.temp != "" {
			f.in.root.Remove(f.temp) // as good as it goes; Open removes what stays
		}
	}
	for f := range folders {
		if err == nil {
			err = f.sync()
		}
	}
	return err
}

// write makes the temporary file of f.
func (s *Store) write(f *file) error {
	f.temp = fmt.Sprintf("%s%d", tempPrefix, s.temp.Add(1))
	out, err := f.in.root.OpenFile(f.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		f.temp = ""
		return writeError("write", f.path(), err)
	}
	_, err = out.Write(f.data)
	if err == nil && f.in.mode == Durable {
		err = out.Sync()
	}
	// A file system with quotas or a server may tell only now that there is no room.
	if err = errors.Join(err, out.Close()); err != nil {
		return writeError("write", f.path(), err)
	}
	return nil
}

// parallel calls do for 0 to n-1, several at a time, until one fails; it returns the
// first error.
func parallel(n int, do func(i int) error) error {
	if n == 1 {
		return do(0)
	}
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range min(n, writers) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
