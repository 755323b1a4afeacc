package scenario

import (
	"time"

	"vpcsim/internal/control"
	"vpcsim/topology"
)

// File is a scenario as written. The doc tags describe the fields in the published schema.
type File struct {
	Name        string                  `yaml:"scenario" doc:"name of the scenario"`
	Description string                  `yaml:"description" doc:"what it shows"`
	Topology    topology.Spec           `yaml:"topology" doc:"the VPCs, as in a *.vpc.yml file"`
	Workloads   map[string]WorkloadSpec `yaml:"workloads" doc:"the programs that run in instances and internet hosts, by name"`
	Timeline    []Step                  `yaml:"timeline" doc:"what happens, in order"`
}

// WorkloadSpec is one program. A client has exactly one TCP connection, which is what is reported and judged.
type WorkloadSpec struct {
	On       string        `yaml:"on" doc:"name of the instance or internet host it runs in"`
	Kind     string        `yaml:"kind" doc:"download, upload or keepalive (S3 clients), stream (client of serve), serve (TCP echo server), command"`
	To       string        `yaml:"to" doc:"s3://BUCKET/KEY for S3 clients; NAME:PORT of an instance (private address) or host, or public:NAME:PORT, for stream"`
	Address  string        `yaml:"address" doc:"IPv4 address to connect to instead of what the name resolves to"`
	Listen   int           `yaml:"listen" doc:"port that serve listens on"`
	Device   int           `yaml:"device" doc:"index of the network interface whose address the client uses (default 0, the primary)"`
	Every    time.Duration `yaml:"every" doc:"pause between writes, or between the requests of keepalive"`
	Stall    time.Duration `yaml:"stall" doc:"the client's own timer: how long without progress counts as a stall (default 2s)"`
	Connect  time.Duration `yaml:"connect_timeout" doc:"how long connecting may take (default 5s)"`
	Command  []string      `yaml:"command" doc:"command line, for kind command"`
	Replaces string        `yaml:"replaces" doc:"the workload whose lost connection this one opens again: a new connection to the same name"`
	Expect   *Expect       `yaml:"expect" doc:"what must be true of the connection in the end"`
}

// Expect is what must be true of a connection. Empty fields are not judged.
type Expect struct {
	Outcome      Outcome       `yaml:"outcome" doc:"dropped, survived, reconnected, never-connected or denied"`
	Error        string        `yaml:"error" doc:"what the client saw: ECONNRESET, stalled, …; a dropped connection's is read as stalled with --mode silent and as ECONNRESET with --mode rst"`
	SourceBefore string        `yaml:"source_before" doc:"the address the far side saw first: an address, public, private or none"`
	SourceAfter  string        `yaml:"source_after" doc:"the address the far side saw after the last change: an address, public, private or none"`
	PathBefore   string        `yaml:"path_before" doc:"igw, vpce, nat, nat+vpce, local, pcx, tgw, eigw, eni or none"`
	PathAfter    string        `yaml:"path_after" doc:"igw, vpce, nat, nat+vpce, local, pcx, tgw, eigw, eni or none"`
	Within       time.Duration `yaml:"within" doc:"a dropped connection's client saw the error at most this long after the commit"`
	ExitCode     int           `yaml:"exit_code" doc:"exit code of a command"`
	PublicIP     *Expect       `yaml:"public_ip_scope" doc:"what is expected instead with --scope public-ip"`
}

// Outcome is what became of a connection.
type Outcome string

// The outcomes.
const (
	Dropped        Outcome = "dropped"         // it was open and was lost
	Survived       Outcome = "survived"        // it was open to the end and still carried data after the last change
	Reconnected    Outcome = "reconnected"     // it replaced a lost one, and was open to the end
	NeverConnected Outcome = "never-connected" // it could not be opened
	Denied         Outcome = "denied"          // it was open, and the service refused the request
)

var outcomes = []Outcome{Dropped, Survived, Reconnected, NeverConnected, Denied}

// Step is one step of the timeline: exactly one of its fields is set, a change of the VPC included.
type Step struct {
	control.Change `yaml:",inline"`
	Start          []string      `yaml:"start" doc:"start these workloads, and go on when each client is connected and has moved data, or has failed"`
	Stop           []string      `yaml:"stop" doc:"end these workloads in good order"`
	Lost           []string      `yaml:"lost" doc:"go on when each of these clients has noticed that its connection is lost"`
	Alive          []string      `yaml:"alive" doc:"go on when each of these clients has moved data after the last change; one that does not has stalled"`
	Ended          []string      `yaml:"ended" doc:"go on when each of these commands has ended"`
	Wait           time.Duration `yaml:"wait" doc:"let time pass"`
	Say            string        `yaml:"say" doc:"a line for the one who watches"`
}
