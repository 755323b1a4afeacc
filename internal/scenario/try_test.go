package scenario

import (
	"context"
	"fmt"
	"os"
	"testing"

	"vpcsim/dataplane"
	"vpcsim/internal/control"
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

func TestLibrary(t *testing.T) {
	for _, name := range Library() {
		for _, mode := range []dataplane.Mode{dataplane.Natural, dataplane.Silent, dataplane.Reset} {
			for _, scope := range []control.Scope{control.ScopeS3, control.ScopePublicIP} {
				t.Run(name+"/"+mode.String()+"/"+string(scope), func(t *testing.T) {
					f, src, err := Embedded(name)
					if err != nil {
						t.Fatal(err)
					}
					exe, _ := os.Executable()
					r, err := Run(context.Background(), f, src, Options{Executable: exe, Mode: mode, Scope: scope})
					if err != nil {
						t.Fatal(err)
					}
					if !r.Passed {
						t.Error(r.Summary())
					}
				})
			}
		}
	}
}
