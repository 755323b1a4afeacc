package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"vpcsim/internal/control"
)

func (a *app) prefixList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "prefix-list modify|restore|entries|list", Short: "change the prefix lists of a running lab", Args: a.noVerb, RunE: needsVerb, SuggestionsMinimumDistance: 2,
		Long: "Modifies, restores and lists prefix lists of a running lab, and shows their entries. What names a list goes by its latest\n" +
			"version at once, and what a change did to open connections is printed. Each change of the entries of a list of one's own makes\n" +
			"a new version; the lab keeps 1000 of them.",
		Example: "  vpcsim prefix-list modify office --add-entries 192.0.2.0/24 --current-version 1\n  vpcsim prefix-list restore office 1",
	}
	cmd.AddCommand(a.prefixListModify(), a.prefixListRestore(), a.prefixListEntries(), a.lists("prefix lists", "prefix-lists"))
	return cmd
}

const currentVersionHelp = "refuse the change unless this is the current version"

func (a *app) prefixListModify() *cobra.Command {
	c, l := changer{app: a}, control.PrefixList{}
	cmd := &cobra.Command{
		Use: "modify NAME", Short: "change the entries of a prefix list, or its maximum size", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l.Name = args[0]
			return c.change(cmd.Context(), control.Change{PrefixList: &l})
		},
	}
	c.labFlags(cmd)
	cmd.Flags().StringSliceVar(&l.AddEntries, "add-entries", nil, "CIDRs that come")
	cmd.Flags().StringSliceVar(&l.RemoveEntries, "remove-entries", nil, "CIDRs that go")
	cmd.Flags().StringSliceVar(&l.Entries, "entries", nil, "CIDRs in place of those there are, '' for none")
	cmd.Flags().IntVar(&l.MaxEntries, "max-entries", 0, "maximum size, which counts against the quotas of all that names the list; it is changed alone")
	cmd.Flags().IntVar(&l.CurrentVersion, "current-version", 0, currentVersionHelp)
	return cmd
}

func (a *app) prefixListRestore() *cobra.Command {
	c, l := changer{app: a}, control.RestoreList{}
	cmd := &cobra.Command{
		Use: "restore NAME VERSION", Short: "give a prefix list the entries of an earlier version again, as a new version", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			version, err := strconv.Atoi(args[1])
			if err != nil {
				return usage("version %q: must be a number", args[1])
			}
			l.Name, l.PreviousVersion = args[0], version
			return c.change(cmd.Context(), control.Change{RestoreList: &l})
		},
	}
	c.labFlags(cmd)
	cmd.Flags().IntVar(&l.CurrentVersion, "current-version", 0, currentVersionHelp)
	return cmd
}

func (a *app) prefixListEntries() *cobra.Command {
	var lab string
	var q control.ListQuery
	cmd := &cobra.Command{
		Use: "entries NAME", Short: "show the entries of a prefix list, also of an earlier version", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client(lab)
			if err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context(), askLimit)
			defer cancel()
			q.PrefixList = args[0]
			all, err := client.Entries(ctx, q)
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) {
				row(w, "ENTRY")
				for _, e := range all.Entries {
					row(w, e.Cidr)
				}
			})
		},
	}
	labFlag(cmd, &lab)
	cmd.Flags().IntVar(&q.TargetVersion, "target-version", 0, "the version (default: the current one)")
	return cmd
}

func prefixListTable(w io.Writer, d *control.Description) {
	row(w, "PREFIX LIST", "ID", "OWNER", "VERSION", "ENTRIES", "MAX ENTRIES", "STATE")
	for _, l := range d.PrefixLists {
		row(w, l.PrefixListName, l.PrefixListID, l.OwnerID, numberOrNone(l.Version), strconv.Itoa(len(l.Cidrs)), numberOrNone(l.MaxEntries), l.State)
	}
}

// numberOrNone is a number that counts from 1.
func numberOrNone(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func prefixListEntryTable(w io.Writer, d *control.Description) {
	row(w, "PREFIX LIST", "ENTRY")
	for _, l := range d.PrefixLists {
		for _, cidr := range l.Cidrs {
			row(w, l.PrefixListName, cidr)
		}
	}
}
