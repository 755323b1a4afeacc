package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"vpcsim/internal/control"
	"vpcsim/internal/probe"
)

// tracer answers probes: from a file, or in a running lab.
type tracer struct {
	ask   func(context.Context, probe.Query) (*probe.Answer, error)
	batch func(ctx context.Context, questions io.Reader, answers io.Writer) (unanswered int, err error)

	access func(context.Context, control.AccessQuery) (*control.AccessAnswer, error)
}

const traceHelp = "Tells every step that a packet would meet, forward and return. With -t it needs neither root nor a running lab.\n" +
	"A is an ENI id, an instance, an internet host, a private address or internet:ADDRESS; B an address or a name, S3's included.\n" +
	"Without -t and -n it asks the only running lab, or else the only *.vpc.yml of the folder.\n" +
	"What a filter refuses is followed on as if it had passed, both ways, so that all blockers are told at once.\n\n" +
	"The packet is the first of a connection; in a running lab it belongs to what is open there. --ct new leaves that aside;\n" +
	"--ct established asks for a packet in the middle of a connection that A has opened.\n\n" +
	"--batch reads a JSON object per line ({\"id\",\"from\",\"to\",\"protocol\",\"port\",\"source_port\",\"size\",\"ttl\",\"ct\"}) and\n" +
	"writes one per line; a line that cannot be answered gives {\"id\",\"line\",\"error\"}.\n\n" +
	"--s3 OPERATION follows a request to S3 instead: its packets to the bucket's region, and then every statement of every policy that has\n" +
	"a say. The principal is the role of the instance unless --principal or --anonymous says another. --condition gives the request\n" +
	"condition keys, those of headers and queries or others in place of those that it would have.\n\n" +
	"Exit code: 0 if packet and answer are delivered, 1 if one is dropped; with --batch 0 if every line was answered;\n" +
	"with --s3 0 if the request is allowed, 1 if it is denied or does not reach S3."

func (a *app) trace() *cobra.Command {
	var q probe.Query
	var topo, lab, batch, protocol string
	var access control.AccessQuery
	cmd := &cobra.Command{
		Use: "trace --from A --to B --port N", Short: "what would become of a packet, and of the answer to it", Long: traceHelp,
		Example: "  vpcsim trace -t lab.vpc.yml --from app --to s3.us-east-1.amazonaws.com --port 443\n" +
			"  vpcsim trace --from internet:192.0.2.1 --to 198.51.100.10 --proto icmp\n" +
			"  vpcsim trace --from app --s3 GetObject --bucket photos --key cat.jpg\n" +
			"  vpcsim trace --from app --s3 ListObjectsV2 --bucket photos --condition s3:prefix=home/ --condition aws:PrincipalTag/team=app",
		Args: cobra.NoArgs, PreRunE: accessOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := a.tracer(topo, lab, batch)
			if err != nil {
				return err
			}
			q.Protocol, access.From = probe.Protocol(protocol), q.From
			switch {
			case access.Operation != "":
				return a.traceAccess(cmd.Context(), t, access)
			case batch != "":
				return a.batch(cmd.Context(), t, batch)
			}
			return a.tracePacket(cmd.Context(), t, q)
		},
	}
	probeFlags(cmd, &q, &protocol)
	cmd.Flags().StringVarP(&topo, "topo", "t", "", "topology file, - for standard input")
	cmd.Flags().StringVarP(&lab, "name", "n", "", "running lab")
	cmd.Flags().StringVar(&batch, "batch", "", "file of questions, one JSON object per line, - for standard input")
	accessFlags(cmd, &access)
	cmd.MarkFlagsMutuallyExclusive("topo", "name")
	cmd.MarkFlagsMutuallyExclusive("batch", "from")
	cmd.MarkFlagsMutuallyExclusive("batch", "to")
	return cmd
}

// tracePacket prints what becomes of a packet.
func (a *app) tracePacket(ctx context.Context, t *tracer, q probe.Query) error {
	answer, err := t.ask(ctx, q)
	if err != nil {
		return err
	}
	return a.printTrace(answer)
}

// probeFlags adds the flags of a question about a packet.
func probeFlags(cmd *cobra.Command, q *probe.Query, protocol *string) {
	f := cmd.Flags()
	f.StringVar(&q.From, "from", "", "who sends")
	f.StringVar(&q.To, "to", "", "who is sent to")
	f.StringVar(protocol, "proto", "tcp", "tcp, udp, icmp or a number")
	f.Uint16Var(&q.Port, "port", 0, "destination port")
	f.Uint16Var(&q.SourcePort, "source-port", 0, "source port (default 49152)")
	f.IntVar(&q.Size, "size", 0, "bytes of the datagram, which is not to be fragmented (default the smallest)")
	f.Uint8Var(&q.TTL, "ttl", 0, "time to live (default 64)")
	f.StringVar((*string)(&q.Connection), "ct", "", "the packet: new, first of a connection where nothing is open, or established, in the middle of one")
}

// tracer finds who answers: the file or lab that was named, else the only lab that runs, else the only file of the folder.
func (a *app) tracer(topo, name, batch string) (*tracer, error) {
	if topo == "-" && batch == "-" {
		return nil, usage("-t - and --batch -: standard input can be only one of them")
	}
	if running, _ := running(); name != "" || topo == "" && len(running) == 1 {
		client, err := a.client(name)
		if err != nil {
			return nil, err
		}
		return &tracer{client.Trace, client.TraceBatch, client.Access}, nil
	}
	file, err := findInstead(topo)
	if err != nil {
		return nil, err
	}
	in, err := a.read(file)
	if err != nil {
		return nil, err
	}
	offline, err := probe.New(in.network)
	if err != nil {
		return nil, err
	}
	return &tracer{
		func(_ context.Context, q probe.Query) (*probe.Answer, error) { return offline.Trace(q) },
		func(_ context.Context, questions io.Reader, answers io.Writer) (int, error) {
			return probe.Batch(questions, answers, offline.Trace)
		},
		func(_ context.Context, q control.AccessQuery) (*control.AccessAnswer, error) {
			return control.TraceAccess(in.network, q)
		},
	}, nil
}

// batch answers every line of a file.
func (a *app) batch(ctx context.Context, t *tracer, path string) error {
	from := a.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return fileError(err)
		}
		defer f.Close()
		from = f
	}
	unanswered, err := t.batch(ctx, from, a.stdout)
	if err != nil {
		return usage("%s: %w", path, err)
	}
	if unanswered > 0 {
		return usage("%s: %s not answered", path, plural(unanswered, "line"))
	}
	return nil
}

// printTrace prints one answer; it is an exit with 1 if something was dropped.
func (a *app) printTrace(t *probe.Answer) error {
	err := a.print(t, func(w io.Writer) { a.explainTrace(w, t) })
	if err == nil && !t.Both() {
		err = &exit{code: exitFailed}
	}
	return err
}
