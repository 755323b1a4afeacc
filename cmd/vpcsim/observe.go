package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vpcsim/internal/control"
)

const observeHelp = "Tells of packets what became of them, as they pass: delivered to whom, or dropped by which rule of what. It is the router itself that\n" +
	"tells, from the code that traces run through. It looks for what is wanted where the packets are: what is not wanted costs little.\n\n" +
	"--last N begins with the last drops, of which the lab always remembers some hundred, and ends there unless -f is given.\n" +
	"--from and --to take an instance, an internet host, a network interface, an endpoint or s3. --src, --dst, --port, --proto and --filter\n" +
	"(as tcpdump's: 'tcp port 443 and net 10.0.0.0/8') are about the packet as it enters the router; --nat finds an address that it has\n" +
	"at any time, before or after a translation. A reader that is too slow misses packets, and is told how many."

func (a *app) observe() *cobra.Command {
	var q control.PacketFilter
	var name string
	var last int
	var follow bool
	cmd := &cobra.Command{
		Use: "observe", Short: "live packets of a running lab, and what became of each", Long: observeHelp, Args: cobra.NoArgs,
		Example: "  vpcsim observe --verdict dropped\n" +
			"  vpcsim observe --last 5 --to app\n" +
			"  vpcsim observe --from web --filter 'tcp[tcpflags] & tcp-syn != 0' --steps\n" +
			"  vpcsim observe --sample 100 --json | jq .Explanation",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last < 0 {
				return usage("--last %d: must not be negative", last)
			}
			client, err := a.client(name)
			if err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context(), 0)
			defer cancel()
			return client.Observe(ctx, q, last, follow || last == 0, a.observation)
		},
	}
	labFlag(cmd, &name)
	filterFlags(cmd, &q)
	cmd.Flags().IntVar(&last, "last", 0, "begin with this many of the last drops, and end there")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "with --last: go on until the lab ends, or Ctrl-C")
	cmd.Flags().BoolVar(&q.Steps, "steps", false, "each packet with every step")
	return cmd
}

// filterFlags adds the flags that say which packets are wanted.
func filterFlags(cmd *cobra.Command, q *control.PacketFilter) {
	f := cmd.Flags()
	f.StringVar(&q.Verdict, "verdict", "", "dropped or forwarded")
	f.StringSliceVar(&q.Reasons, "drop-reason", nil, "dropped for this reason, for example SUBNET_ACL_RESTRICTION")
	f.StringVar(&q.From, "from", "", "who sent it")
	f.StringVar(&q.To, "to", "", "who got it, or was to get it")
	f.StringVar(&q.Protocol, "proto", "", "tcp, udp, icmp, icmpv6 or a number")
	f.Uint16Var(&q.Port, "port", 0, "source or destination port")
	f.StringVar(&q.Source, "src", "", "source address or CIDR")
	f.StringVar(&q.Destination, "dst", "", "destination address or CIDR")
	f.StringVar(&q.NAT, "nat", "", "an address that it has at any time")
	f.StringVar(&q.Expression, "filter", "", "filter expression, as tcpdump's")
	f.IntVar(&q.Sample, "sample", 0, "only one in this many of them")
}

// observation prints one line of what the lab observes.
func (a *app) observation(v *control.ObservationView, line json.RawMessage) error {
	switch a.output {
	case "json":
		_, err := fmt.Fprintf(a.stdout, "%s\n", line)
		return err
	case "yaml":
		text, err := toYAML(line)
		if err == nil {
			_, err = fmt.Fprintf(a.stdout, "---\n%s", text)
		}
		return err
	}
	r := prose{w: a.stdout}
	if v.Missed > 0 {
		r.line(0, "… here %s missing: they came faster than they were taken", plural(int(v.Missed), "packet"))
		return nil
	}
	r.item(0, v.Time.Local().Format("15:04:05.000000  "), 2, "%s", heading(v))
	before := control.StepView{Source: v.Source, Destination: v.Destination}
	for _, s := range v.Steps {
		r.line(4, "%s", stepLine(before, s))
		before = s
	}
	colour := green
	if v.Reason != "" {
		colour = red
	}
	verdict, rest, _ := strings.Cut(v.Explanation, " ")
	r.line(2, "%s %s", paint(a.stdout, colour, verdict), rest)
	return nil
}

// heading is a packet in few words.
func heading(v *control.ObservationView) string {
	if v.Source == "" {
		return fmt.Sprintf("%d bytes that are no packet, from %s", v.Bytes, called(v.InterfaceID, v.Instance))
	}
	what := v.Protocol
	for _, more := range []string{v.Flags, v.ICMP} {
		if more != "" {
			what += " " + more
		}
	}
	size := plural(v.Bytes, "byte")
	if v.Packets > 1 {
		size += " in " + plural(v.Packets, "segment")
	}
	return fmt.Sprintf("%s -> %s %s, %s, from %s", v.Source, v.Destination, what, size, cmp.Or(v.Instance, v.InterfaceID))
}

// called is an id with the name of what has it, if it has one.
func called(id, name string) string {
	if name == "" {
		return id
	}
	return fmt.Sprintf("%s (%s)", id, name)
}

// stepLine is a step, and what it made of the packet's addresses.
func stepLine(before, s control.StepView) string {
	text := s.Stage + " " + called(s.Where, s.Name)
	if s.Rule != "" {
		text += ": " + s.Rule
	}
	if s.Source != before.Source {
		text += "; the source is now " + s.Source
	}
	if s.Destination != before.Destination {
		text += "; the destination is now " + s.Destination
	}
	return text
}
