package scenario

import (
	"context"
	"time"

	"vpcsim/dataplane/flowlog"
	"vpcsim/internal/flowlogs"
)

// logInterval is the aggregation interval of a scenario's flow logs: a second, as all that is of interest happens within a few.
const logInterval = time.Second

// log begins the flow log, if one is wanted, and returns what ends it.
func (r *run) log() (end func() error, err error) {
	if r.o.FlowLogs == nil {
		return func() error { return nil }, nil
	}
	log, err := r.lab.FlowLog(flowlogs.Options{Format: flowlog.Full(), Interval: logInterval}, r.o.FlowLogs)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx, false) }()
	return func() error {
		stop()
		return <-done
	}, nil
}
