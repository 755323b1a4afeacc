package control

import (
	"cmp"
	"errors"
	"runtime"

	"vpcsim/dataplane/port"
	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/monotonic"
)

// Poll is how long the router's threads look for packets before they sleep.
type Poll = tap.Spin

// ParsePoll checks a Poll given on the command line.
func ParsePoll(s string) (Poll, error) { return tap.ParseSpin(s) }

// pollers makes one for each thread that is to carry packets.
func (o Options) pollers() (all []port.Poller, err error) {
	for range cmp.Or(o.threads, max(1, runtime.NumCPU()/2)) {
		p, err := tap.NewPoller(tap.Polling{Spin: o.Poll, Now: monotonic.Now, NoRing: o.noRing})
		if err != nil {
			for _, p := range all {
				err = errors.Join(err, p.Close())
			}
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
