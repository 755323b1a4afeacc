package metrics

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
	"vpcsim/internal/control"
)

// full is a Usage that has everything, each number another one.
func full() *control.Usage {
	u, n := new(control.Usage), uint64(0)
	fill(reflect.ValueOf(u).Elem(), &n)
	u.Router.Drops = []control.DropView{{Reason: drop.Held.String(), Packets: 5, Bytes: 500}, {Reason: drop.StaleFlow.String(), Packets: 7, Bytes: 70}}
	u.Router.PacketsResumed, u.Router.BytesResumed = 3, 300
	u.Router.PacketsIn, u.Router.PacketsOut = 100, 88
	return u
}

func fill(v reflect.Value, n *uint64) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.String:
		v.SetString("id-" + string(rune('a'+*n%26)))
	case reflect.Uint64:
		v.SetUint(*n)
	case reflect.Int:
		v.SetInt(int64(*n))
	}
}

func gather(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := NewRegistry(full).Gather()
	require.NoError(t, err)
	all := map[string]*dto.MetricFamily{}
	for _, f := range families {
		all[f.GetName()] = f
	}
	return all
}

// TestNamesAreAsPrometheusWantsThem, and whatever is described comes when there is something to count.
func TestNamesAreAsPrometheusWantsThem(t *testing.T) {
	all := gather(t)
	for _, m := range metrics() {
		name := regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(m.desc.String())[1]
		require.Contains(t, all, name)
	}
	var ours []*dto.MetricFamily
	for name, f := range all {
		if strings.HasPrefix(name, "vpcsim_") {
			ours = append(ours, f)
		}
	}
	problems, err := promlint.NewWithMetricFamilies(ours).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

// TestEveryCountIsShown: whatever number a Usage has, some metric has it as its value.
func TestEveryCountIsShown(t *testing.T) {
	shown := map[float64]bool{}
	for name, f := range gather(t) {
		for _, m := range f.Metric {
			if strings.HasPrefix(name, "vpcsim_") {
				shown[m.GetCounter().GetValue()+m.GetGauge().GetValue()] = true
			}
		}
	}
	var look func(path string, v reflect.Value)
	look = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() && path+"."+f.Name != ".Router.Drops" {
					look(path+"."+f.Name, v.Field(i))
				}
			}
		case reflect.Slice:
			look(path, v.Index(0))
		case reflect.Uint64:
			// Bytes of what was refused or did not match are in inspect alone, and X_HELD has those resumed in it.
			quiet := regexp.MustCompile(`(Refused|RefusedIn|Mismatches(In|E)gress)\.Bytes$|BytesResumed$`).MatchString(path)
			if !quiet && !shown[float64(v.Uint())] {
				t.Errorf("%s, which is %d, is not shown", path, v.Uint())
			}
		}
	}
	look("", reflect.ValueOf(full()).Elem())
}

// TestWhatIsReceivedIsForwardedOrDropped also as metrics, fragments that waited included.
func TestWhatIsReceivedIsForwardedOrDropped(t *testing.T) {
	all := gather(t)
	sum := func(name string) (sum float64) {
		require.Contains(t, all, name)
		for _, m := range all[name].Metric {
			sum += m.GetCounter().GetValue()
		}
		return sum
	}
	in := sum("vpcsim_router_received_packets_total") + sum("vpcsim_router_resumed_packets_total")
	require.Equal(t, in, sum("vpcsim_router_forwarded_packets_total")+sum("vpcsim_router_dropped_packets_total"))
	require.Len(t, all["vpcsim_router_dropped_packets_total"].Metric, drop.Count-1, "every reason is there, also at nothing")
}

func TestPrometheusIsAnswered(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := Serve(l, full)
	for path, want := range map[string]string{"/metrics": "vpcsim_router_received_packets_total 100\n", "/": "404 page not found"} {
		answer, err := http.Get("http://" + l.Addr().String() + path)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Contains(t, string(text), want)
	}
	require.NoError(t, s.Close())
	_, err = http.Get("http://" + l.Addr().String() + "/metrics")
	require.Error(t, err)
}

// TestTheDashboardAsksForWhatThereIs: every metric that a panel of docs/grafana/vpcsim.json queries, with the labels that its legend shows.
func TestTheDashboardAsksForWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../../docs/grafana/vpcsim.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	require.NoError(t, decoder.Decode(&dashboard))
	require.NotEmpty(t, dashboard.Panels)
	all := gather(t)
	for _, p := range dashboard.Panels {
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			names := regexp.MustCompile(`vpcsim_[a-z0-9_]+`).FindAllString(target.Expr, -1)
			require.Len(t, names, 1, target.Expr)
			require.Contains(t, all, names[0], p.Title)
			labels := map[string]bool{}
			for _, l := range all[names[0]].Metric[0].Label {
				labels[l.GetName()] = true
			}
			for _, m := range regexp.MustCompile(`{{(\w+)}}|by \((\w+)\)`).FindAllStringSubmatch(target.LegendFormat+target.Expr, -1) {
				require.Contains(t, labels, m[1]+m[2], "%s: %s", p.Title, target.Expr)
			}
		}
	}
}

// TestTheDocumentHasEveryMetric, and no other.
func TestTheDocumentHasEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../../docs/counters.md")
	require.NoError(t, err)
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`(vpcsim_[a-z0-9_]+)`").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = true
	}
	for name := range gather(t) {
		if strings.HasPrefix(name, "vpcsim_") && !documented[name] {
			t.Errorf("docs/counters.md does not have %s", name)
		}
		delete(documented, name)
	}
	require.Empty(t, documented)
}
