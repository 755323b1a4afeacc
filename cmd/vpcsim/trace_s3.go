package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vpcsim/internal/control"
)

// accessFlags adds the flags of a question about a request to S3.
func accessFlags(cmd *cobra.Command, q *control.AccessQuery) {
	f := cmd.Flags()
	f.StringVar(&q.Operation, "s3", "", "an operation of S3's API, for example GetObject: judge such a request")
	f.StringVar(&q.Bucket, "bucket", "", "with --s3, the bucket")
	f.StringVar(&q.Key, "key", "", "with --s3, the object's key")
	f.StringVar(&q.Principal, "principal", "", "with --s3, the ARN of the user or role that signs (default: the role of the instance)")
	f.BoolVar(&q.Anonymous, "anonymous", false, "with --s3, a request without a signature")
	f.BoolVar(&q.Plain, "http", false, "with --s3, by HTTP instead of HTTPS")
	cmd.MarkFlagsRequiredTogether("s3", "bucket")
	cmd.MarkFlagsMutuallyExclusive("principal", "anonymous")
	for _, other := range []string{"to", "port", "proto", "source-port", "batch"} {
		cmd.MarkFlagsMutuallyExclusive("s3", other)
	}
}

// traceAccess prints what S3 would make of a request; it is an exit with 1 if it would not allow it.
func (a *app) traceAccess(ctx context.Context, t *tracer, q control.AccessQuery) error {
	answer, err := t.access(ctx, q)
	if err != nil {
		return usage("%w", err)
	}
	err = a.print(answer, func(w io.Writer) { a.accessTable(w, answer) })
	if err == nil && answer.Verdict != control.AccessAllowed {
		err = &exit{code: exitFailed}
	}
	return err
}

func (a *app) accessTable(w io.Writer, q *control.AccessAnswer) {
	a.traceTable(w, "network", q.Network)
	if back := q.Network.Return; back != nil && back.Verdict != q.Network.Verdict {
		a.traceTable(w, "return", back)
	}
	for _, p := range q.Permissions {
		who := p.Principal
		if who == "" {
			who = "anonymous"
		}
		fmt.Fprintf(w, "\n%s on %s by %s\n", p.Action, p.Resource, who)
		for _, d := range p.Policies {
			fmt.Fprintf(w, "  %s, %s\n", d.Kind, d.Name)
			for _, s := range d.Statements {
				matches := map[bool]string{false: "does not match", true: "matches"}[s.Matches]
				row(w, fmt.Sprintf("    %d", s.Statement), s.Sid, s.Effect, matches, s.Why)
			}
		}
	}
	fmt.Fprintln(w)
	switch q.Verdict {
	case control.AccessAllowed:
		fmt.Fprintf(w, "%s: S3 sees %s by %s\n", paint(a.stdout, green, "allowed"), q.Peer, q.Path)
	case control.AccessDenied:
		fmt.Fprintf(w, "%s, %d AccessDenied: %s\n", paint(a.stdout, red, "denied"), q.Status, q.Message)
	default:
		fmt.Fprintf(w, "%s: the request does not reach S3 in %s\n", paint(a.stdout, red, "unreachable"), q.Region)
	}
}
