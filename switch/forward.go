package vswitch

import "vswitch/internal/frame"

// Forward sets the verdict of every frame of b that has none; see the package
// comment for the order of its steps. worker is the number of the calling worker,
// below Config.Workers. Each worker may call it at the same time as the others, also
// for the same port. It does not allocate.
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
	j := job{
		fdb: s.fdb, snap: snap, in: p, storm: &p.state[worker].storm, now: b.Now,
		src: sighting{port: p.id, sec: seconds(b.Now), limit: p.cfg.LearnLimit, epoch: snap.epoch},
	}
	live := b.Live()
	for i := range live {
		if f := &live[i]; f.Drop == frame.Accepted {
			j.frame(f)
		}
	}
	p.state[worker].kinds.book(&j.sent)
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
	fdb   *fdb
	snap  *snapshot
	in    *port
	storm *storm
	now   int64

	src sighting // key 0: none yet
	dst uint64   // FDB key of the last known destination; 0: none yet
	out []frame.Egress

	sent Kinds
}

// frame decides about one frame.
func (j *job) frame(f *frame.Frame) {
	vid, reason := j.admit(f)
	if reason != frame.Accepted {
		f.Drop = reason
		return
	}
	j.learn(fdbKey(f.Src, vid))
	switch {
	case f.Dst == frame.Broadcast:
		j.flood(f, vid, &j.sent.Broadcast)
	case f.Dst.Group():
		j.flood(f, vid, &j.sent.Multicast)
	default:
		j.station(f, vid)
	}
}

// admit says in which VLAN the frame is, and whether it may come in at all: the
// port may use the VLAN, source and destination may appear on a bridge, and the
// source is the port's own.
func (j *job) admit(f *frame.Frame) (uint16, frame.Reason) {
	vid, reason := j.in.vlan.classify(f)
	switch {
	case reason != frame.Accepted:
		return 0, reason
	case f.Tags > 1 && j.snap.natives.has(vid):
		// Some trunk sends this VLAN untagged. Behind it the inner tag would be the
		// outer one, and would name a VLAN of the sender's choice.
		return 0, frame.DropVLANForeign
	case f.Src.Group():
		return 0, frame.DropSourceGroup
	case f.Src == 0:
		return 0, frame.DropSourceZero
	case f.Dst.LinkLocal():
		return 0, frame.DropLinkLocal
	case j.in.guard != nil:
		return vid, j.in.guard.check(f)
	}
	return vid, frame.Accepted
}

// learn notes that the source is behind the port, once for a run of its frames.
func (j *job) learn(key uint64) {
	if key == j.src.key || j.src.limit < 0 {
		return
	}
	j.src.key = key
	j.fdb.learn(&j.src)
}

// station sends a frame to the port of its destination, if that is known.
func (j *job) station(f *frame.Frame, vid uint16) {
	key := fdbKey(f.Dst, vid)
	if key == j.dst {
		f.Out = j.out
		j.sent.Unicast++
		return
	}
	id, ok := j.fdb.lookup(key, j.src.sec)
	if !ok {
		j.flood(f, vid, &j.sent.Unknown)
		return
	}
	to := j.snap.port(id)
	switch {
	case id == j.in.id:
		f.Drop = frame.DropSamePort
	case to == nil || to.cfg.Down || !to.vlan.set.has(vid):
		f.Drop = frame.DropNoEgress // a static entry of a port that is down, or newer than the snapshot
	case to.cfg.Isolated && j.in.cfg.Isolated:
		f.Drop = frame.DropIsolated
	default:
		f.Out = to.vlan.egress(vid)
		j.dst, j.out = key, f.Out
		j.sent.Unicast++
	}
}

// flood sends a frame by all ports of its VLAN, and counts it. The engine leaves
// out the one that it came in by. What no other port takes costs no storm budget,
// nor does what the responder takes alone.
func (j *job) flood(f *frame.Frame, vid uint16, sent *uint64) {
	if out := j.answered(f, vid); out != nil {
		f.Out = out
		j.sent.Answered++
		return
	}
	out := j.snap.floods.of(vid).from(j.in)
	switch {
	case len(out) == 0 || len(out) == 1 && out[0].Port == j.in.id:
		f.Drop = frame.DropNoEgress
	case !j.storm.take(j.in.cfg.Storm, j.now):
		f.Drop = frame.DropStorm
	default:
		f.Out = out
		*sent++
	}
}
