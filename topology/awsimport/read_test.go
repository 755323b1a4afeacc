package awsimport

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/topology"
)

const oneVPC = `{"Vpcs": [{"VpcId": "vpc-00000001", "CidrBlock": "10.0.0.0/16"}]}`

// folder makes a folder with files in it.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestFilesOfOddEncodings(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ text, want string }{
		"a byte order mark of UTF-8 is skipped":    {"\xef\xbb\xbf" + oneVPC, ""},
		"UTF-16 is named":                          {"\xff\xfe{\x00", "a.json: UTF-16 text, as PowerShell's > writes; save it as UTF-8"},
		"Latin 1 in a text is no UTF-8":            {`{"Vpcs": [{"VpcId": "vpc-00000001", "Tags": [{"Key": "Name", "Value": "caf` + "\xe9" + `"}]}]}`, "a.json: Vpcs[0]: not UTF-8 text"},
		"several documents follow each other":      {oneVPC + "\n" + `{"Subnets": []}`, ""},
		"white space alone is a file without JSON": {" \n", "DIR: no file in it has a list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"a.json": row.text})
			_, err := Read(dir)
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorAs(t, err, new(topology.Errors))
			require.Contains(t, strings.ReplaceAll(err.Error(), dir, "DIR"), row.want)
		})
	}
}

func TestGzipIsUnpacked(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, oneVPC)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	whole := packed.String()
	d, err := Read(folder(t, map[string]string{"Vpcs.json.gz": whole}))
	require.NoError(t, err)
	require.NotNil(t, d.vpcs.get("vpc-00000001"))
	_, err = Read(folder(t, map[string]string{"Vpcs.json.gz": whole[:len(whole)-12]}))
	require.ErrorContains(t, err, "Vpcs.json.gz: ")
	require.ErrorContains(t, err, "cut off")
	_, err = Read(folder(t, map[string]string{"Vpcs.json.gz": whole[:8]}))
	require.EqualError(t, err, "Vpcs.json.gz: not whole gzip: unexpected EOF")
}

func TestABareListSaysWhyThereIsNoVPC(t *testing.T) {
	t.Parallel()
	d, err := Read(folder(t, map[string]string{"Vpcs.json": `[{"VpcId": "vpc-00000001"}]`, "Subnets.json": `{"Subnets": []}`}))
	require.NoError(t, err)
	_, err = Map(d, Options{})
	require.ErrorContains(t, err, "there is no VPC in the dump")
	require.ErrorContains(t, err, "Vpcs.json: a list at the top")
}

func TestLinksAreFollowedButNotForever(t *testing.T) {
	t.Parallel()
	other := folder(t, map[string]string{"x/Vpcs.json": oneVPC})
	dir := folder(t, map[string]string{"a/Subnets.json": `{"Subnets": []}`})
	require.NoError(t, os.Symlink(filepath.Join(other, "x"), filepath.Join(dir, "linked")))
	d, err := Read(dir)
	require.NoError(t, err)
	require.NotNil(t, d.vpcs.get("vpc-00000001"), "a folder that a link leads to")
	require.NoError(t, os.Symlink("..", filepath.Join(dir, "a", "up")))
	require.NoError(t, os.Symlink("self", filepath.Join(dir, "self")))
	_, err = Read(dir)
	require.EqualError(t, err, "a/up: a symbolic link that leads back to a folder it lies in; remove it\nself: can't be read: too many levels of symbolic links")
}

func TestWhatIsNoFileIsPassedBy(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"Vpcs.json": oneVPC, ".hidden.json": "{", "notes": "hello", "vpcs-of-last-year": oneVPC})
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "pipe.json"), 0o600))
	d, err := Read(dir)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"neither a file nor a folder": 1, "hidden": 1, "not JSON": 1}, d.ignoredFiles)
	require.Len(t, d.files, 2, "a file that begins like JSON is read whatever it is called")
}

func TestOneFileWillDo(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"all.json": oneVPC})
	d, err := Read(filepath.Join(dir, "all.json"))
	require.NoError(t, err)
	require.Equal(t, "all.json: Vpcs[0]", d.vpcs.place("vpc-00000001").String())
	_, err = Read(filepath.Join(dir, "none"))
	require.EqualError(t, err, filepath.Join(dir, "none")+": can't be read: no such file or directory")
}

func TestUnreadableFilesAreToldTogether(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := folder(t, map[string]string{"a.json": oneVPC, "b/c.json": oneVPC, "d.json": "{"})
	require.NoError(t, os.Chmod(filepath.Join(dir, "a.json"), 0))
	require.NoError(t, os.Chmod(filepath.Join(dir, "b"), 0))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "b"), 0o700) })
	_, err := Read(dir)
	require.EqualError(t, err, "a.json: can't be read: permission denied\nb: can't be read: permission denied\nd.json: the file ends here, after 1 bytes, in the middle: it is cut off")
}

// TestMemoryGoesByTheObjectsAndNotByTheFile reads 50 MB of what is of no use to anybody: it could as well be 200.
func TestMemoryGoesByTheObjectsAndNotByTheFile(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "huge.json"))
	require.NoError(t, err)
	_, err = io.WriteString(f, `{"Metrics": [`)
	require.NoError(t, err)
	piece := bytes.Repeat([]byte(`{"Timestamp": "2026-01-01T00:00:00Z", "Values": "`+strings.Repeat("x", 5000)+`"},`), 200)
	for range 50 {
		_, err = f.Write(piece)
		require.NoError(t, err)
	}
	_, err = io.WriteString(f, `0], "Vpcs": [{"VpcId": "vpc-00000001", "CidrBlock": "10.0.0.0/16"}]}`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d, err := Read(dir)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Equal(t, 10_001, d.unknownLists["Metrics"])
	require.NotNil(t, d.vpcs.get("vpc-00000001"))
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 32<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

func TestObjectsThatAreTooLargeAreRefused(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"a.json": `{"Vpcs": [{"VpcId": "` + strings.Repeat("a", maxElement+1<<20) + `"}]}`})
	_, err := Read(dir)
	require.EqualError(t, err, "a.json: Vpcs[0]: one object has more than 16 MiB")
}

func TestManyProblemsOfOneFileHaveAnEnd(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"a.json": `{"Vpcs": [` + strings.Repeat("7,", 10_000) + `7]}`})
	_, err := Read(dir)
	require.Equal(t, maxErrors, strings.Count(err.Error(), "\n")+1)
}

// TestCopiesAreMergedInAnyOrder: what one account's copy lacks comes from the other's; where they differ, the richer one counts and
// that is said; and none of it depends on which is read first.
func TestCopiesAreMergedInAnyOrder(t *testing.T) {
	t.Parallel()
	poor := `{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-00000001", "VpcId": "vpc-00000001", "Attachment": {"Status": "attached"}, "Groups": [{"GroupId": "sg-2"}, {"GroupId": "sg-1"}],
		"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.5"}, {"PrivateIpAddress": "10.0.0.4", "Primary": true}], "InterfaceType": "efa", "Description": "mine"}]}`
	rich := `{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-00000001", "VpcId": "vpc-00000001", "SubnetId": "subnet-00000001", "Attachment": {"Status": "attached", "InstanceId": "i-00000001"},
		"Groups": [{"GroupId": "sg-1"}, {"GroupId": "sg-2"}], "TagSet": [{"Key": "Name", "Value": "nic"}], "InterfaceType": "interface", "Description": "yours",
		"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.4", "Primary": true, "Association": {"PublicIp": "198.51.100.4"}}, {"PrivateIpAddress": "10.0.0.5"}]}]}`
	for _, files := range []map[string]string{{"a.json": poor, "b.json": rich}, {"a.json": rich, "b.json": poor}} {
		d, err := Read(folder(t, files))
		require.NoError(t, err)
		e := d.interfaces.get("eni-00000001")
		require.Equal(t, "i-00000001", e.Attachment.InstanceId)
		require.Equal(t, "nic", nameTag(e.TagSet))
		require.Equal(t, "interface", e.InterfaceType)
		require.Equal(t, "198.51.100.4", e.PrivateIpAddresses[0].Association.PublicIp)
		require.Len(t, e.PrivateIpAddresses, 2)
		require.Len(t, d.warnings, 1, "the order of groups is no difference, and descriptions may differ")
		require.Contains(t, d.warnings[0].Problem, "InterfaceType differs from ")
	}
}

// FuzzRead: no file makes the import panic, and what it takes is a topology.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(f, err)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(f, err)
		for _, one := range archive.Files {
			if strings.HasSuffix(one.Name, ".json") {
				f.Add(one.Data)
			}
		}
	}
	f.Add([]byte(`{"data": {"data": {"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "x"}]}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := folder(t, map[string]string{"us-east-1/a-tgw-rtb-00000001.json": string(text)})
		d, err := Read(dir)
		if err == nil {
			mapped(t, d)
		}
		d, err = ReadTerraform(filepath.Join(dir, "us-east-1/a-tgw-rtb-00000001.json"))
		if err == nil {
			mapped(t, d)
		}
	})
}

// mapped maps a dump, which may say what no topology can have, and writes it.
func mapped(t *testing.T, d *Dump) {
	r, err := Map(d, Options{Region: "us-east-1"})
	if err != nil {
		require.ErrorAs(t, err, new(topology.Errors))
		return
	}
	for _, c := range r.Summary.Objects {
		if c.Read != c.Used+c.Approximated+c.Ignored {
			t.Errorf("%+v", c)
		}
	}
	text, err := r.Spec.YAML()
	require.NoError(t, err)
	_, _, err = topology.Parse("a", text)
	require.NoError(t, err, string(text))
}
