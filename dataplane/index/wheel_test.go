package index

import (
	"math/rand/v2"
	"testing"
	"time"
)

// goldWheel is the wheel as a map that is searched.
type goldWheel map[int32]int64

func (g goldWheel) due(now int64) map[int32]bool {
	due := map[int32]bool{}
	for slot, at := range g {
		if at <= now {
			due[slot] = true
		}
	}
	return due
}

// checkWheel does what the bytes of ops say to a wheel and to a map: three bytes are the operation, the slot and the time.
func checkWheel(t *testing.T, start int64, ops []byte) {
	w, gold, now := NewWheel(), goldWheel{}, start
	for ; len(ops) >= 3; ops = ops[3:] {
		slot, span := int32(ops[1]), int64(ops[2])*int64(time.Second)/2<<(ops[0]>>3)
		switch ops[0] & 7 {
		case 0, 1, 2, 3:
			w.Add(slot, now+span)
			gold[slot] = now + span
		case 4: // a later time without telling the wheel: it is lazy
			if at, ok := gold[slot]; ok {
				gold[slot] = at + span
			}
		case 5:
			w.Remove(slot)
			delete(gold, slot)
		default:
			now += span
			advance(t, &w, gold, now)
		}
	}
	end := now
	for _, at := range gold {
		end = max(end, at)
	}
	advance(t, &w, gold, end+int64(Tick))
	if len(gold) != 0 {
		t.Errorf("%d slots were never woken up", len(gold))
	}
}

func advance(t *testing.T, w *Wheel, gold goldWheel, now int64) {
	must := gold.due(now - int64(Tick))
	w.Advance(now, func(slot int32) int64 {
		at, ok := gold[slot]
		if !ok {
			t.Fatalf("slot %d was woken up and is not there", slot)
		}
		delete(must, slot)
		if at > now {
			return at
		}
		delete(gold, slot)
		return 0
	})
	if len(must) != 0 {
		t.Fatalf("at %v: not woken up: %v", time.Duration(now), must)
	}
}

func TestWheelAgainstMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		ops := make([]byte, 3000)
		for i := range ops {
			ops[i] = byte(rng.Uint32())
			if i%3 == 0 {
				ops[i] &= 0x7f // up to 2^15 times 128 s
			}
		}
		checkWheel(t, rng.Int64N(1<<50), ops)
	}
}

func FuzzWheel(f *testing.F) {
	f.Add(int64(0), []byte{0, 1, 60, 6, 0, 62})
	f.Add(int64(1e15), []byte{0x60, 1, 210, 4, 1, 9, 0x66, 0, 212, 7, 0, 3})
	f.Fuzz(func(t *testing.T, start int64, ops []byte) {
		for i := 0; i < len(ops); i += 3 {
			ops[i] &= 0x7f
		}
		checkWheel(t, start&(1<<50-1), ops[:min(len(ops), 3000)])
	})
}

func TestWheelIsAtMostOneTickLate(t *testing.T) {
	for _, seconds := range []int64{1, 30, 60, 63, 64, 65, 180, 350, 4095, 4096, 4097, 432_000} {
		w, at := NewWheel(), 1000*int64(time.Second)+seconds*int64(time.Second)
		w.Advance(1000*int64(time.Second), nil)
		w.Add(7, at)
		woken := int64(0)
		for now := 1000 * int64(time.Second); woken == 0 && now < at+10*int64(Tick); now += int64(Tick) {
			w.Advance(now, func(int32) int64 {
				if now < at {
					return at
				}
				woken = now
				return 0
			})
		}
		if woken < at || woken > at+int64(Tick) {
			t.Errorf("%d s: woken up %v after the time", seconds, time.Duration(woken-at))
		}
	}
}

func TestWheelDoesNotAllocate(t *testing.T) {
	w, now := NewWheel(), int64(0)
	w.Add(9, 0)
	gone := func(int32) int64 { return 0 }
	if n := testing.AllocsPerRun(1000, func() {
		now += int64(Tick)
		w.Add(9, now+int64(Tick))
		w.Advance(now, gone)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkAdvance moves a wheel with a million slots, all used again and again, on by one second.
func BenchmarkAdvance(b *testing.B) {
	w, now := NewWheel(), int64(0)
	for i := range int32(1_000_000) {
		w.Add(i, rand.Int64N(432_000*int64(time.Second)))
	}
	again := func(int32) int64 { return now + 432_000*int64(time.Second) }
	b.ReportAllocs()
	for b.Loop() {
		now += int64(Tick)
		w.Advance(now, again)
	}
}
