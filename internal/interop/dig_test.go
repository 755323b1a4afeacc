package interop

import "testing"

// TestDig asks the VPC's resolver as administrators do (aws-semantics 8.1, 10).
func TestDig(t *testing.T) {
	t.Parallel()
	tool(t, "dig")
	l := start(t, office)
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"the name server of resolv.conf", []string{"s3.us-east-1.amazonaws.com"}, `(?s)status: NOERROR.*ANSWER: 8,.*IN\s+A\s+[0-9.]+.*SERVER: 10\.0\.0\.2#53\(10\.0\.0\.2\) \(UDP\)`},
		{"by TCP", []string{"+tcp", "demo.s3.amazonaws.com"}, `(?s)status: NOERROR.*SERVER: 10\.0\.0\.2#53\(10\.0\.0\.2\) \(TCP\)`},
		{"at the link-local address", []string{"@169.254.169.253", "+short", "peer"}, `^203\.0\.113\.10\n$`},
		{"with more EDNS than there is", []string{"+edns=1", "+noednsnegotiation", "peer"}, `status: BADVERS`},
		{"with a cookie, in which nobody is interested", []string{"+cookie", "+short", "peer"}, `^203\.0\.113\.10\n$`},
		{"with DNSSEC, of which there is none", []string{"+dnssec", "+short", "peer"}, `^203\.0\.113\.10\n$`},
		{"the name of an address", []string{"+short", "-x", "203.0.113.10"}, `^peer\.\n$`},
		{"no such name", []string{"example.org"}, `(?s)status: NXDOMAIN.*AUTHORITY: 1`},
		{"no such type", []string{"s3.amazonaws.com", "AAAA"}, `(?s)status: NOERROR.*ANSWER: 0, AUTHORITY: 1`},
		{"everything", []string{"+notcp", "peer", "ANY"}, `(?s)status: NOERROR.*ANSWER: 1`},
		{"a zone", []string{"ec2.internal", "AXFR"}, `Transfer failed`},
		{"chaos", []string{"-c", "CH", "version.bind", "TXT"}, `status: REFUSED`},
		{"an operation other than a query", []string{"+opcode=NOTIFY", "peer"}, `status: NOTIMP`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			shows(t, l.run(t, "app", "dig", append([]string{"+tries=2", "+time=10"}, c.args...)...), c.want)
		})
	}
}
