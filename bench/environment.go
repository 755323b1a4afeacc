package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Environment is what the figures depend on besides the code. What cannot be read is empty.
type Environment struct {
	Time      time.Time `json:"Time"`
	Host      string    `json:"Host"` // hypervisor or not, as far as the processor's flags say
	CPU       string    `json:"Cpu"`
	CPUFlags  []string  `json:"CpuFlags"`
	Caches    []string  `json:"Caches"` // of one core: "L1 Data 48K"
	Cores     int       `json:"Cores"`  // that this process may use
	Governor  string    `json:"Governor"`
	MemoryMiB int       `json:"MemoryMiB"`
	HugePages string    `json:"HugePages"` // transparent ones: always, madvise or never
	Kernel    string    `json:"Kernel"`
	Load      string    `json:"Load"` // averages of 1, 5 and 15 minutes, before the run
	Go        string    `json:"Go"`
	GOAMD64   string    `json:"GoAmd64"`
	Revision  string    `json:"Revision"`
}

// ReadEnvironment looks at the machine.
func ReadEnvironment() Environment {
	cpu := cpuInfo()
	e := Environment{
		Time: time.Now().UTC().Truncate(time.Second), Host: "bare metal, or a hypervisor that hides",
		CPU: cpu["model name"], CPUFlags: strings.Fields(cpu["flags"]), Caches: caches(), Cores: CPUs(), Kernel: kernel(), Go: runtime.Version(),
		Governor: firstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"), HugePages: chosen(firstLine("/sys/kernel/mm/transparent_hugepage/enabled")),
	}
	if slices.Contains(e.CPUFlags, "hypervisor") {
		e.Host = "virtual machine"
	}
	if load := strings.Fields(firstLine("/proc/loadavg")); len(load) >= 3 {
		e.Load = strings.Join(load[:3], " ")
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		e.MemoryMiB = int(info.Totalram * uint64(info.Unit) >> 20)
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			switch s.Key {
			case "GOAMD64":
				e.GOAMD64 = s.Value
			case "vcs.revision":
				e.Revision = s.Value
			}
		}
	}
	return e
}

// cpuInfo returns what /proc/cpuinfo says of the first core.
func cpuInfo() map[string]string {
	text, _ := os.ReadFile("/proc/cpuinfo") // what is not there is shown as not there
	info := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && lines.Text() != "" {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
			info[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return info
}

func caches() (all []string) {
	dirs, _ := filepath.Glob("/sys/devices/system/cpu/cpu0/cache/index*") // the pattern is right
	for _, d := range dirs {
		all = append(all, fmt.Sprintf("L%s %s %s", firstLine(d+"/level"), firstLine(d+"/type"), firstLine(d+"/size")))
	}
	return all
}

func kernel() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// chosen returns the word in brackets of "always [madvise] never".
func chosen(choices string) string {
	_, rest, _ := strings.Cut(choices, "[")
	word, _, _ := strings.Cut(rest, "]")
	return word
}

// Watch looks at the machine before and after a run.
type Watch struct {
	load         float64 // the average of a minute, before
	steal, total float64 // processor time since boot, in ticks
}

// BeginWatch looks at it before.
func BeginWatch() Watch {
	w := Watch{}
	w.load, _ = strconv.ParseFloat(strings.SplitN(firstLine("/proc/loadavg")+" ", " ", 2)[0], 64)
	w.steal, w.total = ticks()
	return w
}

// ticks returns how much processor time a hypervisor gave to others, and all there was (proc(5), /proc/stat).
func ticks() (steal, total float64) {
	fields := strings.Fields(firstLine("/proc/stat"))
	for i, f := range fields[min(1, len(fields)):] {
		n, _ := strconv.ParseFloat(f, 64)
		if i < 8 { // guest time is in user time already
			total += n
		}
		if i == 7 {
			steal = n
		}
	}
	return steal, total
}

// What a run may bear before its figures are called noisy.
const (
	maxLoad   = 0.5  // before the run, in cores
	maxSteal  = 0.01 // of all processor time
	maxSpread = 0.1  // of a result around its median
)

// End looks at it after the run, and says why the machine was too noisy for the run's results, which spread so, to be trusted.
func (w Watch) End(results []Spread) (why []string) {
	if w.load > maxLoad {
		why = append(why, fmt.Sprintf("the machine was busy before the run: load %.2f", w.load))
	}
	if steal, total := ticks(); total > w.total && (steal-w.steal)/(total-w.total) > maxSteal {
		why = append(why, fmt.Sprintf("the hypervisor took %.1f %% of the processor time for others", 100*(steal-w.steal)/(total-w.total)))
	}
	wide := 0
	for _, r := range results {
		if r.Relative() > maxSpread {
			wide++
		}
	}
	if wide > 0 {
		why = append(why, fmt.Sprintf("%d of %d results spread by more than %.0f %% around their median", wide, len(results), 100*maxSpread))
	}
	return why
}

// ReadProcess reads of this process how much of its memory is in the machine's, files not counted, in KiB, and how many threads it has
// (proc(5): RssAnon and Threads of /proc/PID/status).
func ReadProcess() (kib float64, threads int) {
	status, _ := os.ReadFile("/proc/self/status") // always there
	for line := range strings.Lines(string(status)) {
		switch name, value, _ := strings.Cut(line, ":"); name {
		case "RssAnon":
			_, _ = fmt.Sscan(value, &kib)
		case "Threads":
			_, _ = fmt.Sscan(value, &threads)
		}
	}
	return kib, threads
}
