package main

import (
	"fmt"
	"sync"
	"time"
)

// progress is one line of progress for programs.
type progress struct {
	Time      time.Time `json:"Time"`
	ElapsedMs float64   `json:"ElapsedMs"`
	Message   string    `json:"Message"`
}

// progressMu keeps lines whole: many goroutines have something to say.
var progressMu sync.Mutex

// say tells the one who waits what happens: a line with the time on a terminal, a line of JSON elsewhere.
func (a *app) say(format string, args ...any) {
	a.sayAt(time.Since(a.began), fmt.Sprintf(format, args...))
}

// sayAt is say for what happened a time after the beginning.
func (a *app) sayAt(since time.Duration, line string) {
	if a.quiet {
		return
	}
	progressMu.Lock()
	defer progressMu.Unlock()
	if isTerminal(a.stderr) {
		fmt.Fprintf(a.stderr, "%8.3fs  %s\n", since.Seconds(), line)
		return
	}
	text, err := toJSON(progress{Time: time.Now(), ElapsedMs: float64(since.Microseconds()) / 1000, Message: line}, "")
	if err == nil { // a text and two numbers can always be written
		_, _ = a.stderr.Write(text)
	}
}

// detail is say with -v.
func (a *app) detail(format string, args ...any) {
	if a.verbose {
		a.say(format, args...)
	}
}
