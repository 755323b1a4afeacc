package scenario

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"vpcsim/internal/workload"
	"vpcsim/topology/host"
)

func TestMain(m *testing.M) {
	if host.IsInit() {
		host.Init()
	}
	if len(os.Args) > 1 && os.Args[1] == "workload" {
		os.Exit(workload.Main(os.Args[2:], os.Stdin, os.Stdout))
	}
	if !host.Confined() {
		code, err := host.Confine(host.Options{})
		if err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
		os.Exit(code)
	}
	w, err := host.PrivateMounts()
	fmt.Println(w, err)
	os.Exit(m.Run())
}

func TestTry(t *testing.T) {
	f, src, err := Embedded("s3-endpoint")
	if err != nil {
		t.Fatal(err)
	}
	exe, _ := os.Executable()
	r, err := Run(context.Background(), f, src, Options{Executable: exe, Say: func(d time.Duration, l string) { fmt.Printf("[%6.3fs] %s\n", d.Seconds(), l) }})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(r.Summary())
}
