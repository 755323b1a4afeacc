package policy

// Decision is what a document says of a request.
type Decision uint8

const (
	// NoMatch: no statement matches, which denies implicitly.
	NoMatch Decision = iota
	// Allowed: a statement allows the request and none denies it.
	Allowed
	// Denied: a statement denies it, whatever others allow.
	Denied
)

func (d Decision) String() string { return [...]string{"no match", "allowed", "denied"}[d] }

// Result is what a document says of a request, and by which statement.
type Result struct {
	Decision Decision
	// Statement is the index of the statement that decided, the first of them; -1 for NoMatch.
	Statement int
}

// Evaluate judges the request. It allocates nothing, except where a condition that ignores case has a policy variable, or where a
// value of the request is not of the type that an operator compares, as a number that is none.
func (d *Document) Evaluate(r *Request) Result {
	result, _ := d.evaluate(r)
	return result
}

// evaluate also returns how the principal was allowed: an Allow that names it is preferred to one that names its account.
func (d *Document) evaluate(r *Request) (Result, grant) {
	result, best, q := Result{Statement: -1}, noGrant, ask(r)
	for i := range d.statements {
		s := &d.statements[i]
		if s.effect == Allow && best == directly || !s.action.match(&q) {
			continue // after a direct Allow only a Deny could change anything
		}
		granted := s.principal.match(s.effect, r)
		if granted <= best && s.effect == Allow || granted == noGrant || !s.matchesRest(&q) {
			continue
		}
		if s.effect == Deny {
			return Result{Decision: Denied, Statement: i}, granted
		}
		result, best = Result{Decision: Allowed, Statement: i}, granted
	}
	return result, best
}

// matchesRest reports whether the statement matches the request, its principal and its action aside.
func (s *statement) matchesRest(q *question) bool {
	if !s.resource.match(q.Request) {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(q) {
			return false
		}
	}
	return true
}
