# Every target does its own set-up. `make` alone lists them.
SHELL   := /bin/bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BIN     := bin/vswitch

# What can be set on the command line:
PKG       ?= ./...
TESTFLAGS ?=
FUZZTIME  ?= 10s
ARGS      ?=

.DEFAULT_GOAL := help
.PHONY: help demo build test race fuzz lint bench setup clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## see it work in a minute: two containers, ping, iperf3, the ratio to the kernel's bridge
	@scripts/setup.sh demo
	@$(BIN) demo $(ARGS)

build: ## build bin/vswitch, one static binary
	@CGO_ENABLED=0 go build -ldflags '-X main.version=$(VERSION)' -o $(BIN) ./cmd/vswitch

test: setup ## run all tests (PKG=./switch, TESTFLAGS='-v -run Flood')
	@scripts/test.sh $(TESTFLAGS) $(PKG)

race: setup ## run the race detector on what has concurrency
	@scripts/setup.sh race
	@scripts/race.sh $(TESTFLAGS)

fuzz: ## fuzz every target (FUZZTIME=10s each, PKG=./internal/frame)
	@FUZZTIME='$(FUZZTIME)' scripts/fuzz.sh $(PKG)

lint: ## go vet, gofmt, the house rules; golangci-lint where installed
	@scripts/lint.sh

bench: build ## measure the switch against the kernel's bridge (ARGS='--io epoll')
	@scripts/setup.sh demo
	@$(BIN) bench l2 $(ARGS)

setup: ## install what tests need, or say what is missing
	@scripts/setup.sh test

clean: ## remove what was built
	rm -rf bin
