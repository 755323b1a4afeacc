package bench

import (
	"unsafe"

	"vpcsim/routing"
)

const oursName = "vpcsim"

// Ours is package routing, as a contender.
func Ours() Maker {
	return Maker{Name: oursName, Build: func(t Table, _ func(int)) (*Structure, error) {
		table, err := routingTable(t)
		if err != nil {
			return nil, err
		}
		detail4, detail6 := table.Structure()
		s := &Structure{Detail: detail4, Memory: table.Memory(), Contenders: func(k *Keys, batches []int) []Contender { return ours4(table, k, batches) }}
		if t.is6() {
			s.Detail = detail6
			s.Contenders = func(k *Keys, batches []int) []Contender { return ours6(table, k, batches) }
		}
		return s, nil
	}}
}

func routingTable(t Table) (*routing.Table[uint32], error) {
	var b routing.Builder[uint32]
	for _, r := range t.Routes {
		b.Add(r.Prefix, routing.Static, r.NextHop)
	}
	return b.Build()
}

// The loops below are written out one by one: a function value or an interface between a loop and the lookup in it would cost more than many
// a lookup does, and keep it from being inlined.

func ours4(table *routing.Table[uint32], k *Keys, batches []int) []Contender {
	nextHop := nextHopOf(table)
	all := []Contender{oursNetip(table, k), {
		Way: Single, NextHop: nextHop,
		Sum: func(from, to int) (sum uint64) {
			for _, a := range k.V4[from:to] {
				sum += uint64(table.Answer4(a))
			}
			return sum
		},
		Fill: func(from, to int, out []uint32) {
			for i, a := range k.V4[from:to] {
				out[i] = uint32(table.Answer4(a))
			}
		},
	}}
	for _, n := range batches {
		all = append(all, inBatches(n, nextHop, func(from, to int, answers []routing.Answer) { table.LookupBatch4(k.V4[from:to], answers) }))
	}
	return all
}

func ours6(table *routing.Table[uint32], k *Keys, batches []int) []Contender {
	nextHop := nextHopOf(table)
	all := []Contender{oursNetip(table, k), {
		Way: Single, NextHop: nextHop,
		Sum: func(from, to int) (sum uint64) {
			for _, a := range k.V6[from:to] {
				sum += uint64(table.Answer6(a.Hi, a.Lo))
			}
			return sum
		},
		Fill: func(from, to int, out []uint32) {
			for i, a := range k.V6[from:to] {
				out[i] = uint32(table.Answer6(a.Hi, a.Lo))
			}
		},
	}}
	for _, n := range batches {
		all = append(all, inBatches(n, nextHop, func(from, to int, answers []routing.Answer) { table.LookupBatch6(k.V6[from:to], answers) }))
	}
	return all
}

// nextHopOf translates answers, which are the table's own numbers.
func nextHopOf(table *routing.Table[uint32]) func(uint32) uint32 {
	return func(answer uint32) uint32 {
		v, _ := table.Value(routing.Answer(answer))
		return v
	}
}

func oursNetip(table *routing.Table[uint32], k *Keys) Contender {
	addrs := k.Addrs()
	return Contender{
		Way: Netip,
		Sum: func(from, to int) (sum uint64) {
			for _, a := range addrs[from:to] {
				v, _ := table.Lookup(a)
				sum += uint64(v)
			}
			return sum
		},
		Fill: func(from, to int, out []uint32) {
			for i, a := range addrs[from:to] {
				out[i], _ = table.Lookup(a)
			}
		},
	}
}

// inBatches looks keys up n at a time. The sum is taken batch by batch while the answers are in the nearest cache, as a router would use them.
func inBatches(n int, nextHop func(uint32) uint32, lookup func(from, to int, answers []routing.Answer)) Contender {
	return Contender{
		Way: Batch, Batch: n, NextHop: nextHop,
		Sum: func(from, to int) (sum uint64) {
			words, answers := answerWords(n)
			for ; from < to; from += n {
				end := min(from+n, to)
				lookup(from, end, answers)
				if end-from < n {
					clear(answers[end-from:])
				}
				sum += sumOfPairs(words)
			}
			return sum
		},
		Fill: func(from, to int, out []uint32) {
			_, answers := answerWords(n)
			for at := from; at < to; at += n {
				end := min(at+n, to)
				lookup(at, end, answers)
				for i, a := range answers[:end-at] {
					out[at-from+i] = uint32(a)
				}
			}
		},
	}
}

// answerWords returns room for n answers, and the same memory as words that hold two answers each.
func answerWords(n int) ([]uint64, []routing.Answer) {
	words := make([]uint64, (n+1)/2)
	return words, unsafe.Slice((*routing.Answer)(unsafe.Pointer(&words[0])), n) // 4n bytes of the 8*((n+1)/2) that words has
}

// sumOfPairs adds answers up, two at a time: one at a time costs as much as the quickest lookups do, and a compiler of C would do
// better, too. The halves of 512 words cannot overflow, since a table has at most maxRoutes = 2^22 answers.
func sumOfPairs(words []uint64) (sum uint64) {
	for len(words) > 0 {
		some := words[:min(512, len(words))]
		words = words[len(some):]
		var a, b uint64
		for len(some) >= 4 {
			a += some[0] + some[1]
			b += some[2] + some[3]
			some = some[4:]
		}
		for _, w := range some {
			a += w
		}
		sum += uint64(uint32(a)) + a>>32 + uint64(uint32(b)) + b>>32
	}
	return sum
}
