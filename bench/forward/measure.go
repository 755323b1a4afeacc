package forward

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"vpcsim/bench/load"
)

// Measure is something that is measured.
type Measure struct {
	Name  string `json:"Name"`
	Unit  string `json:"Unit"`
	About string `json:"About"`
	More  bool   `json:"More"` // is better
}

// step measures a bed for a time, which may give several figures, in the order of its measures.
type step struct {
	name     string
	measures []Measure
	take     func(r *runner, b *bed) ([]float64, error)
}

// steps are all there are, in the order in which they are done.
var steps = []step{
	{"tcp-1", []Measure{
		{"tcp-1", "Gb/s", "TCP, one stream from the client", true},
		{"cpu-per-gb", "s/GB", "processor time of the whole machine meanwhile, per 10^9 bytes", false},
	}, oneStream},
	{"tcp-1-back", []Measure{{"tcp-1-back", "Gb/s", "TCP, one stream to the client", true}}, streams(1, true)},
	{"tcp-4", []Measure{{"tcp-4", "Gb/s", "TCP, four streams from the client", true}}, streams(4, false)},
	{"tcp-4-back", []Measure{{"tcp-4-back", "Gb/s", "TCP, four streams to the client", true}}, streams(4, true)},
	{"get-1", []Measure{{"get-1", "Gb/s", "an object of S3, one connection", true}}, gets(1)},
	{"get-4", []Measure{{"get-4", "Gb/s", "an object of S3, four connections", true}}, gets(4)},
	{"flood", []Measure{
		{"flood", "kpps", "UDP in frames of 60 bytes, sent as fast as can be: what arrived", true},
		{"offered", "kpps", "UDP in frames of 60 bytes, sent as fast as can be: what was sent", true},
	}, flooded},
	{"lossless", []Measure{{"lossless", "kpps", "UDP in frames of 60 bytes, of which less than one in a thousand is lost", true}}, lossless},
	{"cpu-per-mpacket", []Measure{{"cpu-per-mpacket", "s/Mp", "processor time of the whole machine per million packets, at 50,000 in a second", false}}, paced},
	{"request-response", []Measure{{"request-response", "1/s", "a byte there and back over one TCP connection", true}}, asked},
	{"rtt", []Measure{
		{"rtt-p50", "us", "UDP there and back, a millisecond apart: median", false},
		{"rtt-p99", "us", "UDP there and back, a millisecond apart: 99th percentile", false},
	}, idle},
	{"loaded-rtt", []Measure{
		{"loaded-rtt-p50", "us", "the same while a TCP stream takes all it can get: median", false},
		{"loaded-rtt-p99", "us", "the same while a TCP stream takes all it can get: 99th percentile", false},
	}, loaded},
	{"connections", []Measure{{"connections", "1/s", "TCP connections opened, used for a byte there and back, and reset, eight at a time", true}}, connected},
}

// StepNames are the names of all steps.
func StepNames() (all []string) {
	for _, s := range steps {
		all = append(all, s.name)
	}
	return all
}

// The steps that a path of ours has: S3 takes nothing but TCP, at its own ports.
func stepsOf(path string) (all []string) {
	for _, s := range steps {
		if strings.HasPrefix(s.name, "get-") == (path == "endpoint") {
			all = append(all, s.name)
		}
	}
	return all
}

// client runs a program of package load at the client of a bed for about a turn.
func (r *runner) client(b *bed, s load.Spec) (load.Result, error) {
	if s.Lasting == 0 {
		s.Lasting = r.plan.Turn
	}
	return b.run(r.ctx, s)
}

// transfer sends over TCP for a turn, by iperf3 if it can, and returns bytes per second and all bytes.
func (r *runner) transfer(ctx context.Context, b *bed, n int, backward bool, lasting time.Duration) (perSecond, bytes float64, err error) {
	if !b.iperf3 {
		result, err := b.run(ctx, load.Spec{Kind: load.Stream, Streams: n, Backward: backward, Lasting: lasting})
		return result.PerSecond(), float64(result.Count), err
	}
	args := []string{"-c", b.to.String(), "-J", "-t", strconv.Itoa(int(max(time.Second, lasting.Round(time.Second)).Seconds())), "-P", strconv.Itoa(n)}
	if backward {
		args = append(args, "-R")
	}
	out, err := b.output(ctx, lasting, "iperf3", args...)
	if ctx.Err() != nil {
		return 0, 0, ctx.Err()
	}
	return readIperf3(out, err)
}

// readIperf3 reads what iperf3 -J prints, also when it failed.
func readIperf3(out []byte, failed error) (perSecond, bytes float64, err error) {
	var report struct {
		Error string `json:"error"`
		End   struct {
			Received struct {
				Bytes float64 `json:"bytes"`
				Bits  float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	err = json.Unmarshal(out, &report)
	if report.Error != "" {
		err = errors.New(report.Error)
	}
	if err = errors.Join(err, failed); err != nil {
		return 0, 0, fmt.Errorf("iperf3: %w", err)
	}
	return report.End.Received.Bits / 8, report.End.Received.Bytes, nil
}

const gigabit = 1e9 / 8

func oneStream(r *runner, b *bed) ([]float64, error) {
	before := r.cpu()
	perSecond, bytes, err := r.transfer(r.ctx, b, 1, false, r.plan.Turn)
	return []float64{perSecond / gigabit, (r.cpu() - before) / max(bytes, 1) * 1e9}, err
}

func streams(n int, backward bool) func(*runner, *bed) ([]float64, error) {
	return func(r *runner, b *bed) ([]float64, error) {
		perSecond, _, err := r.transfer(r.ctx, b, n, backward, r.plan.Turn)
		return []float64{perSecond / gigabit}, err
	}
}

func gets(n int) func(*runner, *bed) ([]float64, error) {
	return func(r *runner, b *bed) ([]float64, error) {
		result, err := r.client(b, load.Spec{Kind: load.Get, Streams: n, Path: "/bench/large", Host: "s3.us-east-1.amazonaws.com"})
		return []float64{result.PerSecond() / gigabit}, err
	}
}

func asked(r *runner, b *bed) ([]float64, error) {
	result, err := r.client(b, load.Spec{Kind: load.Ask, Lasting: r.plan.Turn / 2})
	return []float64{result.PerSecond()}, err
}

func connected(r *runner, b *bed) ([]float64, error) {
	result, err := r.client(b, load.Spec{Kind: load.Connect, Lasting: r.plan.Turn / 4, Streams: 8})
	return []float64{result.PerSecond()}, err
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

func idle(r *runner, b *bed) ([]float64, error) {
	result, err := r.client(b, load.Spec{Kind: load.PingPong, Lasting: r.plan.Turn / 2})
	return []float64{microseconds(result.Median), microseconds(result.P99)}, err
}

// loaded pings while a stream runs, beginning when the stream has had some time to fill what there is to be filled.
func loaded(r *runner, b *bed) ([]float64, error) {
	ctx, cancel := context.WithCancel(r.ctx)
	ended := make(chan error, 1)
	go func() {
		_, _, err := r.transfer(ctx, b, 1, false, max(2*time.Second, 2*r.plan.Turn)) // longer than there are pings
		ended <- err
	}()
	defer func() { cancel(); <-ended }()
	select {
	case err := <-ended:
		ended <- nil
		return nil, fmt.Errorf("the stream has ended: %w", err)
	case <-time.After(r.plan.Turn / 4):
	}
	result, err := r.client(b, load.Spec{Kind: load.PingPong, Lasting: r.plan.Turn / 2})
	return []float64{microseconds(result.Median), microseconds(result.P99)}, err
}

// processorTime is how long all processors together have worked since the machine was started, in seconds (proc(5)): what is not idle.
func processorTime() float64 {
	text, _ := os.ReadFile("/proc/stat") // always there
	line, _, _ := strings.Cut(string(text), "\n")
	busy := 0.0
	for i, field := range strings.Fields(line) {
		ticks, _ := strconv.ParseFloat(field, 64)
		if i >= 1 && i <= 7 && i != 4 && i != 5 { // user, nice, system, irq, softirq; not idle, iowait, and what a hypervisor took
			busy += ticks
		}
	}
	const perSecond = 100 // USER_HZ, on every architecture that Go knows
	return busy / perSecond
}

// hasIperf3 says whether iperf3 is to send TCP: it counts in whole seconds, so turns must be no shorter.
func hasIperf3(turn time.Duration) bool {
	_, err := exec.LookPath("iperf3")
	return err == nil && turn >= time.Second
}
