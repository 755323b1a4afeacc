package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vpcsim/topology/host"
)

// finding is one check of the machine.
type finding struct {
	Name   string `json:"Name"`
	OK     bool   `json:"Ok"`
	Detail string `json:"Detail"`
	Cure   string `json:"Cure,omitempty"`
}

func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "what this machine can and can't do, and how to mend it", Args: cobra.NoArgs,
		Long: "Tries what vpcsim needs of this machine, leaves nothing behind, and ends with 3 if something is missing.",
		RunE: func(*cobra.Command, []string) error {
			var findings []finding
			missing := 0
			for _, c := range host.Checks() {
				findings = append(findings, finding(c))
				if !c.OK {
					missing++
				}
			}
			err := a.print(findings, func(w io.Writer) {
				for _, f := range findings {
					verdict := paint(a.stdout, green, "ok")
					if !f.OK {
						verdict = paint(a.stdout, red, "missing")
					}
					row(w, f.Name, f.Detail, verdict)
				}
				for _, f := range findings {
					if !f.OK {
						fmt.Fprintf(w, "\n%s: %s\n", f.Name, f.Cure)
					}
				}
			})
			if err == nil && missing > 0 {
				err = &exit{code: exitMachine}
			}
			return err
		},
	}
}
