package forward

import (
	"time"

	"vpcsim/bench/load"
)

// trial is what became of datagrams that were sent for a while.
type trial struct {
	arrived        int64
	sent, received float64 // in a second
	lost           float64 // the part of them
}

// The loss search.
const (
	maxLost   = 0.001 // the part that may be lost: less
	probes    = 7     // trials of different rates: the answer is within 1/128 of what was sent in a flood
	retries   = 1     // that a rate is given: any machine hiccups
	keptUp    = 0.95  // the part of a rate that the sender must reach for the rate to count as tried
	settled   = 30 * time.Millisecond
	settling  = 2 * time.Second
	pacedRate = 50_000 // of the measure of processor time per packet
)

// searchLossless looks for the highest rate below most at which less than maxLost is lost, and returns what was sent at it.
func searchLossless(most float64, try func(rate float64) (trial, error)) (best float64, err error) {
	low, high := 0.0, most
	for range probes {
		rate := (low + high) / 2
		ok := false
		for range 1 + retries {
			t, err := try(rate)
			if err != nil {
				return 0, err
			}
			if ok = t.lost < maxLost; ok {
				best = max(best, t.sent)
				if t.sent < keptUp*rate { // faster the sender cannot be in this pace
					return best, nil
				}
				break
			}
		}
		if ok {
			low = rate
		} else {
			high = rate
		}
	}
	return best, nil
}

// send sends datagrams at a rate, 0 being as many as go, and waits for those under way.
func (r *runner) send(b *bed, rate float64, lasting time.Duration) (trial, error) {
	before, err := b.load.received()
	if err != nil {
		return trial{}, err
	}
	result, err := r.client(b, load.Spec{Kind: load.Flood, Rate: rate, Lasting: lasting})
	if err != nil {
		return trial{}, err
	}
	received, err := r.settle(b, before+result.Count)
	if err != nil {
		return trial{}, err
	}
	received -= before
	t := trial{arrived: received, sent: result.PerSecond(), received: float64(received) / result.Took.Seconds()}
	if result.Count > 0 {
		t.lost = 1 - float64(received)/float64(result.Count)
	}
	return t, nil
}

// settle waits until all have arrived, or no more do, and returns how many have.
func (r *runner) settle(b *bed, all int64) (last int64, err error) {
	changed, began := time.Now(), time.Now()
	for {
		now, err := b.load.received()
		if err != nil || r.ctx.Err() != nil {
			return 0, orStopped(r.ctx.Err(), err)
		}
		if now != last {
			last, changed = now, time.Now()
		}
		if now >= all || time.Since(changed) > settled || time.Since(began) > settling {
			return now, nil
		}
		time.Sleep(time.Millisecond) // a poll, of another process
	}
}

// orStopped prefers why we were told to stop to what that led to.
func orStopped(stopped, otherwise error) error {
	if stopped != nil {
		return stopped
	}
	return otherwise
}

const thousand = 1e3

func flooded(r *runner, b *bed) ([]float64, error) {
	t, err := r.send(b, 0, r.plan.Turn/2)
	return []float64{t.received / thousand, t.sent / thousand}, err
}

func lossless(r *runner, b *bed) ([]float64, error) {
	t, err := r.send(b, 0, r.plan.Turn/8)
	if err != nil {
		return nil, err
	}
	best, err := searchLossless(t.sent, func(rate float64) (trial, error) { return r.send(b, rate, r.plan.Turn/8) })
	return []float64{best / thousand}, err
}

func paced(r *runner, b *bed) ([]float64, error) {
	before := r.cpu()
	t, err := r.send(b, pacedRate, r.plan.Turn)
	return []float64{(r.cpu() - before) / max(float64(t.arrived), 1) * 1e6}, err
}
