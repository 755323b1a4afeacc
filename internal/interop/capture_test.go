package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/capture"
	"vpcsim/internal/control"
)

// captured records packets of a lab into a file while do runs, through the lab's control socket as the command line does, until there
// are so many. It returns the file's path.
func (l lab) captured(t *testing.T, packets int, words string, do func()) string {
	t.Helper()
	socket := fmt.Sprintf("@vpcsim-%d-%s", os.Getpid(), t.Name())
	server, err := control.Serve(l.Lab, socket)
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	files := &capture.Files{Path: filepath.Join(t.TempDir(), "lab.pcapng"), Packets: packets}
	begun, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- control.Client{Socket: socket}.Capture(ctx, control.CaptureQuery{Words: strings.Fields(words)}, files, func() { close(begun) })
	}()
	select {
	case <-begun:
	case err := <-done:
		t.Fatal("the capture has not begun: ", err)
	}
	do()
	require.NoError(t, <-done)
	require.NoError(t, files.Close())
	if files.Written < packets {
		t.Errorf("%d packets were captured, want %d", files.Written, packets)
	}
	return files.Path
}

// wireshark runs one of its programs on a file.
func wireshark(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(cmd.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	require.NoError(t, err, "%s: %s", cmd, out)
	return string(out)
}

// TestWiresharkUnderstandsACapture: the comments of dropped packets, each packet's interface and direction, and not a word of a
// malformed packet or a wrong checksum, before and behind two translations.
func TestWiresharkUnderstandsACapture(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"tshark", "capinfos", "ping"} {
		tool(t, program)
	}
	l := start(t, office)
	// An echo request and its reply pass seven places; a refused one is seen at the sender, before and behind the gateway, and at the group.
	path := l.captured(t, 2*7+4, "app nat igw peer bastion security-group icmp", func() {
		shows(t, l.run(t, "app", "ping", "-n", "-c", "1", "-W", "30", "203.0.113.10"), " 1 received")
		l.run(t, "peer", "ping", "-n", "-c", "1", "-W", "1", "198.51.100.12")
	})
	fields := wireshark(t, "tshark", "-r", path, "-T", "fields", "-E", "separator=|", "-e", "frame.interface_name", "-e", "frame.packet_flags_direction", "-e", "ip.src", "-e", "ip.dst", "-e", "frame.comment")
	shows(t, fields,
		`(?m)^app\|(0x0000000)?2\|10\.0\.1\.10\|203\.0\.113\.10\|$`,
		`(?m)^app security-group\|(0x0000000)?2\|10\.0\.1\.10\|203\.0\.113\.10\|$`,
		`(?m)^nat before\|(0x0000000)?1\|10\.0\.1\.10\|203\.0\.113\.10\|$`,
		`(?m)^nat after\|(0x0000000)?2\|10\.0\.0\.5\|203\.0\.113\.10\|$`,
		`(?m)^igw before\|(0x0000000)?1\|10\.0\.0\.5\|203\.0\.113\.10\|$`,
		`(?m)^igw after\|(0x0000000)?2\|198\.51\.100\.5\|203\.0\.113\.10\|$`,
		`(?m)^peer\|(0x0000000)?1\|198\.51\.100\.5\|203\.0\.113\.10\|$`,
		`(?m)^nat after\|(0x0000000)?2\|203\.0\.113\.10\|10\.0\.1\.10\|$`,
		`(?m)^peer\|(0x0000000)?2\|203\.0\.113\.10\|198\.51\.100\.12\|ENI_SG_RULES_MISMATCH: dropped by eni-[0-9a-f]+ \(bastion: ingress of sg-[0-9a-f]+\); no rule of`,
	)
	expert := wireshark(t, "tshark", slices.Concat(everyChecksum, []string{"-r", path, "-q", "-z", "expert"})...)
	hides(t, expert, `(?i)malformed`, `(?i)checksum`, `(?m)^Errors`)
	shows(t, expert, `Comment`)
	shows(t, wireshark(t, "capinfos", "-M", path), `Number of packets: +18`, `File type: .*pcapng`, `nanoseconds \(9\)`, `Number of interfaces in file: +8`, `Name = nat before`)
}

// everyChecksum has tshark verify what it does not by itself.
var everyChecksum = []string{"-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"}

// TestWiresharkFindsNoFaultWithConnections: TCP and UDP, through both kinds of NAT and to S3 through an endpoint.
func TestWiresharkFindsNoFaultWithConnections(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"tshark", "curl"} {
		tool(t, program)
	}
	l := start(t, office)
	l.web(t, "peer")
	path := l.captured(t, 100, "gateway interface", func() {
		for range 3 { // more than enough
			shows(t, l.curl(t, "app", "http://203.0.113.10/large", megabyte...), `^200 1048576$`)
			shows(t, l.curl(t, "inner", "http://"+s3Address+"/demo/hello.txt", "-H", "Host: s3.us-east-1.amazonaws.com"), `^hello$`)
		}
	})
	// Segments pass several places, one super-packet after the other. To who puts streams together the second sight of one is a
	// retransmission, which overlaps what is there.
	expert := wireshark(t, "tshark", slices.Concat(everyChecksum, []string{"-o", "tcp.desegment_tcp_streams:FALSE", "-r", path, "-q", "-z", "expert"})...)
	hides(t, expert, `(?i)malformed`, `(?i)checksum`)
}
