package topology

import (
	"cmp"
	"maps"
	"slices"
)

// awsRegions are AWS's regions, those of its partitions for China, the European Union and the US government included
// (AWS General Reference and ip-ranges.json, 2026).
var awsRegions = []string{
	"af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
	"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
	"ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1",
	"eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "eusc-de-east-1", "il-central-1", "me-central-1", "me-south-1",
	"me-west-1", "mx-central-1", "sa-east-1", "sa-west-1", "us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1",
	"us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1", "us-isof-east-1", "us-isof-south-1", "us-west-1", "us-west-2",
}

func isRegion(text string) bool { return slices.Contains(awsRegions, text) }

// region checks the name of a region.
func (r *resolver) region(path, text string) {
	if !isRegion(text) {
		r.errorf(path, "%s is not a region of AWS%s", shown(text), r.didYouMean(text, awsRegions))
	}
}

// regionOf returns the region of a VPC.
func (s *Spec) regionOf(vpc string) string { return cmp.Or(s.VPCs[vpc].Region, s.Region) }

// regions lists the regions of the topology: the file's first, then those of its VPCs that are elsewhere.
func (s *Spec) regions() []string {
	others := map[string]bool{}
	for _, v := range s.VPCs {
		if v.Region != "" && v.Region != s.Region {
			others[v.Region] = true
		}
	}
	return append([]string{s.Region}, slices.Sorted(maps.Keys(others))...)
}
