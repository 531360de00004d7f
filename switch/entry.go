package vswitch

import (
	"encoding/json"
	"sync/atomic"

	"vswitch/internal/frame"
)

// Entry is one line of the forwarding database.
type Entry struct {
	MAC    frame.MAC    `json:"mac"` // in JSON as aa:bb:cc:dd:ee:ff
	VID    uint16       `json:"vlan"`
	Port   frame.PortID `json:"port"`
	Static bool         `json:"static"`
	// Age is how many seconds ago the station was last seen; 0 for a static entry.
	Age uint32 `json:"age"`
}

// entryOf reads an entry at second sec.
func entryOf(key, v uint64, sec uint32) Entry {
	e := Entry{MAC: keyMAC(key), VID: keyVID(key), Port: valuePort(v), Static: valueStatic(v)}
	if !e.Static && earlier(valueSec(v), sec) {
		e.Age = sec - valueSec(v)
	}
	return e
}

// MarshalJSON writes the address as people do.
func (e Entry) MarshalJSON() ([]byte, error) {
	type plain Entry // without this method
	return json.Marshal(struct {
		MAC string `json:"mac"`
		plain
	}{e.MAC.String(), plain(e)})
}

// FDBStats counts what happened to the entries of a switch's forwarding database.
type FDBStats struct {
	Entries  int    `json:"entries"`
	Limit    int    `json:"limit"`
	Learned  uint64 `json:"learned"`  // new entries
	Moved    uint64 `json:"moved"`    // entries that changed their port
	Aged     uint64 `json:"aged"`     // entries that were not refreshed in time
	Evicted  uint64 `json:"evicted"`  // entries that made room at the table's limit
	Flushed  uint64 `json:"flushed"`  // entries removed with their port or by hand
	Limited  uint64 `json:"limited"`  // sightings not learned: the port's limit
	Refused  uint64 `json:"refused"`  // sightings not learned: no room that is the port's to take
	Deferred uint64 `json:"deferred"` // sightings not learned yet: a change was under way
}

type fdbCounters struct {
	learned, moved, aged, evicted, flushed, limited, refused, deferred atomic.Uint64
}

func (t *fdb) statistics() FDBStats {
	t.mu.Lock()
	entries := t.count
	t.mu.Unlock()
	c := &t.stats
	return FDBStats{
		Entries: entries, Limit: t.limit,
		Learned: c.learned.Load(), Moved: c.moved.Load(), Aged: c.aged.Load(),
		Evicted: c.evicted.Load(), Flushed: c.flushed.Load(),
		Limited: c.limited.Load(), Refused: c.refused.Load(), Deferred: c.deferred.Load(),
	}
}
