package drop

import (
	"regexp"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	code := regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)
	seen := map[string]Reason{}
	for _, r := range All() {
		if !code.MatchString(r.String()) {
			t.Errorf("reason %d: code %q is not in AWS's form", r, r)
		}
		if r.Sentence() == "" {
			t.Errorf("%s has no sentence", r)
		}
		if n := len(r.Cure()); n == 0 || n > 88 || strings.HasSuffix(r.Cure(), ".") {
			t.Errorf("%s: %q is not one short line of cure", r, r.Cure())
		}
		if other, ok := seen[r.String()]; ok {
			t.Errorf("%s is the code of both %d and %d", r, other, r)
		}
		seen[r.String()] = r
	}
	if StaleFlow.Action() != Reject || NoRouteToDestination.Action() != Accept || Reject.String() != "REJECT" || Accept.String() != "ACCEPT" {
		t.Error("a flow log rejects what the interface's filters refuse, and accepts what is lost later")
	}
	if None.String() != "" || None.Action() != Accept {
		t.Error("None is not a reason")
	}
	if got := reasons.String(); got == "" || reasons.Cure() == "" || None.Cure() != "" {
		t.Error("an unknown reason must still print")
	}
}
