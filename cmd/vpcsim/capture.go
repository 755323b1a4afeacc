package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vpcsim/dataplane/capture"
	"vpcsim/internal/control"
)

const captureHelp = "Records packets of a running lab as pcapng. AT is where, any number of: an instance, internet host or network interface (its packets\n" +
	"as they leave and enter it); a network ACL, route table, or security group (as they pass it); an internet or NAT gateway, endpoint or\n" +
	"peering (before and after it, each an interface of the file); or a stage, which is all of a kind: interface, security-group,\n" +
	"network-acl, route, gateway. Names and ids will do. Without AT it is all network interfaces.\n\n" +
	"What follows, from the first word that is none of these, is a filter expression as tcpdump's, asked at each place about the packet as\n" +
	"it is there. The comment on a packet that is dropped says why, and by which rule (frame.comment in Wireshark).\n\n" +
	"The file is written by this command, with your permissions. A full disk ends the capture, and no packet of the lab waits for it."

// capturer is the flags of capture.
type capturer struct {
	*app
	q            control.CaptureQuery
	name, path   string
	size         string
	keep, enough int
	out          *os.File // the one file, if it is one
}

func (a *app) capture() *cobra.Command {
	c := &capturer{app: a}
	cmd := &cobra.Command{
		Use: "capture [AT]... [FILTER] -w FILE|-", Short: "record packets of a running lab for Wireshark", Long: captureHelp,
		Example: "  vpcsim capture app -w app.pcapng\n" +
			"  vpcsim capture nat igw 'tcp port 443' -w out.pcapng\n" +
			"  vpcsim capture -w - | wireshark -k -i -\n" +
			"  vpcsim capture network-acl --verdict dropped -w - | tshark -r - -T fields -e ip.src -e frame.comment",
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args) },
	}
	labFlag(cmd, &c.name)
	filterFlags(cmd, &c.q.PacketFilter)
	f := cmd.Flags()
	f.StringVarP(&c.path, "write", "w", "", "file to write, - for standard output")
	f.IntVarP(&c.q.SnapLen, "snaplen", "s", 0, "keep this many bytes of each packet; 0 keeps all")
	f.IntVarP(&c.enough, "count", "c", 0, "end after this many packets")
	f.StringVarP(&c.size, "file-size", "C", "", "begin a new file when one has this size, for example 10M; files are numbered")
	f.IntVarP(&c.keep, "files", "W", 0, "with -C: keep this many of the last files")
	return cmd
}

func (c *capturer) run(cmd *cobra.Command, args []string) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	client, err := c.client(c.name)
	if err != nil {
		return err
	}
	c.q.Words = strings.Fields(strings.Join(args, " "))
	ctx, cancel := c.within(cmd.Context(), 0)
	defer cancel()
	begun := false
	err = client.Capture(ctx, c.q, files, func() {
		begun = true
		if c.out != nil {
			_ = c.out.Truncate(0) // a device or pipe has nothing to cut off
		}
		c.say("capturing; end it with Ctrl-C")
	})
	if closed := files.Close(); err == nil && files.Written > 0 {
		err = closed
	}
	if !begun { // the file is as it was
		return err
	}
	c.say("%s captured", plural(files.Written, "packet"))
	if files.Missing > 0 {
		fmt.Fprintf(c.stderr, "vpcsim: %s missing in the capture: they came faster than they were taken\n", plural(int(files.Missing), "packet"))
	}
	return err
}

// files is where the packets go.
func (c *capturer) files() (*capture.Files, error) {
	size, err := byteSize(c.size)
	switch {
	case err != nil:
		return nil, usage("-C %s: %w", c.size, err)
	case c.path == "":
		return nil, usage("say where to: -w FILE, or -w - | wireshark -k -i -; to read packets here: vpcsim observe")
	case c.path == "-" && size > 0:
		return nil, usage("-C needs a file: standard output is one stream")
	case c.path == "-" && isTerminal(c.stdout):
		return nil, usage("-w -: a capture is not for a terminal; pipe it, or give a file")
	case c.keep < 0 || c.enough < 0:
		return nil, usage("-W and -c: must not be negative")
	case c.keep > 0 && size == 0:
		return nil, usage("-W needs -C: the size where a file ends")
	}
	f := &capture.Files{Path: c.path, Size: size, Keep: c.keep, Packets: c.enough}
	if c.path == "-" {
		f.Out = stream{c.app}
		return f, nil
	}
	if size == 0 { // a wrong path is told at once
		c.out, err = os.OpenFile(c.path, os.O_WRONLY|os.O_CREATE, 0o666)
		if err != nil {
			return nil, fileError(err)
		}
		f.Out = c.out
	}
	return f, nil
}

// stream is standard output, which stays open.
type stream struct{ *app }

func (s stream) Write(b []byte) (int, error) { return s.stdout.Write(b) }
func (s stream) Close() error                { return nil }

// byteSize reads a number of bytes; K, M and G stand for powers of 1024.
func byteSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	digits, shift := s, 0
	if at := strings.IndexByte("KMG", strings.ToUpper(s)[len(s)-1]); at >= 0 {
		digits, shift = s[:len(s)-1], 10*(at+1)
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("must be a size in bytes, such as 500K or 10M")
	}
	return n << shift, nil
}
