package index

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

type key16 [2]uint64

// checkIndex does what the bytes of ops say to an index and to a map: two bytes are the operation and the key. hash may be as bad as
// it likes.
func checkIndex(t *testing.T, ops []byte, hash func(*key16) uint64) {
	x, gold := New(hash), map[key16]int32{}
	for i := 0; i+1 < len(ops); i += 2 {
		k := key16{uint64(ops[i] >> 1 & 3), uint64(ops[i+1])}
		slot, ok := x.Find(&k, hash(&k))
		if want, there := gold[k]; ok != there || ok && slot != want {
			t.Fatalf("step %d: found slot %d %v, want %d %v", i/2, slot, ok, want, there)
		}
		switch {
		case ops[i]&1 != 0:
			if removed := x.Remove(&k, hash(&k)); removed != ok {
				t.Fatalf("step %d: removed %v, want %v", i/2, removed, ok)
			}
			delete(gold, k)
		case !ok:
			x.Put(&k, hash(&k), int32(i))
			gold[k] = int32(i)
		}
		if x.Len() != len(gold) {
			t.Fatalf("step %d: %d keys, want %d", i/2, x.Len(), len(gold))
		}
	}
	for k, want := range gold {
		if slot, ok := x.Find(&k, hash(&k)); !ok || slot != want {
			t.Errorf("at the end: found slot %d %v, want %d", slot, ok, want)
		}
	}
	visited := map[key16]int32{}
	x.Each(func(k *key16, slot int32) { visited[*k] = slot })
	if !maps.Equal(visited, gold) {
		t.Errorf("at the end: visited %v, want %v", visited, gold)
	}
}

func seeded() func(*key16) uint64 {
	s := NewSeed()
	return func(k *key16) uint64 { return s.Hash16((*[2]uint64)(k)) }
}

func TestIndexAgainstMap(t *testing.T) {
	ops := make([]byte, 40_000)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range ops {
		ops[i] = byte(rng.Uint32())
	}
	for name, hash := range map[string]func(*key16) uint64{
		"a good hash":                       seeded(),
		"four hashes for all keys":          func(k *key16) uint64 { return k[1] & 3 },
		"one hash for all keys":             func(*key16) uint64 { return 7 },
		"hashes that differ in tags alone":  func(k *key16) uint64 { return k[1] << 57 },
		"hashes that all want the last one": func(k *key16) uint64 { return ^uint64(0) },
	} {
		t.Run(name, func(t *testing.T) { checkIndex(t, ops, hash) })
	}
}

// TestFewKeysComeAndGo keeps a small index as full as it may be, until each bucket has keys behind it.
func TestFewKeysComeAndGo(t *testing.T) {
	hash := seeded()
	x, most := New(hash), uint64(3*width*least/4)
	for i := range uint64(20_000) {
		k := key16{i}
		x.Put(&k, hash(&k), int32(i))
		if x.Len() >= int(most) {
			k = key16{i - most}
			if i%3 == 0 || !x.Remove(&k, hash(&k)) {
				k = key16{i - 1}
				x.Remove(&k, hash(&k))
			}
		}
		k = key16{i, 1}
		if _, ok := x.Find(&k, hash(&k)); ok {
			t.Fatal("found what is not there")
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(uint64(3), []byte{0, 1, 0, 2, 1, 1, 0, 1})
	f.Add(uint64(0), []byte("one bucket overflows into the next, and keys go again in another order"))
	f.Add(^uint64(0), []byte("all bits of the key are in the hash, as far as they go"))
	f.Fuzz(func(t *testing.T, mask uint64, ops []byte) {
		checkIndex(t, ops, func(k *key16) uint64 { return (k[0]<<55 ^ k[1]*wy0) & mask })
	})
}

func TestBucketFillsOneCacheLine(t *testing.T) {
	if n := unsafe.Sizeof(bucket[key16]{}); n != 64 {
		t.Errorf("%d bytes", n)
	}
}

func TestIndexDoesNotAllocate(t *testing.T) {
	hash := seeded()
	x := New(hash)
	for i := range uint64(1000) {
		k := key16{i}
		x.Put(&k, hash(&k), int32(i))
	}
	k := key16{1, 1}
	if n := testing.AllocsPerRun(1000, func() {
		h := hash(&k)
		x.Put(&k, h, 5)
		x.Find(&k, h)
		x.Remove(&k, h)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestHashesSpread sees to it that keys which differ in a few bits, as those of flows do, spread over buckets, tags and shards.
func TestHashesSpread(t *testing.T) {
	s := NewSeed()
	for name, hash := range map[string]func(i uint64) uint64{
		"ports of a key of 16 bytes":     func(i uint64) uint64 { return s.Hash16(&[2]uint64{1, i << 32}) },
		"addresses of a key of 16 bytes": func(i uint64) uint64 { return s.Hash16(&[2]uint64{i << 32, 1}) },
		"ports of a key of 40 bytes":     func(i uint64) uint64 { return s.Hash40(&[5]uint64{1, 2, 3, 4, i << 32}) },
		"addresses of a key of 40 bytes": func(i uint64) uint64 { return s.Hash40(&[5]uint64{1, i << 8, 3, 4, 5}) },
		"far ends of a key of 40 bytes":  func(i uint64) uint64 { return s.Hash40(&[5]uint64{1, 2, 3, i, 5}) },
	} {
		for _, shift := range []int{0, 20, 51, 57} {
			var count [64]int
			for i := range uint64(64_000) {
				count[hash(i)>>shift&63]++
			}
			for part, n := range count {
				if n < 700 || n > 1300 { // a thousand, give or take nine standard deviations
					t.Errorf("%s: bits from %d on: part %d has %d of 64,000 keys", name, shift, part, n)
				}
			}
		}
	}
}

func fill(n int) (*Index[key16], func(*key16) uint64, []key16) {
	hash := seeded()
	x, keys := New(hash), make([]key16, n)
	for i := range keys {
		keys[i] = key16{uint64(i), rand.Uint64()}
		x.Put(&keys[i], hash(&keys[i]), int32(i))
	}
	rand.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return &x, hash, keys
}

var sizes = []struct {
	name string
	n    int
}{{"1k", 1000}, {"16k", 16_000}, {"1M", 1_000_000}}

// BenchmarkFind looks keys up in random order, each hit another key.
func BenchmarkFind(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			x, hash, keys := fill(size.n)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				k := &keys[i]
				if _, ok := x.Find(k, hash(k)); !ok {
					b.Fatal("lost")
				}
				if i++; i == len(keys) {
					i = 0
				}
			}
		})
	}
}

// BenchmarkRemoveAndPut takes the key that has been there for longest and puts another in.
func BenchmarkRemoveAndPut(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			x, hash, keys := fill(size.n)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				k := &keys[i]
				x.Remove(k, hash(k))
				k[1] += wy0
				x.Put(k, hash(k), int32(i))
				if i++; i == len(keys) {
					i = 0
				}
			}
		})
	}
}

// BenchmarkLongestPut reports the longest of the puts that fill an index, which is the last doubling.
func BenchmarkLongestPut(b *testing.B) {
	hash := seeded()
	longest := time.Duration(1 << 62)
	for b.Loop() {
		x, worst := New(hash), time.Duration(0)
		for i := range uint64(16_000) {
			k := key16{i, i}
			h, start := hash(&k), time.Now()
			x.Put(&k, h, int32(i))
			worst = max(worst, time.Since(start))
		}
		longest = min(longest, worst)
	}
	b.ReportMetric(float64(longest.Microseconds()), "µs/longest-put")
}

// TestEach: every key that is there comes once, with its slot.
func TestEach(t *testing.T) {
	seed := NewSeed()
	hash := func(k *[2]uint64) uint64 { return seed.Hash16(k) }
	x, want := New(hash), map[[2]uint64]int32{}
	for n := range uint64(1000) {
		k := [2]uint64{n, n * n}
		x.Put(&k, hash(&k), int32(n))
		want[k] = int32(n)
		if n%3 == 0 {
			x.Remove(&k, hash(&k))
			delete(want, k)
		}
	}
	got, times := map[[2]uint64]int32{}, 0
	x.Each(func(k *[2]uint64, slot int32) {
		got[*k] = slot
		times++
	})
	if !maps.Equal(got, want) || times != len(want) {
		t.Errorf("%d keys in %d calls, want %d", len(got), times, len(want))
	}
}
