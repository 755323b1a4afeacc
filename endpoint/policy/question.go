package policy

// question is a request that is put to the statements of a document: what many of them want to know of it is found once.
type question struct {
	*Request
	action int // the place of the request's action in s3Actions, -1 if it is not there
	// found are the values of the document's condition keys, by their numbers; known says which have been looked for.
	found [rememberedKeys][]string
	known [rememberedKeys]bool
}

// rememberedKeys is how many of a document's condition keys are looked for once only. Few documents have more.
const rememberedKeys = 8

func ask(r *Request) question {
	q := question{Request: r, action: -1}
	if i, ok := s3ActionPlaces[r.Action]; ok {
		q.action = i
	}
	return q
}

// values returns the request's values of the condition's key, none if it is absent.
func (q *question) values(c *condition) []string {
	if c.number >= rememberedKeys {
		return q.Context[c.key]
	}
	if !q.known[c.number] {
		q.found[c.number], q.known[c.number] = q.Context[c.key], true
	}
	return q.found[c.number]
}

// s3ActionPlaces are the places of S3's actions in s3Actions, by their names as requests have them.
var s3ActionPlaces = func() map[string]int {
	places := make(map[string]int, len(s3Actions))
	for i, a := range s3Actions {
		places["s3:"+a.name] = i
	}
	return places
}()
