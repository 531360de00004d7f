package vswitch

import (
	"sync/atomic"

	"vswitch/internal/frame"
)

// port is a port in a snapshot: immutable, but for the storm bucket and the
// counters behind it, which live as long as the port.
type port struct {
	id    frame.PortID
	cfg   PortConfig
	vlan  *membership
	guard *guard
	state *portState
}

// portState is what a port keeps while its configuration changes.
type portState struct {
	storm storm
	kinds []kinds // one a worker
}

// kinds counts the frames that a port sent, by what became of them.
type kinds struct {
	unicast, multicast, broadcast, unknown atomic.Uint64
	_                                      [32]byte
}

// snapshot is the configuration that workers read: immutable.
type snapshot struct {
	ports  []*port // by PortID
	floods *[4096]*floods
}

func (s *snapshot) port(id frame.PortID) *port {
	if int(id) < len(s.ports) {
		return s.ports[id]
	}
	return nil
}

// Forward sets the verdict of every frame of b that has none; see the package
// comment for the order of its steps. worker is the number of the calling worker.
// Each worker may call it at the same time as the others. It does not allocate.
func (s *Switch) Forward(worker int, b *frame.Batch) {
	snap := s.snap.Load()
	p := snap.port(b.In)
	if p == nil {
		refuse(b, frame.DropNoPort)
		return
	}
	if p.cfg.Down {
		refuse(b, frame.DropBlocked)
		return
	}
	j := job{s: s, snap: snap, in: p, now: b.Now, sec: seconds(b.Now)}
	live := b.Live()
	for i := range live {
		if f := &live[i]; f.Drop == frame.Accepted {
			j.frame(f)
		}
	}
	j.book(&p.state.kinds[worker])
}

// refuse ends all frames of a batch that are still under way.
func refuse(b *frame.Batch, r frame.Reason) {
	live := b.Live()
	for i := range live {
		if live[i].Drop == frame.Accepted {
			live[i].Drop = r
		}
	}
}

// seconds is the time in the resolution of the FDB; 1 is the first second.
func seconds(ns int64) uint32 { return uint32(ns/second) + 1 }

// job is the work on one batch. Frames that follow each other are mostly of the
// same stations: it remembers the last source and destination.
type job struct {
	s    *Switch
	snap *snapshot
	in   *port
	now  int64
	sec  uint32

	src, dst uint64 // FDB keys; 0: none yet
	out      []frame.Egress

	unicast, multicast, broadcast, unknown uint64
}

// frame decides about one frame.
func (j *job) frame(f *frame.Frame) {
	vid, reason := j.in.vlan.classify(f)
	if reason == frame.Accepted {
		reason = j.admit(f)
	}
	if reason != frame.Accepted {
		f.Drop = reason
		return
	}
	j.learn(fdbKey(f.Src, vid))
	if f.Dst.Group() {
		j.group(f, vid)
	} else {
		j.station(f, vid)
	}
}

// admit says whether the source and the destination may appear on a bridge, and
// whether the source is the port's own.
func (j *job) admit(f *frame.Frame) frame.Reason {
	switch {
	case f.Src.Group():
		return frame.DropSourceGroup
	case f.Src == 0:
		return frame.DropSourceZero
	case f.Dst.LinkLocal():
		return frame.DropLinkLocal
	case j.in.guard != nil:
		return j.in.guard.check(f)
	}
	return frame.Accepted
}

func (j *job) learn(key uint64) {
	if key == j.src || j.in.cfg.LearnLimit < 0 {
		return
	}
	j.src = key
	j.s.fdb.learn(key, j.in.id, j.sec, j.in.cfg.LearnLimit)
}

// station sends a frame to the port of its destination, if that is known.
func (j *job) station(f *frame.Frame, vid uint16) {
	key := fdbKey(f.Dst, vid)
	if key == j.dst {
		f.Out = j.out
		j.unicast++
		return
	}
	id, ok := j.s.fdb.lookup(key, j.sec)
	if !ok {
		j.unknown++
		j.flood(f, vid)
		return
	}
	to := j.snap.port(id)
	switch {
	case id == j.in.id:
		f.Drop = frame.DropSamePort
	case to == nil || to.cfg.Down || !to.vlan.set.has(vid):
		f.Drop = frame.DropNoEgress // the entry is older than the snapshot
	case to.cfg.Isolated && j.in.cfg.Isolated:
		f.Drop = frame.DropIsolated
	default:
		f.Out = to.vlan.egress(vid)
		j.dst, j.out = key, f.Out
		j.unicast++
	}
}

// group floods a frame for several stations.
func (j *job) group(f *frame.Frame, vid uint16) {
	if f.Dst == frame.Broadcast {
		j.broadcast++
	} else {
		j.multicast++
	}
	j.flood(f, vid)
}

// flood sends a frame by all ports of its VLAN. The engine leaves out the one
// that it came in by.
func (j *job) flood(f *frame.Frame, vid uint16) {
	if !j.in.state.storm.take(j.in.cfg.Storm, j.now) {
		f.Drop = frame.DropStorm
		return
	}
	f.Out = j.snap.floods[vid].from(j.in)
	if len(f.Out) == 0 {
		f.Drop = frame.DropNoEgress
	}
}

// book adds the job's counts to the port's.
func (j *job) book(k *kinds) {
	if j.unicast > 0 {
		k.unicast.Add(j.unicast)
	}
	if j.multicast > 0 {
		k.multicast.Add(j.multicast)
	}
	if j.broadcast > 0 {
		k.broadcast.Add(j.broadcast)
	}
	if j.unknown > 0 {
		k.unknown.Add(j.unknown)
	}
}
