package network

import (
	"context"
	"errors"
	"sync"
	"time"

	"vswitch/internal/api"
)

const (
	// endGrace is how long programs have to end when the whole switch does.
	endGrace = 2 * time.Second
	// atOnce is how many containers end at the same time.
	atOnce = 16
)

// Clear ends and removes everything, for down: containers, then networks. Programs
// get SIGTERM and endGrace. tell is called for each thing that is gone, one at a
// time.
func (m *Manager) Clear(ctx context.Context, tell func(kind, name string, err error)) {
	m.eachBox(func(r Container) (bool, error) {
		_ = m.endOne(ctx, r) // what does not end is killed
		err := m.RemoveContainer(ctx, r.ID, true)
		if e := api.AsError(err); e != nil && e.Code == api.UnknownName {
			err = nil // it went with its program
		}
		return true, err
	}, tell)
	m.mu.Lock()
	_, nets := m.all()
	m.mu.Unlock()
	newestFirst(nets)
	for _, n := range nets {
		m.making.Lock()
		m.mu.Lock()
		delete(m.networks, n.rec.ID)
		m.mu.Unlock()
		err := errors.Join(m.forgetFile(kindNetwork, n.rec.ID), m.endNetwork(n))
		m.making.Unlock()
		tell("network", n.rec.Name, err)
	}
}

// StopAll ends what runs and keeps everything in its files, for down --keep.
func (m *Manager) StopAll(ctx context.Context, tell func(kind, name string, err error)) {
	m.eachBox(func(r Container) (bool, error) {
		return r.State == Running, m.endOne(ctx, r)
	}, tell)
}

// endOne ends a container that runs; an attachment is detached.
func (m *Manager) endOne(ctx context.Context, r Container) error {
	switch {
	case r.State != Running:
		return nil
	case r.Foreign != nil:
		return m.Detach(ctx, r.ID)
	}
	return m.StopContainer(ctx, r.ID, endGrace)
}

// eachBox has do deal with every container, some at a time, and tells of each that
// do says is gone.
func (m *Manager) eachBox(do func(Container) (gone bool, err error), tell func(kind, name string, err error)) {
	m.mu.Lock()
	boxes, _ := m.all()
	m.mu.Unlock()
	var wg sync.WaitGroup
	var said sync.Mutex
	slots := make(chan struct{}, atOnce)
	for _, b := range boxes {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			r := b.record()
			gone, err := do(r)
			if !gone && err == nil {
				return
			}
			kind := "container"
			if r.Foreign != nil {
				kind = "attachment"
			}
			said.Lock()
			defer said.Unlock()
			tell(kind, r.Name, err)
		})
	}
	wg.Wait()
}
