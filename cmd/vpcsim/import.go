package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"vpcsim/topology/awsimport"
)

const importHelp = "Writes a topology file from what AWS's tools print about a real account.\n\n" +
	"Every gap is a warning on standard error, which names the object and says what it means for packets; a summary counts what was read,\n" +
	"used, approximated and ignored. --json prints both on standard output. Without -o the topology goes to standard output.\n\n" +
	"Exit code: 0, also with warnings; with --strict 1 if there is one (the file is written all the same); 2 if the input can't be read,\n" +
	"and then no file is written."

// imported is what import prints with --json.
type imported struct {
	File     string              `json:"file"`
	Warnings []awsimport.Warning `json:"warnings"`
	Summary  awsimport.Summary   `json:"summary"`
}

// importing is one import command: its flags, and how it reads.
type importing struct {
	*app
	file   string
	strict bool
	region string
}

func (a *app) imports() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import aws|terraform", Short: "a topology file from a real account", Long: importHelp,
		Args: a.noVerb, RunE: needsVerb, SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(
		a.importFrom("aws DIR", "from the output of aws ec2 describe-…", awsimport.Read,
			"DIR is a folder, or a file, of what the AWS CLI printed, in any layout: files are known by the lists in them, not by their names.\n"+
				"vpcsim collect prints the commands that make such a folder.\n\n"),
		a.importFrom("terraform FILE|-", "from the output of terraform show -json", awsimport.ReadTerraform,
			"FILE is what terraform show -json prints about a plan or a state.\n\n"),
	)
	return cmd
}

func (a *app) importFrom(use, short string, read func(string) (*awsimport.Dump, error), help string) *cobra.Command {
	i := importing{app: a}
	cmd := &cobra.Command{
		Use: use, Short: short, Long: help + importHelp, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return i.run(args[0], read) },
	}
	// The flag of the same name of all verbs, which chooses a format, gives way: here -o names a file, as it does for compilers.
	cmd.Flags().StringVarP(&i.file, "output", "o", "", "topology file to write, - for standard output (default)")
	cmd.Flags().BoolVar(&i.strict, "strict", false, "exit code 1 if there is a warning")
	cmd.Flags().StringVar(&i.region, "region", "", "region of VPCs of which the input does not say where they are")
	return cmd
}

func (i *importing) run(from string, read func(string) (*awsimport.Dump, error)) error {
	toStdout := i.file == "" || i.file == "-"
	if toStdout && i.json {
		return usage("--json and the topology can't both go to standard output; name a file with -o")
	}
	dump, err := read(from)
	if err != nil {
		return err
	}
	r, err := awsimport.Map(dump, awsimport.Options{Region: i.region})
	if err != nil {
		return err
	}
	text, err := r.Spec.YAML()
	if err != nil {
		return err
	}
	if toStdout {
		_, err = i.stdout.Write(text)
	} else {
		err = replaceFile(i.file, text)
	}
	if err != nil {
		return err
	}
	if err := i.report(r); err != nil {
		return err
	}
	if i.strict && len(r.Warnings) > 0 {
		return &exit{exitFailed, fmt.Errorf("%s, and --strict allows none", plural(len(r.Warnings), "warning"))}
	}
	return nil
}

// report says what became of what was read.
func (i *importing) report(r *awsimport.Result) error {
	for _, w := range r.Warnings {
		fmt.Fprintln(i.stderr, "warning:", w)
	}
	if !i.quiet {
		fmt.Fprint(i.stderr, r.Summary)
	}
	if !i.json {
		return nil
	}
	if r.Warnings == nil {
		r.Warnings = []awsimport.Warning{}
	}
	return i.print(imported{i.file, r.Warnings, r.Summary}, func(io.Writer) {})
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, text []byte) error {
	name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d", filepath.Base(path), os.Getpid()))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fileError(err)
	}
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(name, path)
	}
	if err != nil {
		_ = os.Remove(name)
		return usage("%s: %w", path, err)
	}
	return nil
}
