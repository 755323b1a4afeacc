package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildVersion is what the Go toolchain knows of how the program was built.
type buildVersion struct {
	Version  string `json:"Version"`
	Revision string `json:"Revision"`
	Time     string `json:"Time"`
	Modified bool   `json:"Modified"` // the sources differed from the revision
	Go       string `json:"Go"`
	Platform string `json:"Platform"`
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := built()
			return a.print(v, func(w io.Writer) {
				fmt.Fprintf(w, "vpcsim %s", v.Version)
				if v.Revision != "" {
					fmt.Fprintf(w, ", revision %.12s", v.Revision)
				}
				if v.Modified {
					fmt.Fprint(w, " with changes")
				}
				fmt.Fprintf(w, ", %s %s\n", v.Go, v.Platform)
			})
		},
	}
}

func moduleVersion() string { return built().Version }

func built() buildVersion {
	v := buildVersion{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
