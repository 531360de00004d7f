package keeper

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"vswitch/internal/sandbox"
)

// holds are the containers whose namespaces the keeper keeps.
type holds struct {
	mu    sync.Mutex
	boxes map[string]*sandbox.Sandbox
}

// add takes the files over, also when it fails.
func (h *holds) add(container string, files [maxFiles]*os.File) error {
	if files[1] == nil || files[2] == nil {
		closeAll(files[:])
		return fmt.Errorf("hold %s: %w: a namespace is missing", container, errMessage)
	}
	box, err := sandbox.FromFiles(container, files[0], files[1], files[2])
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.boxes[container] != nil {
		return errors.Join(fmt.Errorf("hold %s: %w", container, ErrExists), box.Release())
	}
	h.boxes[container] = box
	return nil
}

func (h *holds) get(container string) (*sandbox.Sandbox, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if box := h.boxes[container]; box != nil {
		return box, nil
	}
	return nil, fmt.Errorf("container %s: %w", container, ErrUnknown)
}

// files returns copies of a container's descriptors, and the path of its network
// namespace, which is there as long as it is held.
func (h *holds) files(container string) (files [maxFiles]*os.File, path string, err error) {
	box, err := h.get(container)
	if err != nil {
		return files, "", err
	}
	if files[0], files[1], files[2], err = box.Files(); err != nil {
		return files, "", err
	}
	if files[0] == nil {
		return files, fmt.Sprintf("/proc/%d/ns/net", os.Getpid()), nil
	}
	err = box.NetNS().Control(func(fd int) error {
		path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
		return nil
	})
	return files, path, err
}

// drop lets the namespaces go. Programs in them run on.
func (h *holds) drop(container string) error {
	h.mu.Lock()
	box := h.boxes[container]
	delete(h.boxes, container)
	h.mu.Unlock()
	if box == nil {
		return fmt.Errorf("container %s: %w", container, ErrUnknown)
	}
	return box.Release()
}

func (h *holds) names() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.boxes))
}

// closeAll ends everything in the containers.
func (h *holds) closeAll() error {
	h.mu.Lock()
	boxes := slices.Collect(maps.Values(h.boxes))
	h.boxes = map[string]*sandbox.Sandbox{}
	h.mu.Unlock()
	return sandbox.CloseAll(boxes)
}
