package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/flowlog"
	"vpcsim/internal/flowlogs"
	"vpcsim/internal/monotonic"
)

// FlowLogQuery asks for a flow log. Its field names are those of AWS's CreateFlowLogs.
type FlowLogQuery struct {
	LogFormat   string   `json:"LogFormat,omitempty"`              // empty for the default one
	Interval    int      `json:"MaxAggregationInterval,omitempty"` // in seconds; 0 for 60
	TrafficType string   `json:"TrafficType,omitempty"`            // ALL, ACCEPT or REJECT; empty for ALL
	Resources   []string `json:"ResourceIds,omitempty"`            // names or ids; none for all
	Destination string   `json:"LogDestination,omitempty"`         // s3://BUCKET/PREFIX in the lab; empty to be sent the records
	Parquet     bool     `json:"Parquet,omitempty"`                // of files in S3
	Hive        bool     `json:"HiveCompatiblePartitions,omitempty"`
	Hourly      bool     `json:"PerHourPartition,omitempty"`
	Once        bool     `json:"Once,omitempty"` // end with the first interval
}

// FlowLogPart is a line of the answer to a FlowLogQuery: first FlowLogID and Account, then what there is to say, one thing in each.
type FlowLogPart struct {
	FlowLogID string             `json:"FlowLogId,omitempty"`
	Account   string             `json:"OwnerId,omitempty"`
	Region    string             `json:"Region,omitempty"` // of Lines
	Lines     string             `json:"Lines,omitempty"`
	Delivered string             `json:"Delivered,omitempty"` // s3://BUCKET/KEY of a file
	Ended     *flowlogs.Interval `json:"Ended,omitempty"`
}

// ParseTraffic reads a TrafficType.
func ParseTraffic(text string) (aggregation.Traffic, error) {
	switch strings.ToUpper(text) {
	case "", "ALL":
		return aggregation.All, nil
	case "ACCEPT":
		return aggregation.Accepted, nil
	case "REJECT":
		return aggregation.Rejected, nil
	}
	return 0, fmt.Errorf("traffic type %q: must be ALL, ACCEPT or REJECT", text)
}

// FlowLog begins a flow log of the lab. Run it, or else close it, before the lab is closed.
func (l *Lab) FlowLog(o flowlogs.Options, sink flowlogs.Sink) (*flowlogs.Log, error) {
	return flowlogs.Open(flowlogs.Lab{Router: l.router, Network: l.Network, Now: monotonic.Now, Wall: l.wall}, o, sink)
}

// options is what a query asks for.
func (q FlowLogQuery) options() (o flowlogs.Options, err error) {
	o = flowlogs.Options{Format: flowlog.Default(), Interval: time.Duration(q.Interval) * time.Second, Resources: q.Resources}
	if q.LogFormat != "" {
		if o.Format, err = flowlog.ParseFields(q.LogFormat); err != nil {
			return o, err
		}
	}
	o.Traffic, err = ParseTraffic(q.TrafficType)
	return o, err
}

// flowLog answers with the records of a flow log, for as long as the client sends nothing, not even its end.
func (s *Server) flowLog(c *session, q *FlowLogQuery) error {
	if q == nil {
		return errors.New("flowlog: nothing is asked")
	}
	o, err := q.options()
	if err != nil {
		return err
	}
	account, id := s.lab.Network().IAM.Account, flowlogs.NewID()
	var sink flowlogs.Sink = sender{c}
	if q.Destination != "" {
		if sink, err = s.deliver(c, *q, o, account, id); err != nil {
			return err
		}
	}
	log, err := s.lab.FlowLog(o, sink)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(s.open)
	defer end()
	gone := c.hangUp()
	go func() {
		<-gone
		end()
	}()
	if err := c.send(FlowLogPart{FlowLogID: id, Account: account}); err != nil {
		return errors.Join(err, log.Close())
	}
	return log.Run(ctx, q.Once)
}

// sender is a sink that sends everything to the client.
type sender struct{ session *session }

// Lines implements [flowlogs.Sink].
func (s sender) Lines(region string, lines []byte) error {
	return s.session.send(FlowLogPart{Region: region, Lines: string(lines)})
}

// End implements [flowlogs.Sink].
func (s sender) End(i flowlogs.Interval) error { return s.session.send(FlowLogPart{Ended: &i}) }

// deliverer is a sink that puts files into a bucket of the lab, and tells the client which.
type deliverer struct {
	*flowlogs.Delivery
	sender
}

// Lines implements [flowlogs.Sink].
func (d deliverer) Lines(region string, lines []byte) error { return d.Delivery.Lines(region, lines) }

// End implements [flowlogs.Sink].
func (d deliverer) End(i flowlogs.Interval) error {
	if err := d.Delivery.End(i); err != nil {
		return err
	}
	return d.sender.End(i)
}

// deliver returns the sink for a destination in S3.
func (s *Server) deliver(c *session, q FlowLogQuery, o flowlogs.Options, account, id string) (flowlogs.Sink, error) {
	rest, ok := strings.CutPrefix(q.Destination, "s3://")
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return nil, fmt.Errorf("destination %q: must be s3://BUCKET or s3://BUCKET/PREFIX", q.Destination)
	}
	if err := s.lab.s3.CheckBucket(bucket); err != nil {
		return nil, err
	}
	contentType := "application/x-gzip"
	if q.Parquet {
		contentType = "application/octet-stream"
	}
	return deliverer{&flowlogs.Delivery{
		Account: account, ID: id, Prefix: prefix, Format: o.Format, Parquet: q.Parquet, Hive: q.Hive, Hourly: q.Hourly,
		Put: func(key string, content []byte) error {
			if err := s.lab.s3.Deliver(bucket, key, contentType, content); err != nil {
				return err
			}
			return c.send(FlowLogPart{Delivered: "s3://" + bucket + "/" + key})
		},
	}, sender{c}}, nil
}
