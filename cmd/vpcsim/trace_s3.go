package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

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
	f.Var(&conditions{q}, "condition", "with --s3, a condition key of the request, KEY=VALUE; may be given often, several values to one key too")
	f.BoolVar(&q.Plain, "http", false, "with --s3, by HTTP instead of HTTPS")
	cmd.MarkFlagsRequiredTogether("s3", "bucket")
	cmd.MarkFlagsMutuallyExclusive("principal", "anonymous")
	for _, other := range []string{"to", "port", "proto", "source-port", "batch"} {
		cmd.MarkFlagsMutuallyExclusive("s3", other)
	}
}

// accessOnly complains of a flag that only requests to S3 have, where there is none.
func accessOnly(cmd *cobra.Command, _ []string) error {
	if cmd.Flags().Changed("s3") {
		return nil
	}
	for _, name := range []string{"key", "principal", "anonymous", "condition", "http"} {
		if cmd.Flags().Changed(name) {
			return usage("--%s needs --s3", name)
		}
	}
	return nil
}

// conditions reads the flag --condition, as pflag.Value.
type conditions struct{ *control.AccessQuery }

// Set takes one KEY=VALUE.
func (c *conditions) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return errors.New("write KEY=VALUE, as s3:prefix=home/ or aws:PrincipalTag/team=app")
	}
	if c.Conditions == nil {
		c.Conditions = map[string][]string{}
	}
	c.Conditions[key] = append(c.Conditions[key], value)
	return nil
}

func (c *conditions) String() string { return "" }

// Type names the value in the help.
func (c *conditions) Type() string { return "KEY=VALUE" }

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
	a.explainWay(w, "network", q.Network)
	if back := q.Network.Return; back != nil && back.Verdict != q.Network.Verdict {
		a.explainWay(w, "return", back)
	}
	explainBlockers(w, q.Network.Blockers)
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
