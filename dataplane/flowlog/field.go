// Package flowlog is VPC Flow Logs as text: the names of AWS's fields, the formats they come in, and a reader of records.
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

// The fields that a record is read into, by AWS's names (flow-log-records).
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

// names are all fields that AWS has, by the version that brought them: 2, 3, 4, 5, 7, 8, 9, 10, 11.
var names = strings.Fields(`
	version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
	vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr
	region az-id sublocation-type sublocation-id
	pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path
	ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id ecs-container-id ecs-second-container-id
	ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id
	reject-reason
	resource-id
	encryption-status
	instance-tag instance-tag-2 interface-tag interface-tag-2 asg-tag asg-tag-2 interface-type
	next-hop-interface-id next-hop-subnet-id next-hop-az-id next-hop-vpc-id next-hop-interface-type
`)

// needed are the fields that a record with data must say something in.
var needed = []string{InterfaceIDField, SrcPortField, DstPortField, ProtocolField, EndField, ActionField}

// Format is the fields of a line, in order.
type Format []string

// Default is the format of version 2, which a flow log has unless its owner chose another.
func Default() Format { return slices.Clone(Format(names[:14])) }

// ParseFormat reads a format as AWS's LogFormat writes it, ${version} ${account-id} …, or as a header line does.
func ParseFormat(text string) (Format, error) {
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
	return f, f.check()
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
		return errors.New("the format has no field")
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
	for n, name := range f {
		if slices.Contains(f[:n], name) {
			return fmt.Errorf("the format has the field %s twice", name)
		}
	}
	return nil
}

// Has says whether the format has a field.
func (f Format) Has(name string) bool { return slices.Contains(f, name) }
