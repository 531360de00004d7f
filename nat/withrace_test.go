//go:build race

package nat

// manyFlows is fewer under the race detector, which makes each take many times as long.
const manyFlows = 50_000
