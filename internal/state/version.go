package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// versionBody is the body of the file version, which is a document like the others:
// its schema is the directory's. It is written before the first document is
// migrated, so that an older program never takes a new document for damage.
type versionBody struct {
	Migrating bool `json:",omitempty"` // documents of an older schema may be left
}

// checkVersion brings the directory to the store's schema and removes leftovers.
func (s *Store) checkVersion() ([]Damage, error) {
	found, migrating, damage, err := s.version()
	if err != nil {
		return nil, err
	}
	if err := s.cleanAll(); err != nil {
		return nil, err
	}
	if found == s.opts.Schema && !migrating {
		return damage, nil
	}
	if found != 0 && found < s.opts.Schema && s.opts.Migrate == nil {
		return nil, fmt.Errorf("state: %s: no way from schema %d to %d", s.dir, found, s.opts.Schema)
	}
	if found == 0 && len(damage) == 0 { // a new directory
		return nil, s.writeVersion(false)
	}
	if err := s.writeVersion(true); err != nil {
		return nil, err
	}
	for _, kind := range s.kindsOnDisk() {
		d, err := s.migrate(kind)
		if damage = append(damage, d...); err != nil {
			return nil, err
		}
	}
	return damage, s.writeVersion(false)
}

// version returns the schema of the directory, 0 for a new one or one whose file is
// damaged.
func (s *Store) version() (schema int, migrating bool, damage []Damage, err error) {
	data, err := s.self.read(versionName)
	if errors.Is(err, fs.ErrNotExist) {
		if len(s.kindsOnDisk()) > 0 {
			return 0, false, nil, fmt.Errorf("state: %s has directories but no file %q: %w", s.dir, versionName, ErrForeign)
		}
		return 0, false, nil, nil
	}
	if err == nil {
		var body []byte
		if schema, body, err = decode(data); err == nil && schema > s.opts.Schema {
			return 0, false, nil, fmt.Errorf("state: %s: schema %d, ours is %d: %w", s.dir, schema, s.opts.Schema, ErrNewer)
		}
		var v versionBody
		if err == nil && json.Unmarshal(body, &v) == nil {
			return schema, v.Migrating, nil, nil
		}
	}
	return s.lostVersion(err)
}

// lostVersion sets a damaged version file aside. The documents say themselves which
// schema they have, so all of them are looked at.
func (s *Store) lostVersion(err error) (int, bool, []Damage, error) {
	if err != nil && !errors.Is(err, ErrDamaged) {
		return 0, false, nil, err
	}
	d := Damage{Path: filepath.Join(s.dir, versionName), Err: errors.Join(ErrDamaged, err)}
	if d.Aside, err = s.self.aside(versionName); err != nil {
		return 0, false, nil, err
	}
	return 0, true, []Damage{d}, nil
}

func (s *Store) writeVersion(migrating bool) error {
	body, err := json.Marshal(versionBody{Migrating: migrating})
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return s.put([]file{{in: s.self, name: versionName, data: encode(s.opts.Schema, body)}})
}

// migrate rewrites the documents of a kind that have an older schema.
func (s *Store) migrate(kind string) (damage []Damage, err error) {
	keys, err := s.keys(kind)
	if err != nil {
		return nil, err
	}
	f, err := s.folder(kind, true)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, key := range keys {
		data, err := s.migrated(f, kind, key)
		switch {
		case errors.Is(err, ErrDamaged):
			damage = append(damage, *s.setAside(kind, key, err))
		case err != nil: // it may be whole, and must not be left behind
			return damage, err
		case data != nil:
			files = append(files, file{in: f, name: key + docSuffix, data: data})
		}
	}
	return damage, s.put(files)
}

// migrated returns the file of a document in the store's schema; nil where it has
// that already.
func (s *Store) migrated(f *folder, kind, key string) ([]byte, error) {
	data, err := f.read(key + docSuffix)
	if err != nil {
		return nil, err
	}
	from, body, err := decode(data)
	if err != nil || from == s.opts.Schema {
		return nil, err
	}
	if from > s.opts.Schema || s.opts.Migrate == nil {
		return nil, fmt.Errorf("%w: it is of schema %d, not %d", ErrDamaged, from, s.opts.Schema)
	}
	body, err = s.opts.Migrate(from, kind, key, body)
	if err == nil && !json.Valid(body) {
		err = errors.New("the migration made no JSON of it")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: from schema %d: %w", ErrDamaged, from, err)
	}
	return encode(s.opts.Schema, body), nil
}

// cleanAll removes the temporary files of all directories.
func (s *Store) cleanAll() error {
	if err := s.self.clean(); err != nil {
		return err
	}
	for _, kind := range s.kindsOnDisk() {
		f, err := s.folder(kind, false)
		if err != nil {
			continue // not ours to read; who uses the kind is told
		}
		if err := f.clean(); err != nil {
			return err
		}
	}
	return nil
}
