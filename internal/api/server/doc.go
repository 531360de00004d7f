// Package server answers the API over HTTP on a unix socket. It knows paths,
// bodies and streams; what they mean is the Backend's, which the daemon brings.
package server
