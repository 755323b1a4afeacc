package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vpcsim/dataplane/flowlog"
	"vpcsim/internal/control"
	"vpcsim/internal/flowlogs"
)

const flowLogsHelp = `Keeps a VPC flow log of a running lab and prints its records as AWS writes them: of the first aggregation interval, or with -f until Ctrl-C.
What the last interval has by then is printed, too.`

const flowLogsExamples = `  vpcsim flowlogs -f --interval 10s
  vpcsim flowlogs -f --format full --traffic-type REJECT --resource web
  vpcsim flowlogs -f --format '${version} ${interface-id} ${pkt-srcaddr} ${pkt-dstaddr} ${action} ${traffic-path}'
  vpcsim flowlogs -f -w logs/                     files in folders and with names as AWS has them in S3
  vpcsim flowlogs -f --to s3://bucket/prefix      the same, in a bucket of the lab itself
  vpcsim flowlogs --format full | vpcsim plan --endpoint s3 --flow-logs -`

// flowLogger is what the verb flowlogs is asked for.
type flowLogger struct {
	*app
	name     string
	follow   bool
	interval time.Duration
	file     string // -w
	query    control.FlowLogQuery
}

func (a *app) flowLogs() *cobra.Command {
	f := flowLogger{app: a}
	cmd := &cobra.Command{
		Use: "flowlogs", Short: "VPC flow logs of a running lab, as AWS writes them", Long: flowLogsHelp, Example: flowLogsExamples, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context()) },
	}
	labFlag(cmd, &f.name)
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on after the first interval, until the lab ends, or Ctrl-C")
	flags.StringVar(&f.query.LogFormat, "format", "default", "fields: default (version 2), full (versions 2 to 5), or AWS's '${version} ${account-id} …'")
	flags.DurationVar(&f.interval, "interval", time.Minute, "aggregation interval: AWS's are 60s and 600s, and here 1s to 600s")
	flags.StringVar(&f.query.TrafficType, "traffic-type", "ALL", "ALL, ACCEPT or REJECT")
	flags.StringSliceVar(&f.query.Resources, "resource", nil, "VPCs, subnets, network interfaces, instances, NAT gateways, by name or id (default: all)")
	flags.StringVarP(&f.file, "write", "w", "-", "file (.gz and .parquet are what they say), folder for files as AWS names them, or - for standard output")
	flags.StringVar(&f.query.Destination, "to", "", "deliver files to a bucket of the lab: s3://BUCKET/PREFIX")
	flags.BoolVar(&f.query.Parquet, "parquet", false, "Apache Parquet in place of text")
	flags.BoolVar(&f.query.Hive, "hive", false, "Hive-compatible names of folders, with -w FOLDER and --to")
	flags.BoolVar(&f.query.Hourly, "hourly", false, "a folder for each hour, with -w FOLDER and --to")
	return cmd
}

func (f *flowLogger) run(ctx context.Context) error {
	format, err := f.check()
	if err != nil {
		return err
	}
	client, err := f.client(f.name)
	if err != nil {
		return err
	}
	ctx, cancel := f.within(ctx, 0)
	defer cancel()
	out := flowLogOutput{flowLogger: f, format: format}
	err = client.FlowLog(ctx, f.query, out.take)
	return errors.Join(err, out.close())
}

// check judges the flags and completes the query.
func (f *flowLogger) check() (flowlog.Format, error) {
	if f.output != "table" {
		return nil, usage("-o %s: flow logs come as AWS writes them; choose fields with --format, or columns with --parquet", f.output)
	}
	format, err := logFormat(f.query.LogFormat)
	if err != nil {
		return nil, err
	}
	f.query.LogFormat = format.String()
	if f.interval < time.Second || f.interval%time.Second != 0 { // the rest is the lab's to say
		return nil, usage("--interval %s: must be whole seconds, from 1s to 600s", f.interval)
	}
	f.query.Interval, f.query.Once = int(f.interval/time.Second), !f.follow
	f.query.Parquet = f.query.Parquet || filepath.Ext(f.file) == ".parquet"
	switch folder := f.query.Destination != "" || f.isFolder(); {
	case f.query.Destination != "" && f.file != "-":
		return nil, usage("-w %s and --to %s: the records can go to only one of them", f.file, f.query.Destination)
	case !folder && (f.query.Hive || f.query.Hourly):
		return nil, usage("--hive and --hourly are about folders: say which with -w FOLDER/ or --to s3://BUCKET")
	case !folder && f.query.Parquet && f.file == "-" && isTerminal(f.stdout):
		return nil, usage("--parquet: a terminal can't show it; write it to a file with -w FILE")
	}
	return format, nil
}

// logFormat reads --format.
func logFormat(text string) (flowlog.Format, error) {
	switch text {
	case "default":
		return flowlog.Default(), nil
	case "full":
		return flowlog.Full(), nil
	}
	format, err := flowlog.ParseFields(text)
	if err != nil {
		return nil, usage("--format: %w", err)
	}
	return format, nil
}

// isFolder says whether -w names a folder, which need not be there yet if it ends with a slash.
func (f *flowLogger) isFolder() bool {
	fi, err := os.Stat(f.file)
	return strings.HasSuffix(f.file, "/") || err == nil && fi.IsDir()
}

// flowLogOutput is where records go.
type flowLogOutput struct {
	*flowLogger
	format flowlog.Format
	sink   flowlogs.Sink // nil until the lab has begun, and if it delivers files itself
	closes []io.Closer
}

// take does what is to be done with one thing that the lab says.
func (o *flowLogOutput) take(p control.FlowLogPart) error {
	switch {
	case p.FlowLogID != "":
		o.say("flow log %s begins; its first records come in %s", p.FlowLogID, o.interval)
		return o.open(p)
	case p.Delivered != "":
		_, err := fmt.Fprintln(o.stdout, p.Delivered)
		return err
	case p.Lines != "":
		return o.sink.Lines(p.Region, []byte(p.Lines))
	case p.Ended != nil:
		if p.Ended.Skipped > 0 {
			o.say("%d packets are in no record: the interval has more flows than there is room for (SKIPDATA)", p.Ended.Skipped)
		}
		if o.sink != nil {
			return o.sink.End(*p.Ended)
		}
	}
	return nil
}

// open makes the sink once the lab has agreed.
func (o *flowLogOutput) open(p control.FlowLogPart) error {
	switch {
	case o.query.Destination != "":
		return nil
	case o.isFolder():
		o.sink = &flowlogs.Delivery{
			Account: p.Account, ID: p.FlowLogID, Format: o.format, Parquet: o.query.Parquet, Hive: o.query.Hive, Hourly: o.query.Hourly, Put: o.put,
		}
		return nil
	}
	to := io.Writer(o.stdout)
	if o.file != "-" {
		file, err := os.Create(o.file)
		if err != nil {
			return fileError(err)
		}
		o.closes = append(o.closes, file)
		to = file
	}
	sink := flowlogs.NewFile(to, o.format, filepath.Ext(o.file) == ".gz", o.query.Parquet)
	o.sink, o.closes = sink, append(o.closes, sink)
	return nil
}

// put writes one of a folder's files, and tells where.
func (o *flowLogOutput) put(key string, content []byte) error {
	name := filepath.Join(o.file, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return fileError(err)
	}
	if err := os.WriteFile(name, content, 0o666); err != nil {
		return fileError(err)
	}
	_, err := fmt.Fprintln(o.stdout, name)
	return err
}

// close ends the files, the innermost first.
func (o *flowLogOutput) close() (err error) {
	for n := len(o.closes) - 1; n >= 0; n-- {
		err = errors.Join(err, o.closes[n].Close())
	}
	return err
}
