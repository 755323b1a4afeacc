package index

import "time"

// Tick is how late a [Wheel] may be.
const Tick = time.Second

const (
	levelBits = 6
	perLevel  = 1 << levelBits
	levels    = 4
	dueList   = levels * perLevel // holds what Advance has yet to hand out
)

// Wheel wakes slots up at their times. It is lazy: who is used again and again isn't moved each time, but is asked, when its old
// time comes, for the new one. Make one with [NewWheel].
//
// It has four levels of 64 lists. A list of the first level is for one tick, one of the next for 64, and so on: 194 days
// in all. A slot is put into the finest level that reaches as far as its time, and wakes up with its list, on the coarser
// levels too early; asked for its time, it then goes into a finer one. So no time needs to be stored, and what a wheel does is in
// proportion to what wakes up.
type Wheel struct {
	lists Lists // of each level the lists in turn, then dueList
	tick  int64 // the last one that was handed out
}

// NewWheel returns an empty wheel.
func NewWheel() Wheel { return Wheel{lists: NewLists(dueList + 1)} }

// Add has slot woken up at the time at in ns, in place of the time it had. If that is past, it is woken up at the next tick.
func (w *Wheel) Add(slot int32, at int64) {
	tick := max((at+int64(Tick)-1)/int64(Tick), w.tick+1)
	for level := range levels {
		shift := level * levelBits
		list, last := tick>>shift, w.tick>>shift+perLevel-1
		if list > last && level < levels-1 {
			continue
		}
		w.lists.Push(level*perLevel+int(min(list, last)%perLevel), slot)
		return
	}
}

// Remove takes slot out. Without effect if it is not there.
func (w *Wheel) Remove(slot int32) { w.lists.Remove(slot) }

// Advance calls due for each slot whose time has come at the time now in ns, at most a [Tick] late, and for some whose time
// is yet to come. due returns the time to wake the slot up again, or 0 to be rid of it. Meanwhile it may remove slots, and must
// not add any. Time does not go back: an earlier now does nothing.
func (w *Wheel) Advance(now int64, due func(slot int32) (again int64)) {
	tick := now / int64(Tick)
	if tick <= w.tick {
		return
	}
	for level := range levels {
		shift := level * levelBits
		first, last := w.tick>>shift+1, tick>>shift
		for i := max(first, last-perLevel+1); i <= last; i++ {
			w.collect(level*perLevel + int(i%perLevel))
		}
	}
	w.tick = tick
	for slot, ok := w.lists.First(dueList); ok; slot, ok = w.lists.First(dueList) {
		w.lists.Remove(slot)
		if again := due(slot); again != 0 {
			w.Add(slot, again)
		}
	}
}

func (w *Wheel) collect(list int) {
	for slot, ok := w.lists.First(list); ok; slot, ok = w.lists.First(list) {
		w.lists.Push(dueList, slot)
	}
}
