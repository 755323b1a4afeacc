package sigv4

// Error is why a request is refused: an error of S3's, by code and message as S3 words them (Amazon S3 API Reference, "Error
// responses").
type Error struct {
	Code    string
	Message string
	Status  int     // of HTTP
	Fields  []Field // further elements of the answer
}

// Field is an element that S3's answer to an error has beside code and message.
type Field struct{ Name, Value string }

// Error writes code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func malformed(message string, fields ...Field) *Error {
	return &Error{"AuthorizationHeaderMalformed", "The authorization header is malformed; " + message, 400, fields}
}

func badQuery(message string) *Error {
	return &Error{Code: "AuthorizationQueryParametersError", Message: message, Status: 400}
}

func denied(message string, fields ...Field) *Error {
	return &Error{"AccessDenied", message, 403, fields}
}
