package interop

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clients is a private subnet whose only way out is the endpoint. One instance has a role that may do everything, one has none.
const clients = `
name: clients
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    endpoints: {s3: {service: s3, route_tables: [main]}}
    subnets: {private: {cidr: 10.0.1.0/24}}
    route_tables: {main: {main: true}}
    instances:
      app: {subnet: private, address: 10.0.1.10, role: worker}
      stranger: {subnet: private, address: 10.0.1.11}
iam:
  roles:
    worker: {policies: {s3: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:*", Resource: "*"}]}}}
s3:
  dir: DIR
  buckets:
    demo:
      objects: {hello.txt: hello}
      policy: {Version: "2012-10-17", Statement: [{Sid: OnlyHTTPS, Effect: Deny, Principal: "*", Action: "s3:*", Resource: ["arn:aws:s3:::demo", "arn:aws:s3:::demo/*"], Condition: {Bool: {"aws:SecureTransport": "false"}}}]}
    open:
      objects: {hello.txt: hello}
      policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::open/*"}]}
`

// startClients starts the lab with its objects in a directory of the test's.
func startClients(t *testing.T) lab {
	t.Helper()
	return start(t, strings.Replace(clients, "DIR", filepath.Join(t.TempDir(), "objects"), 1))
}

// unconfigured runs a program with no configuration for AWS at all: neither a file of the user's nor a variable.
func (l lab) unconfigured(t testing.TB, on, program string, args ...string) string {
	t.Helper()
	tool(t, program)
	all := []string{"HOME=" + t.TempDir(), program}
	for _, name := range []string{"PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION", "DEFAULT_REGION", "CONFIG_FILE", "SHARED_CREDENTIALS_FILE"} {
		all = append([]string{"-u", "AWS_" + name}, all...)
	}
	return l.patiently(t, 5*time.Minute, "", on, "env", append(all, args...)...)
}

// random writes a file of that size with bytes that are never the same twice, and returns its checksum.
func random(t testing.TB, path string, size int64) string {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	sum := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, sum), rand.NewChaCha8([32]byte{}), size)
	require.NoError(t, err)
	return fmt.Sprintf("%x", sum.Sum(nil))
}

func checksum(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	require.NoError(t, err)
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// tree writes a small folder, one name of which is not ASCII.
func tree(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.txt"), []byte("first"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sub", "b ü+.txt"), []byte("second"), 0o644))
	return dir
}

// patience lets curl wait for handshakes that many programs make at once.
var patience = slices.Clip([]string{"--connect-timeout", "60", "-m", "100"})

// TestCurlByHTTPS: the names verify in both styles, in every form of them.
func TestCurlByHTTPS(t *testing.T) {
	t.Parallel()
	tool(t, "curl")
	l := startClients(t)
	for _, url := range []string{
		"open.s3.us-east-1.amazonaws.com/", "open.s3.amazonaws.com/", "open.s3.dualstack.us-east-1.amazonaws.com/",
		"s3.us-east-1.amazonaws.com/open/", "s3.amazonaws.com/open/", "s3.dualstack.us-east-1.amazonaws.com/open/",
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			shows(t, l.curl(t, "stranger", "https://"+url+"hello.txt", append(patience, "-w", " %{http_code} %{ssl_verify_result}")...), `^hello 200 0$`)
		})
	}
	t.Run("what no policy allows is denied", func(t *testing.T) {
		t.Parallel()
		shows(t, l.curl(t, "stranger", "https://demo.s3.us-east-1.amazonaws.com/hello.txt", append(patience, "-w", "%{http_code}")...), `<Code>AccessDenied</Code>.*403$`)
	})
	t.Run("another certificate authority does not know it", func(t *testing.T) {
		t.Parallel()
		shows(t, l.curl(t, "stranger", "https://open.s3.us-east-1.amazonaws.com/hello.txt", "--cacert", "/dev/null", "--capath", t.TempDir()), `^curl: \((60|77)\)`)
	})
}

// large, set to anything, makes the large file of [TestAWSCLI] 1 GiB, which takes a minute or more.
const large = "VPCSIM_LARGE"

// TestAWSCLI works without any configuration: region and credentials come from the instance's metadata.
func TestAWSCLI(t *testing.T) {
	t.Parallel()
	tool(t, "aws")
	l := startClients(t)
	aws := func(t testing.TB, args ...string) string { t.Helper(); return l.unconfigured(t, "app", "aws", args...) }
	t.Run("ls", func(t *testing.T) {
		shows(t, aws(t, "s3", "ls"), `(?s) demo\n.* open\n`)
		shows(t, aws(t, "s3", "ls", "s3://demo"), ` 5 hello\.txt\n`)
		shows(t, l.unconfigured(t, "stranger", "aws", "s3", "ls"), `(?i)unable to locate credentials`)
	})
	t.Run("cp of a large file in parts, both ways", func(t *testing.T) {
		size := int64(32 << 20)
		if os.Getenv(large) != "" {
			size = 1 << 30
		}
		dir := t.TempDir()
		up, down := filepath.Join(dir, "up"), filepath.Join(dir, "down")
		want := random(t, up, size)
		began := time.Now()
		require.Empty(t, aws(t, "s3", "cp", "--only-show-errors", up, "s3://demo/large"))
		sent := time.Now()
		require.Empty(t, aws(t, "s3", "cp", "--only-show-errors", "s3://demo/large", down))
		t.Logf("%d MiB: up in %.1f s, down in %.1f s", size>>20, sent.Sub(began).Seconds(), time.Since(sent).Seconds())
		require.Equal(t, want, checksum(t, down))
		shows(t, aws(t, "s3api", "head-object", "--bucket", "demo", "--key", "large"), fmt.Sprintf(`"ContentLength": %d`, size), fmt.Sprintf(`-%d\\""`, size/(8<<20)))
	})
	t.Run("sync copies what is not there, and deletes what was", func(t *testing.T) {
		from, to := tree(t), t.TempDir()
		shows(t, aws(t, "s3", "sync", from, "s3://demo/tree"), `to s3://demo/tree/a\.txt`, `to s3://demo/tree/sub/b ü\+\.txt`)
		require.Empty(t, aws(t, "s3", "sync", from, "s3://demo/tree"), "nothing is new")
		require.NoError(t, os.Remove(filepath.Join(from, "a.txt")))
		shows(t, aws(t, "s3", "sync", "--delete", from, "s3://demo/tree"), `^delete: s3://demo/tree/a\.txt\n$`)
		require.Empty(t, aws(t, "s3", "sync", "--only-show-errors", "s3://demo/tree", to))
		got, err := os.ReadFile(filepath.Join(to, "sub", "b ü+.txt"))
		require.NoError(t, err)
		require.Equal(t, "second", string(got))
	})
	t.Run("the bucket's policy", func(t *testing.T) {
		shows(t, aws(t, "s3api", "get-bucket-policy", "--bucket", "demo", "--output", "text"), `OnlyHTTPS`)
		shows(t, aws(t, "s3", "ls", "s3://demo", "--endpoint-url", "http://s3.us-east-1.amazonaws.com"), `AccessDenied.* with an explicit deny`)
	})
	t.Run("a presigned URL opens to anybody", func(t *testing.T) {
		url := strings.TrimSpace(aws(t, "s3", "presign", "s3://demo/hello.txt"))
		shows(t, l.curl(t, "stranger", url, patience...), `^hello$`)
		shows(t, l.curl(t, "stranger", strings.Replace(url, "hello.txt", "large", 1), patience...), `SignatureDoesNotMatch`)
	})
}

// TestRclone is a client of the AWS SDK for Go, with an HTTP client of its own.
func TestRclone(t *testing.T) {
	t.Parallel()
	tool(t, "rclone")
	l := startClients(t)
	rclone := func(t testing.TB, args ...string) string {
		t.Helper()
		return l.unconfigured(t, "app", "rclone", append(args, "--config", "/dev/null", "--s3-provider", "AWS", "--s3-env-auth", "--s3-region", "us-east-1")...)
	}
	dir := tree(t)
	random(t, filepath.Join(dir, "large"), 32<<20)
	require.Empty(t, rclone(t, "copy", dir, ":s3:demo/tree", "--s3-upload-cutoff", "8M", "--s3-chunk-size", "8M", "-q"))
	shows(t, rclone(t, "check", dir, ":s3:demo/tree", "--download"), `3 matching files`)
	shows(t, rclone(t, "lsf", "-R", ":s3:demo/tree"), `(?m)^sub/b ü\+\.txt$`, `(?m)^large$`)
	require.Empty(t, rclone(t, "purge", ":s3:demo/tree", "-q"))
	shows(t, rclone(t, "lsf", "-R", ":s3:demo"), `^hello\.txt\n$`)
}

// TestS3cmd is a client with an XML reader, a signer and a way to sync of its own, and with Python's idea of trust.
func TestS3cmd(t *testing.T) {
	t.Parallel()
	tool(t, "s3cmd")
	l := startClients(t)
	s3cmd := func(t testing.TB, args ...string) string {
		t.Helper()
		return l.unconfigured(t, "app", "s3cmd", append([]string{"--config", "/dev/null", "--no-progress"}, args...)...)
	}
	dir := tree(t)
	down := filepath.Join(t.TempDir(), "down")
	want := random(t, filepath.Join(dir, "large"), 16<<20)
	shows(t, s3cmd(t, "ls"), `s3://demo\n`, `s3://open\n`)
	shows(t, s3cmd(t, "put", filepath.Join(dir, "a.txt"), "s3://demo/a.txt"), `a\.txt' -> 's3://demo/a\.txt'`)
	shows(t, s3cmd(t, "ls", "s3://demo"), ` 5 +s3://demo/a\.txt\n`, ` 5 +s3://demo/hello\.txt\n`)
	shows(t, s3cmd(t, "put", "--debug", "--multipart-chunk-size-mb=5", filepath.Join(dir, "large"), "s3://demo/large"), `MultiPart: Upload finished: 4 parts`)
	shows(t, s3cmd(t, "get", "s3://demo/large", down), `'s3://demo/large' -> '`)
	require.Equal(t, want, checksum(t, down))
	shows(t, s3cmd(t, "sync", dir+"/", "s3://demo/tree/"), `-> 's3://demo/tree/a\.txt'`, `-> 's3://demo/tree/sub/b ü\+\.txt'`)
	hides(t, s3cmd(t, "sync", dir+"/", "s3://demo/tree/"), `->`, `ERROR`)
	require.NoError(t, os.Remove(filepath.Join(dir, "a.txt")))
	shows(t, s3cmd(t, "sync", "--delete-removed", dir+"/", "s3://demo/tree/"), `delete: 's3://demo/tree/a\.txt'`)
	shows(t, s3cmd(t, "del", "s3://open/hello.txt"), `delete: 's3://open/hello\.txt'`)
}

// TestSDKForGo builds a program with AWS's SDK, which is a module of its own: it must be in Go's cache (go mod download), as there is
// no network here.
func TestSDKForGo(t *testing.T) {
	t.Parallel()
	tool(t, "go")
	program := filepath.Join(t.TempDir(), "sdk")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", program, ".")
	build.Dir, build.Env = filepath.Join("testdata", "sdk"), append(os.Environ(), "GOPROXY=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		if text := string(out); strings.Contains(text, "GOPROXY=off") || strings.Contains(text, "go: downloading") {
			t.Skip("the SDK is not downloaded (go mod download in internal/interop/testdata/sdk)")
		}
		t.Fatalf("%v: %s", err, out)
	}
	l := startClients(t)
	shows(t, l.unconfigured(t, "app", program, "demo"), `(?m)^hello\.txt 5$`, `(?m)^sdk 12$`, `(?m)^from the SDK`)
	shows(t, l.unconfigured(t, "app", program, "open"), `(?m)^from the SDK`)
	shows(t, l.unconfigured(t, "app", program, "nowhere"), `NoSuchBucket`)
}
