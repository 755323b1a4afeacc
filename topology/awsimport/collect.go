package awsimport

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

// functions is what every collecting script has in common.
//
//go:embed collect.sh
var functions string

// Collect says what a collecting script is to gather.
type Collect struct {
	Profiles []string // of the AWS CLI; none for the one that its environment says
	Regions  []string // none for all that are enabled in the account
	Buckets  []string // whose policies are wanted
}

// What a profile, a region and a bucket may be called; the first is ours, so that names need no quotes in the script.
var (
	profileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@/+-]*$`)
	bucketName  = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

// Script is a POSIX shell script that gathers a complete dump with the AWS CLI (version 2). It only reads: all its calls are
// describe, get, list and search. The folder that it makes is one for [Read].
func (c Collect) Script() (string, error) {
	for _, words := range []struct {
		flag, what string
		form       *regexp.Regexp
		given      []string
	}{
		{"--profile", "a profile of letters, digits and _ . @ / + -", profileName, c.Profiles},
		{"--regions", "a region such as us-east-1", regionName, c.Regions},
		{"--buckets", "the name of a bucket", bucketName, c.Buckets},
	} {
		for _, w := range words.given {
			if !words.form.MatchString(w) {
				return "", fmt.Errorf("%s %q: not %s", words.flag, w, words.what)
			}
		}
	}
	var b strings.Builder
	b.WriteString("#!/bin/sh\n# Gathers what vpcsim import aws reads. It only reads: describe-, get-, list- and search- calls.\n" +
		"# Usage: sh collect.sh [DIR]; then: vpcsim import aws DIR -o my.vpc.yml\nset -u\n\n")
	b.WriteString(functions)
	profiles := c.Profiles
	if len(profiles) == 0 {
		profiles = []string{""}
	}
	for _, p := range profiles {
		c.account(&b, p)
	}
	b.WriteString("\n[ \"$failed\" -eq 0 ] || { echo \"collect: $failed calls failed; the dump in $dir is not complete\" >&2; exit 1; }\n")
	return b.String(), nil
}

// account writes the calls for one account.
func (c Collect) account(b *strings.Builder, profile string) {
	argument := ""
	if profile != "" {
		argument = "--profile=" + profile
	}
	fmt.Fprintf(b, "\naccount=$(aws %s sts get-caller-identity --query Account --output text) || exit 1\n", argument)
	regions := strings.Join(c.Regions, " ")
	if regions == "" {
		fmt.Fprintf(b, "regions=$(aws %s ec2 describe-regions --query 'Regions[].RegionName' --output text) || exit 1\n", argument)
		regions = "$regions"
	}
	fmt.Fprintf(b, "for r in %s; do\n\tregion '%s' \"$r\"\ndone\n", regions, argument)
	for _, name := range c.Buckets {
		fmt.Fprintf(b, "bucket '%s' '%s'\n", argument, name)
	}
}
