//go:build !race

package nat

// manyFlows is how many flows the test of memory makes.
const manyFlows = 1_000_000
