package scenario

import (
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vpcsim/dataplane/conntrack"
	"vpcsim/internal/workload"
	"vpcsim/topology"
)

// Parse reads a scenario from YAML text; name is the file's, for messages. The error is topology.Errors.
func Parse(name string, data []byte) (*File, *topology.Source, error) {
	f := new(File)
	src, err := topology.Decode(name, data, f)
	if f.Name == "" {
		f.Name = strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	}
	if err != nil {
		return nil, nil, src.Also(err, func() error { return f.Check(src) })
	}
	return f, src, nil
}

// command is the kind of workload that is any program.
const command = "command"

var clients = []string{workload.Download, workload.Upload, workload.KeepAlive, workload.Stream}

// Check reports everything that is wrong with the scenario, its topology included, as topology.Errors, without
// touching the machine.
func (f *File) Check(src *topology.Source) error {
	network, err := topology.Resolve(&f.Topology, src.Under("topology"))
	c := checker{file: f, src: src, network: network}
	c.add(err)
	for _, name := range slices.Sorted(maps.Keys(f.Workloads)) {
		c.workload("workloads."+name, f.Workloads[name])
	}
	if len(f.Timeline) == 0 {
		c.report("timeline", "empty: nothing would happen; start at least one workload")
	}
	started := map[string]bool{}
	for i, s := range f.Timeline {
		c.step(fmt.Sprintf("timeline[%d]", i), s, started)
	}
	if network != nil && err == nil {
		c.changes()
	}
	for _, name := range slices.Sorted(maps.Keys(f.Workloads)) {
		if !started[name] {
			c.report("workloads."+name, "is never started by the timeline")
		}
	}
	return c.errs.OrNil()
}

type checker struct {
	file    *File
	src     *topology.Source
	network *topology.Network // nil if the topology is wrong
	errs    topology.Errors
}

func (c *checker) report(path, problem string, args ...any) {
	c.errs = append(c.errs, c.src.Errorf(path, problem, args...))
}

func (c *checker) add(err error) {
	if errs, ok := err.(topology.Errors); ok {
		c.errs = append(c.errs, errs...)
	}
}

func (c *checker) workload(path string, w WorkloadSpec) {
	if c.network != nil && c.network.Instance(w.On) == nil && c.network.InternetHost(w.On) == nil {
		c.report(path+".on", "no instance or internet host is called %q", w.On)
	}
	switch {
	case w.Kind == workload.Serve:
		if w.Listen < 1 || w.Listen > 65535 {
			c.report(path+".listen", "serve needs a port from 1 to 65535, not %d", w.Listen)
		}
	case w.Kind == command:
		if len(w.Command) == 0 {
			c.report(path+".command", "empty; a command needs at least the program's name")
		}
	case slices.Contains(clients, w.Kind):
		c.client(path, w)
	default:
		c.report(path+".kind", "%q is none of %s, %s, %s", w.Kind, strings.Join(clients, ", "), workload.Serve, command)
	}
	if w.Replaces != "" {
		if _, ok := c.file.Workloads[w.Replaces]; !ok {
			c.report(path+".replaces", "no workload is called %q", w.Replaces)
		}
	}
	for e, path := w.Expect, path+".expect"; e != nil; e, path = e.PublicIP, path+".public_ip_scope" {
		c.expect(path, e)
		c.judged(path, w.Kind, *e)
	}
}

func (c *checker) client(path string, w WorkloadSpec) {
	if w.Kind == workload.Stream {
		if _, err := parsePeer(w.To); err != nil {
			c.report(path+".to", "%v", err)
		} else if c.network != nil {
			if _, err := resolvePeer(c.network, w.To); err != nil {
				c.report(path+".to", "%v", err)
			}
		}
	} else if bucket, key, ok := strings.Cut(strings.TrimPrefix(w.To, "s3://"), "/"); !strings.HasPrefix(w.To, "s3://") || !ok || bucket == "" || key == "" {
		c.report(path+".to", "%q: want s3://BUCKET/KEY", w.To)
	}
	if _, err := netip.ParseAddr(w.Address); w.Address != "" && err != nil {
		c.report(path+".address", "%q is no IPv4 address", w.Address)
	}
	if c.network == nil || w.Device == 0 {
		return
	}
	if i := c.network.Instance(w.On); i != nil && w.Device >= len(i.Interfaces) {
		c.report(path+".device", "%s has %d network interfaces, counted from 0", w.On, len(i.Interfaces))
	}
}

var paths = conntrack.Paths()

func (c *checker) expect(path string, e *Expect) {
	if e.Outcome != "" && !slices.Contains(outcomes, e.Outcome) {
		c.report(path+".outcome", "%q is none of %v", e.Outcome, outcomes)
	}
	for key, p := range map[string]string{".path_before": e.PathBefore, ".path_after": e.PathAfter} {
		if p != "" && !slices.Contains(paths, p) {
			c.report(path+key, "%q is none of %s", p, strings.Join(paths, ", "))
		}
	}
	for key, s := range map[string]string{".source_before": e.SourceBefore, ".source_after": e.SourceAfter} {
		if _, err := netip.ParseAddr(s); err != nil && !slices.Contains([]string{"", "public", "private", none}, s) {
			c.report(path+key, "%q is no address, public, private or none", s)
		}
	}
}

// judged refuses expectations that are never judged for the workload's kind.
func (c *checker) judged(path, kind string, e Expect) {
	switch {
	case kind == workload.Serve:
		c.report(path, "a server has no connection of its own to judge; expect it of its clients")
	case kind == command && e != (Expect{ExitCode: e.ExitCode}):
		c.report(path, "of a command only exit_code is judged")
	case slices.Contains(clients, kind) && e.ExitCode != 0:
		c.report(path+".exit_code", "is for commands; of a client the outcome is judged")
	}
}

func (c *checker) step(path string, s Step, started map[string]bool) {
	set := 0
	for _, is := range []bool{len(s.Start) > 0, len(s.Stop) > 0, len(s.Lost) > 0, len(s.Alive) > 0, len(s.Ended) > 0, s.Wait > 0, s.Say != "", !s.Change.IsZero()} {
		if is {
			set++
		}
	}
	if set != 1 {
		c.report(path, "a step does exactly one thing, this one does %d", set)
	}
	for _, name := range s.Start {
		if _, ok := c.file.Workloads[name]; !ok {
			c.report(path+".start", "no workload is called %q", name)
		} else if started[name] {
			c.report(path+".start", "%s is started a second time", name)
		}
		started[name] = true
	}
	for key, names := range map[string][]string{".stop": s.Stop, ".lost": s.Lost, ".alive": s.Alive, ".ended": s.Ended} {
		for _, name := range names {
			switch isCommand := c.file.Workloads[name].Kind == command; {
			case !started[name]:
				c.report(path+key, "%s has not been started", name)
			case key == ".alive" && !slices.Contains(clients, c.file.Workloads[name].Kind):
				c.report(path+key, "%s has no connection of its own", name)
			case key == ".lost" && isCommand:
				c.report(path+key, "%s is a command; wait for its end with ended", name)
			case key == ".ended" && !isCommand:
				c.report(path+key, "%s is no command; wait for the loss of its connection with lost", name)
			}
		}
	}
}

// changes makes the timeline's changes one after the other to a copy of the topology. What follows a change that cannot be made
// may go wrong for that reason alone, so only the first one is told.
func (c *checker) changes() {
	spec := c.file.Topology.Clone()
	for i, s := range c.file.Timeline {
		if s.Change.IsZero() {
			continue
		}
		if _, _, err := s.Change.On(spec); err != nil {
			c.report(fmt.Sprintf("timeline[%d]", i), "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
			return
		}
	}
}

// peer is where a stream connects to.
type peer struct {
	name   string
	public bool
	port   uint16
}

func parsePeer(to string) (peer, error) {
	rest, public := strings.CutPrefix(to, "public:")
	name, port, ok := strings.Cut(rest, ":")
	n, err := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil || n == 0 || name == "" {
		return peer{}, fmt.Errorf("%q: want NAME:PORT or public:NAME:PORT", to)
	}
	return peer{name, public, uint16(n)}, nil
}

func resolvePeer(n *topology.Network, to string) (netip.AddrPort, error) {
	p, err := parsePeer(to)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if h := n.InternetHost(p.name); h != nil {
		return netip.AddrPortFrom(h.Address, p.port), nil
	}
	i := n.Instance(p.name)
	switch {
	case i == nil:
		return netip.AddrPort{}, fmt.Errorf("%q: no instance or internet host is called %q", to, p.name)
	case !p.public:
		return netip.AddrPortFrom(i.Interfaces[0].Addresses[0], p.port), nil
	case !i.Interfaces[0].PublicIP().IsValid():
		return netip.AddrPort{}, fmt.Errorf("%q: %s has no public IP address", to, p.name)
	}
	return netip.AddrPortFrom(i.Interfaces[0].PublicIP(), p.port), nil
}
