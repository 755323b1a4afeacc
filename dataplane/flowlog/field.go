// Package flowlog is VPC Flow Logs as text: the names of AWS's fields, the formats they come in, a reader and a writer of records.
//
// A flow log says what a network interface's filters did with packets of one flow in one direction during some seconds. It comes
// as lines of fields with spaces between them, plain or compressed: to S3 with a header line that names the fields, to CloudWatch
// without one, there and in exports each line perhaps with a time before it (aws-semantics 9.1).
package flowlog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The fields that a record is read into, by AWS's names (flow-log-records); what is only written is spelled in encode.go.
const (
	VersionField       = "version"
	InterfaceIDField   = "interface-id"
	SrcAddrField       = "srcaddr"
	DstAddrField       = "dstaddr"
	SrcPortField       = "srcport"
	DstPortField       = "dstport"
	ProtocolField      = "protocol"
	PacketsField       = "packets"
	BytesField         = "bytes"
	StartField         = "start"
	EndField           = "end"
	ActionField        = "action"
	LogStatusField     = "log-status"
	VPCIDField         = "vpc-id"
	SubnetIDField      = "subnet-id"
	TCPFlagsField      = "tcp-flags"
	PktSrcAddrField    = "pkt-srcaddr"
	PktDstAddrField    = "pkt-dstaddr"
	FlowDirectionField = "flow-direction"
	TrafficPathField   = "traffic-path"
)

// versions are all fields that AWS has, by the version of flow logs that brought them; there is no field of version 6.
var versions = []struct {
	version int
	names   []string
}{
	{2, strings.Fields(`version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status`)},
	{3, strings.Fields(`vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr`)},
	{4, strings.Fields(`region az-id sublocation-type sublocation-id`)},
	{5, strings.Fields(`pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path`)},
	{7, strings.Fields(`ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id ecs-container-id
		ecs-second-container-id ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id`)},
	{8, strings.Fields(`reject-reason`)},
	{9, strings.Fields(`resource-id`)},
	{10, strings.Fields(`encryption-status`)},
	{11, strings.Fields(`instance-tag instance-tag-2 interface-tag interface-tag-2 asg-tag asg-tag-2 interface-type
		next-hop-interface-id next-hop-subnet-id next-hop-az-id next-hop-vpc-id next-hop-interface-type`)},
}

// names are all fields, in that order.
var names = fieldsUpTo(11)

func fieldsUpTo(version int) (f Format) {
	for _, v := range versions {
		if v.version <= version {
			f = append(f, v.names...)
		}
	}
	return f
}

// needed are the fields that a record with data must say something in.
var needed = []string{InterfaceIDField, SrcPortField, DstPortField, ProtocolField, EndField, ActionField}

// Format is the fields of a line, in order.
type Format []string

// Default is the format of version 2, which a flow log has unless its owner chose another.
func Default() Format { return fieldsUpTo(2) }

// Full is the fields of versions 2 to 5, in AWS's order: all that tell one connection from another, and which way it went.
func Full() Format { return fieldsUpTo(5) }

// ParseFormat reads the format of records that are to be read, as AWS's LogFormat writes it, ${version} ${account-id} …, or as a header
// line does. It must have the fields that tell connections.
func ParseFormat(text string) (Format, error) {
	f, err := parseFields(text)
	if err != nil {
		return nil, err
	}
	return f, f.check()
}

// ParseFields reads the format of records that are to be written, as ParseFormat. Any fields will do.
func ParseFields(text string) (Format, error) {
	f, err := parseFields(text)
	if err == nil && len(f) == 0 {
		err = errNoField
	}
	if err != nil {
		return nil, err
	}
	return f, f.checkTwice()
}

func parseFields(text string) (Format, error) {
	var f Format
	for _, word := range strings.Fields(text) {
		name := word
		if inner, ok := strings.CutPrefix(word, "${"); ok {
			name = strings.TrimSuffix(inner, "}")
		}
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("flow logs have no field %q; the fields are %s", word, strings.Join(names, ", "))
		}
		f = append(f, name)
	}
	return f, nil
}

// header reads a header line; ok is false where the line is none. A field that came after this program was written is taken as it
// is: nothing here depends on it.
func header(line string) (f Format, ok bool) {
	words := strings.Fields(line)
	if len(words) == 0 || !slices.Contains(names, words[0]) {
		return nil, false
	}
	return words, true
}

// check says what a format lacks, or has twice.
func (f Format) check() error {
	if len(f) == 0 {
		return errNoField
	}
	var missing []string
	for _, name := range needed {
		if !f.Has(name) {
			missing = append(missing, name)
		}
	}
	for _, either := range [][2]string{{SrcAddrField, PktSrcAddrField}, {DstAddrField, PktDstAddrField}} {
		if !f.Has(either[0]) && !f.Has(either[1]) {
			missing = append(missing, either[0]+" or "+either[1])
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the format has no field %s, without which connections can't be told", strings.Join(missing, ", "))
	}
	return f.checkTwice()
}

var errNoField = errors.New("the format has no field")

func (f Format) checkTwice() error {
	for n, name := range f {
		if slices.Contains(f[:n], name) {
			return fmt.Errorf("the format has the field %s twice", name)
		}
	}
	return nil
}

// Version is what the field version says: the highest version among the format's fields (aws-semantics 9.1).
func (f Format) Version() (version int) {
	for _, v := range versions {
		if slices.ContainsFunc(v.names, f.Has) {
			version = v.version
		}
	}
	return version
}

// Header is the line that names the fields, without a new line.
func (f Format) Header() string { return strings.Join(f, " ") }

// String is the format as AWS's LogFormat writes it.
func (f Format) String() string { return "${" + strings.Join(f, "} ${") + "}" }

// Has says whether the format has a field.
func (f Format) Has(name string) bool { return slices.Contains(f, name) }
