package control

import (
	"net/netip"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/internal/whatif"
	"vpcsim/topology"
)

// Plan foretells what an intent would do to the lab and to its open connections, and changes nothing. limit is how many connections
// of each fate are listed; 0 is all.
func (l *Lab) Plan(q Intent, limit int) (*whatif.Plan, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	requests, after, err := q.Apply(l.spec.Clone(), l.network)
	if err != nil {
		return nil, err
	}
	forecast, err := l.forecast(after)
	if err != nil {
		return nil, err
	}
	p, err := whatif.New(l.network, after, forecast)
	if err != nil {
		return nil, err
	}
	p.Changes, p.Scope = requests, string(l.options.scope())
	p.Lab(l.router, limit)
	return p, nil
}

// forecast foretells what becomes of flows if network is made the current one. mu is held.
func (l *Lab) forecast(network *topology.Network) (*dataplane.Forecast, error) {
	snapshot, _, _, err := l.compile(network)
	if err != nil {
		return nil, err
	}
	return dataplane.NewForecast(l.router.Snapshot(), snapshot), nil
}

// foretell lists the events that a change would make, and changes nothing.
func (l *Lab) foretell(c Change) ([]Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, network, err := c.On(l.spec.Clone())
	if err != nil {
		return nil, err
	}
	forecast, err := l.forecast(network)
	if err != nil {
		return nil, err
	}
	events := []Event{}
	l.router.Flows(func(i *dataplane.Interface, t conntrack.Tuple, f conntrack.Flow) {
		seen, ok := forecast.Flow(i, t, f)
		if !ok || seen.Fate != dataplane.Drops && (seen.Fate != dataplane.Reroutes || f.State == conntrack.SynSent) {
			return
		}
		if seen.Cut != drop.None {
			seen.SourceAfter = netip.Addr{} // as in the event of a commit: nobody sees more of it
		}
		events = append(events, l.flowEvent(seen.FlowEvent))
	})
	return events, nil
}
