package interop

import (
	"os/exec"
	"strings"
	"testing"

	"vpcsim/internal/nstest"
)

// TestClientsFindTheAuthority: what each client needs to verify S3's certificates, as docs/s3.md has it, and that all have it also where
// the caller's own environment names another bundle. That none needs AWS_CA_BUNDLE is why it is not set: rclone does not start with it.
func TestClientsFindTheAuthority(t *testing.T) {
	t.Parallel()
	nstest.RequireTAP(t)
	l := startClients(t)
	const system, none = "/etc/ssl/certs/ca-certificates.crt", "/nonexistent"
	variables := []string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}
	clients := []struct {
		command []string
		needs   string // of the variables, "" is the system's bundle alone
		works   string
	}{
		{[]string{"curl", "-sS", "-m", "100", "https://open.s3.us-east-1.amazonaws.com/hello.txt"}, "", `^hello$`},
		{[]string{"rclone", "lsf", ":s3:demo", "--config", "/dev/null", "--s3-provider", "AWS", "--s3-env-auth", "--s3-region", "us-east-1"}, "", `^hello\.txt\n$`},
		{[]string{"s3cmd", "--config", "/dev/null", "ls", "s3://demo"}, "", `hello\.txt`},
		{[]string{"aws", "s3", "ls", "s3://demo"}, "REQUESTS_CA_BUNDLE", `hello\.txt`},
	}
	for _, c := range clients {
		t.Run(c.command[0], func(t *testing.T) {
			t.Parallel()
			tool(t, c.command[0])
			without := func(needed string) []string {
				var all []string
				for _, v := range variables {
					if v != needed {
						all = append(all, "-u", v)
					}
				}
				return all
			}
			run := func(options ...string) string {
				return l.unconfigured(t, "app", "env", append(append(options, "AWS_MAX_ATTEMPTS=1"), c.command...)...)
			}
			shows(t, run(without(c.needs)...), c.works)
			if c.needs != "" {
				shows(t, run(without("")...), `(?i)certificate.verify.failed`)
			}
			cmd := exec.Command(c.command[0], c.command[1:]...)
			cmd.Env = append(cmd.Environ(), "AWS_CA_BUNDLE="+none, "SSL_CERT_FILE="+none, "REQUESTS_CA_BUNDLE="+none, "CURL_CA_BUNDLE="+none, "HOME="+t.TempDir())
			shows(t, l.output(t, "app", cmd), c.works)
		})
	}
	t.Run("AWS_CA_BUNDLE stops rclone", func(t *testing.T) {
		t.Parallel()
		tool(t, "rclone")
		out := l.unconfigured(t, "app", "env", append([]string{"AWS_CA_BUNDLE=" + system}, clients[1].command...)...)
		if strings.TrimSpace(out) == "hello.txt" {
			t.Skip("this rclone starts with it")
		}
		shows(t, out, `custom (RootCAs|CA bundle).*HTTPClient`)
	})
}
