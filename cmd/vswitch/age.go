package main

import (
	"fmt"
	"time"
)

// ago says how long before now t was, in Docker's words; "-" for no time.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return duration(now.Sub(t)) + " ago"
}

// duration says d roughly, in Docker's words.
func duration(d time.Duration) string {
	seconds, minutes, hours := int(d.Seconds()), int(d.Minutes()), int(d.Hours()+0.5)
	const day, week, month, year = 24, 7 * 24, 30 * 24, 365 * 24
	switch {
	case seconds < 1:
		return "Less than a second"
	case seconds == 1:
		return "1 second"
	case seconds < 60:
		return fmt.Sprintf("%d seconds", seconds)
	case minutes == 1:
		return "About a minute"
	case minutes < 60:
		return fmt.Sprintf("%d minutes", minutes)
	case hours == 1:
		return "About an hour"
	case hours < 2*day:
		return fmt.Sprintf("%d hours", hours)
	case hours < 2*week:
		return fmt.Sprintf("%d days", hours/day)
	case hours < 2*month:
		return fmt.Sprintf("%d weeks", hours/week)
	case hours < 2*year:
		return fmt.Sprintf("%d months", hours/month)
	}
	return fmt.Sprintf("%d years", hours/year)
}

// until says how long after now t is, shortly: 59m, 3h; "-" for no time.
func until(now, t time.Time) string {
	d := t.Sub(now)
	switch {
	case t.IsZero():
		return "-"
	case d <= 0:
		return "expired"
	}
	return short(d)
}

// short says d roughly, as 59m or 3h.
func short(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// size is a number of bytes or frames with a decimal prefix and four digits, as
// Docker writes it: 1.234kB.
func size(n float64, unit string) string {
	n, prefix := scale(n)
	return fmt.Sprintf("%.4g%s%s", n, prefix, unit)
}

// rate is a number of bits a second: 9.41 Gbit/s.
func rate(n float64) string {
	n, prefix := scale(n)
	return fmt.Sprintf("%.3g %sbit/s", n, prefix)
}

// scale brings n below 1000, and returns the prefix for what it was divided by.
func scale(n float64) (float64, string) {
	prefixes := []string{"", "k", "M", "G", "T", "P", "E"}
	i := 0
	for n >= 1000 && i < len(prefixes)-1 {
		n /= 1000
		i++
	}
	return n, prefixes[i]
}
