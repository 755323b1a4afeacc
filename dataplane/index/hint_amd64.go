package index

// Hints says that this processor can be asked to fetch memory.
const Hints = true

// prefetch asks for the cache line at address p, wherever that is: it never faults (PREFETCHT0, AMD64 Architecture Programmer's
// Manual, volume 3).
//
//go:noescape
func prefetch(p uintptr)

// Peek returns *p, which others may be writing: the old value or the new one, as aligned words are read whole (same manual, volume
// 2, 7.3.2). It is in assembly because the language knows no such reads. Whoever uses the value must be right with any.
//
//go:noescape
func Peek(p *uint32) uint32
