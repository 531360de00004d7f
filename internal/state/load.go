package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Load reads the document of kind and key into v, as encoding/json does. The error
// wraps ErrNotFound, or ErrDamaged; a damaged file stays where it is.
func (s *Store) Load(kind, key string, v any) error {
	if err := errors.Join(checkKind(kind), checkNames(key)); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.RUnlock()
	body, err := s.body(kind, key)
	if err != nil {
		return fmt.Errorf("state: %s %s: %w", kind, key, err)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("state: %s %s: %w: %w", kind, key, ErrDamaged, err)
	}
	return nil
}

// body reads one document. It wants s.mu.
func (s *Store) body(kind, key string) ([]byte, error) {
	f, err := s.folder(kind, false)
	if err != nil {
		return nil, notFound(err)
	}
	data, err := f.read(key + docSuffix)
	if err != nil {
		return nil, notFound(err)
	}
	schema, body, err := decode(data)
	if err != nil {
		return nil, err
	}
	if schema != s.opts.Schema {
		return nil, fmt.Errorf("%w: it is of schema %d, not %d", ErrDamaged, schema, s.opts.Schema)
	}
	return body, nil
}

// notFound replaces the system's reason by ErrNotFound.
func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}

// Each calls fn with every document of a kind, in the order of their keys, until fn
// returns an error; Each returns that as it is. raw is the JSON that was saved, and
// fn's to keep. fn may call the store. A file that is no whole document, of the
// schema that the store has, is renamed aside and reported, and the rest goes on.
func (s *Store) Each(kind string, fn func(key string, raw []byte) error) ([]Damage, error) {
	keys, err := s.keys(kind)
	if err != nil {
		return nil, err
	}
	var damage []Damage
	for _, key := range keys {
		raw, d, err := s.readOrMove(kind, key)
		if d != nil {
			damage = append(damage, *d)
		}
		if errors.Is(err, ErrClosed) {
			return damage, err
		}
		if err != nil {
			continue // damaged, or deleted since
		}
		if err := fn(key, raw); err != nil {
			return damage, err
		}
	}
	return damage, nil
}

// keys returns the keys of a kind, in order.
func (s *Store) keys(kind string) ([]string, error) {
	if err := checkKind(kind); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	f, err := s.folder(kind, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, n := range names {
		if key, ok := keyOf(n); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// readOrMove reads one document. Where that fails, and not because it is gone, it
// reports the damage.
func (s *Store) readOrMove(kind, key string) ([]byte, *Damage, error) {
	if err := s.begin(); err != nil {
		return nil, nil, err
	}
	body, err := s.body(kind, key)
	s.mu.RUnlock()
	if err == nil || errors.Is(err, ErrNotFound) {
		return body, nil, err
	}
	return s.move(kind, key)
}

// move renames a document aside. It reads it again first, while nobody writes: a
// whole one may have taken its place.
func (s *Store) move(kind, key string) ([]byte, *Damage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, ErrClosed
	}
	body, err := s.body(kind, key)
	if err == nil || errors.Is(err, ErrNotFound) {
		return body, nil, err
	}
	return nil, s.setAside(kind, key, err), err
}

// setAside reports the damage err, and renames the document aside unless it could
// not be read at all: then it may be whole. It wants s.mu for writing.
func (s *Store) setAside(kind, key string, err error) *Damage {
	d := &Damage{Path: filepath.Join(s.dir, kind, key+docSuffix), Err: err}
	f, ferr := s.folder(kind, false)
	if ferr != nil || !errors.Is(err, ErrDamaged) {
		return d
	}
	aside, aerr := f.aside(key + docSuffix)
	d.Aside = aside
	if aerr != nil {
		d.Err = errors.Join(err, aerr)
	}
	return d
}
