//go:build !amd64

package routing

// Without assembly, everything is looked up one by one.

func vectors() bool { return false }

func ways(intervals int, r *root4) []way { return []way{oneByOne} }

func liveWay() way { return oneByOne }

func (b *batch4) lookup(addrs []uint32, answers []Answer) (n int, blocks bool) { return 0, false }

func (t *tree6) descend(addrs []Address6, answers []Answer) (n int, longer bool) { return 0, false }

func (t *tree6) interval(hi uint64) int { return t.intervalOf(hi) }
