// Package awsimport turns what AWS's tools print about a real account into a topology.
//
// There are three steps, and every object goes through all of them:
//
//	Read (a folder of describe-* output) ┐
//	                                     ├─> Dump ──> Map ──> topology.Spec, warnings, summary
//	ReadTerraform (terraform show -json) ┘
//
// A [Dump] holds the objects in AWS's own shapes, one per id: several accounts may each have printed a copy of what they share,
// and the copies are merged field by field. [Map] says the same in the words of the topology format. It accounts for every object
// it was given, as used, approximated or ignored, with the reason; what changes the fate of packets is a warning besides. The
// result depends on what the files say and not on their names, order or folders, but where only those say which region or which
// list a file is about.
//
// The field names are those of the AWS CLI (aws ec2 describe-…, EC2 API reference).
package awsimport
