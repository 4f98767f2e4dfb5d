package cluster

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// ConnectOptions say how to reach a server.
type ConnectOptions struct {
	URL       string // nats://host:port or tls://, several separated by commas
	TokenFile string // a token
	Creds     string // a credentials file of NATS
	CA        string // certificates to trust, PEM
	Name      string // of the client, for the server's logs
	// Trouble is told about lost and regained connections; may be nil.
	Trouble func(text string)
}

// Connect connects; a connection that is lost later comes back by itself.
func Connect(ctx context.Context, o ConnectOptions) (*Conn, error) {
	trouble := o.Trouble
	if trouble == nil {
		trouble = func(string) {}
	}
	options := []nats.Option{
		nats.Name(o.Name), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond), nats.Timeout(5 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				trouble("the connection to NATS is lost (" + printable(err.Error()) + "); trying again")
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { trouble("connected to NATS again") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { trouble("NATS: " + printable(err.Error())) }),
	}
	if o.TokenFile != "" {
		token, err := readToken(o.TokenFile)
		if err != nil {
			return nil, err
		}
		options = append(options, nats.Token(token))
	}
	if o.Creds != "" {
		if _, err := os.Stat(o.Creds); err != nil {
			return nil, fmt.Errorf("cluster: --creds: %w", err)
		}
		options = append(options, nats.UserCredentials(o.Creds))
	}
	if o.CA != "" {
		text, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("cluster: --tls-ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("cluster: --tls-ca: %s holds no certificate in PEM", o.CA)
		}
		options = append(options, nats.Secure(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}))
	}
	nc, err := nats.Connect(o.URL, options...)
	if err != nil {
		return nil, refused(o.URL, err)
	}
	return newConn(nc)
}

// refused explains why no connection came about.
func refused(url string, err error) error {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("cluster: %s: the server's certificate has expired: renew it: %w", url, err)
	case errors.As(err, &unknown):
		return fmt.Errorf("cluster: %s: the server's certificate is not of an authority that is trusted here: give --tls-ca: %w", url, err)
	case errors.Is(err, nats.ErrAuthorization):
		return fmt.Errorf("cluster: %s: the server refuses the credentials: give those of the coordinator with --token-file or --creds: %w", url, err)
	case errors.Is(err, nats.ErrNoServers):
		return fmt.Errorf("cluster: %s: nobody answers there: is the coordinator running, with --listen? %w", url, err)
	}
	return fmt.Errorf("cluster: %s: %w", url, err)
}

func readToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cluster: --token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < 16 {
		return "", fmt.Errorf("cluster: --token-file: %s holds %d characters: make a token of 16 or more, such as with openssl rand -hex 16", path, len(token))
	}
	return token, nil
}

// ServeOptions say how a server is embedded.
type ServeOptions struct {
	Listen            string // host:port; empty: only this process is served
	TokenFile         string // what clients must show; needed unless Listen is loopback
	TLSCert, TLSKey   string // PEM files; empty: no TLS
	Store             string // folder of streams
	MaxStore          int64  // bytes, 0: what the server finds right
	ClusterName, Name string // of a member of a cluster, with Routes and ClusterListen
	ClusterListen     string
	Routes            []string
}

// Server is an embedded NATS server with JetStream.
type Server struct{ s *server.Server }

// Serve starts a server.
func Serve(o ServeOptions) (*Server, error) {
	options := &server.Options{
		ServerName: o.Name, DontListen: o.Listen == "", NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: o.Store, JetStreamMaxStore: o.MaxStore, MaxPayload: maxPayload,
	}
	if o.TokenFile != "" {
		token, err := readToken(o.TokenFile)
		if err != nil {
			return nil, err
		}
		options.Authorization = token
	}
	if o.Listen != "" {
		host, port, err := listenAddress(o.Listen)
		if err != nil {
			return nil, err
		}
		if options.Host, options.Port = host, port; !loopback(host) && o.TokenFile == "" {
			return nil, fmt.Errorf("cluster: --listen %s is open to other machines: give a token that workers must show with --token-file FILE (openssl rand -hex 16 > FILE), and better --tls-cert and --tls-key too; or listen on 127.0.0.1", o.Listen)
		}
	}
	if o.TLSCert != "" || o.TLSKey != "" {
		certificate, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("cluster: --tls-cert, --tls-key: %w", err)
		}
		options.TLS, options.TLSTimeout = true, 5
		options.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	if o.ClusterListen != "" {
		host, port, err := listenAddress(o.ClusterListen)
		if err != nil {
			return nil, err
		}
		options.Cluster = server.ClusterOpts{Name: o.ClusterName, Host: host, Port: port}
		options.Routes = server.RoutesFromStr(strings.Join(o.Routes, ","))
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return nil, fmt.Errorf("cluster: the embedded NATS server does not start: is %s taken, or %s not writable?", cmp.Or(o.Listen, "its address"), filepath.Clean(o.Store))
	}
	return &Server{s}, nil
}

func listenAddress(text string) (host string, port int, err error) {
	host, service, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, fmt.Errorf("cluster: --listen %s: want HOST:PORT, such as 127.0.0.1:4222", text)
	}
	if port, err = net.LookupPort("tcp", service); err != nil {
		return "", 0, fmt.Errorf("cluster: --listen %s: %w", text, err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return host, port, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// URL is where clients reach the server; empty where it listens nowhere.
func (s *Server) URL() string { return s.s.ClientURL() }

// Connect connects within the process.
func (s *Server) Connect(name, tokenFile string) (*Conn, error) {
	options := []nats.Option{nats.InProcessServer(s.s), nats.Name(name), nats.MaxReconnects(-1)}
	if tokenFile != "" {
		token, err := readToken(tokenFile)
		if err != nil {
			return nil, err
		}
		options = append(options, nats.Token(token))
	}
	nc, err := nats.Connect("", options...)
	if err != nil {
		return nil, explain(err)
	}
	return newConn(nc)
}

// Close stops the server; streams stay in its folder.
func (s *Server) Close() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
}
