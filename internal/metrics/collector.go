package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"vpcsim/internal/control"
)

// metric is one metric: its name and labels, and how its values are read from what a lab has counted.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(u *control.Usage, emit emit)
}

// emit takes one value, with the values of the labels in their order.
type emit func(value uint64, labels ...string)

func counter(name, help string, read func(*control.Usage, emit), labels ...string) metric {
	return metric{prometheus.NewDesc("vpcsim_"+name+"_total", help, labels, nil), prometheus.CounterValue, read}
}

func gauge(name, help string, read func(*control.Usage, emit), labels ...string) metric {
	return metric{prometheus.NewDesc("vpcsim_"+name, help, labels, nil), prometheus.GaugeValue, read}
}

// single reads a metric that has one value.
func single(value func(u *control.Usage) uint64) func(*control.Usage, emit) {
	return func(u *control.Usage, emit emit) { emit(value(u)) }
}

// collector reads the lab's counters once for all metrics.
type collector struct {
	read    func() *control.Usage
	metrics []metric
}

// Describe tells Prometheus' library which metrics there are.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
}

// Collect reads them.
func (c collector) Collect(out chan<- prometheus.Metric) {
	u := c.read()
	for _, m := range c.metrics {
		m.read(u, func(value uint64, labels ...string) {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(value), labels...)
		})
	}
}
