package api

// Nearest returns the candidate that word was most likely meant to be: the one
// with the fewest single-letter slips (insert, delete, replace, swap of
// neighbours), at most one for every three letters of word and never less than
// one allowed. It is empty when none is near. The first of equals wins.
func Nearest(word string, candidates []string) string {
	best, limit := "", max(1, len(word)/3)
	for _, c := range candidates {
		if d := slips(word, c); d <= limit {
			best, limit = c, d-1
		}
	}
	return best
}

// slips is the optimal string alignment distance, in bytes.
func slips(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
