package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificate is a self-signed one for 127.0.0.1.
func certificate(t *testing.T, until time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: k})))
}

func TestCredentialsAreAskedFor(t *testing.T) {
	token, other := write(t, "token", "0123456789abcdef0123\n"), write(t, "token", "another token, as long")
	cert, key := certificate(t, time.Now().Add(time.Hour))
	oldCert, oldKey := certificate(t, time.Now().Add(-time.Hour))
	plain := serve(t, ServeOptions{TokenFile: token})
	secure := serve(t, ServeOptions{TokenFile: token, TLSCert: cert, TLSKey: key})
	expired := serve(t, ServeOptions{TokenFile: token, TLSCert: oldCert, TLSKey: oldKey})
	for _, c := range []struct {
		name string
		o    ConnectOptions
		want string
	}{
		{"the token", ConnectOptions{URL: plain.URL(), TokenFile: token}, ""},
		{"no token", ConnectOptions{URL: plain.URL()}, "--token-file"},
		{"another token", ConnectOptions{URL: plain.URL(), TokenFile: other}, "refuses the credentials"},
		{"no such file", ConnectOptions{URL: plain.URL(), TokenFile: "nowhere"}, "nowhere"},
		{"a short token", ConnectOptions{URL: plain.URL(), TokenFile: write(t, "t", "abc")}, "16 or more"},
		{"no such credentials", ConnectOptions{URL: plain.URL(), Creds: "nowhere"}, "--creds"},
		{"nobody", ConnectOptions{URL: "nats://" + freeAddress(t)}, "nobody answers"},
		{"an authority", ConnectOptions{URL: secure.URL(), TokenFile: token, CA: cert}, ""},
		{"no authority", ConnectOptions{URL: secure.URL(), TokenFile: token}, "--tls-ca"},
		{"no certificate", ConnectOptions{URL: secure.URL(), CA: token}, "no certificate"},
		{"an expired certificate", ConnectOptions{URL: expired.URL(), TokenFile: token, CA: oldCert}, "expired"},
	} {
		conn, err := Connect(t.Context(), c.o)
		if conn != nil {
			conn.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestAnOpenListenerNeedsCredentials(t *testing.T) {
	for listen, want := range map[string]string{"0.0.0.0:0": "--token-file", ":0": "--token-file", "127.0.0.1": "HOST:PORT", "127.0.0.1:x": "x"} {
		s, err := Serve(ServeOptions{Listen: listen, Store: t.TempDir()})
		if s != nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", listen, err)
		}
	}
	s, err := Serve(ServeOptions{Listen: "0.0.0.0:0", Store: t.TempDir(), TokenFile: write(t, "token", strings.Repeat("x", 20))})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
}

func TestAFullStoreIsNamed(t *testing.T) {
	s := serve(t, ServeOptions{MaxStore: 64 << 10})
	work(t, connect(t, s.URL()), &counter{}, nil)
	var tasks [][]byte
	for range 20 {
		tasks = append(tasks, []byte(rand.Text()+strings.Repeat("x", 8<<10)))
	}
	err := coordinator(connect(t, s.URL())).Run(deadline(t), tasks, func([]byte) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "store is full") {
		t.Errorf("%v", err)
	}
}

// proxy carries connections to a server, and can cut them.
type proxy struct {
	l    net.Listener
	to   string
	cut  atomic.Bool
	mu   sync.Mutex
	open []net.Conn
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &proxy{l: l, to: strings.TrimPrefix(to, "nats://")}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", p.to)
			if err != nil || p.cut.Load() {
				in.Close()
				continue
			}
			p.mu.Lock()
			p.open = append(p.open, in, out)
			p.mu.Unlock()
			go io.Copy(in, out) //nolint:errcheck // it is cut
			go io.Copy(out, in) //nolint:errcheck // it is cut
		}
	}()
	return p
}

func (p *proxy) sever(d time.Duration) {
	p.cut.Store(true)
	p.mu.Lock()
	for _, c := range p.open {
		c.Close()
	}
	p.open = nil
	p.mu.Unlock()
	time.Sleep(d)
	p.cut.Store(false)
}

func TestANetworkThatIsCutComesBack(t *testing.T) {
	s := serve(t, ServeOptions{})
	p := newProxy(t, s.URL())
	var said []string
	var mu sync.Mutex
	far, err := Connect(t.Context(), ConnectOptions{URL: "nats://" + p.l.Addr().String(), Name: "far", Trouble: func(text string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, text)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(far.Close)
	c := &counter{pause: 10 * time.Millisecond}
	work(t, far, c, nil)
	var cut atomic.Bool
	g := &gathered{t: t, each: func(n int) {
		if n >= 20 && cut.CompareAndSwap(false, true) {
			go p.sever(3 * time.Second)
		}
	}}
	if err := coordinator(connect(t, s.URL())).Run(deadline(t), numbers(100), g.deliver); err != nil {
		t.Fatal(err)
	}
	g.check(100)
	mu.Lock()
	defer mu.Unlock()
	if text := strings.Join(said, "\n"); !strings.Contains(text, "is lost") || !strings.Contains(text, "again") {
		t.Errorf("said %q", text)
	}
}

// A coordinator that takes its time, with results much larger than what the server holds
// for a slow client.
func TestASlowConsumerMissesNothing(t *testing.T) {
	s := serve(t, ServeOptions{})
	big := strings.Repeat("x", 500<<10)
	c := &counter{fail: func(task string) ([]byte, error) { return []byte("done " + task + big), nil }}
	work(t, connect(t, s.URL()), c, func(w *Worker) { w.Threads = 4 })
	g := &gathered{t: t}
	err := coordinator(connect(t, s.URL())).Run(deadline(t), numbers(60), func(result []byte) error {
		time.Sleep(20 * time.Millisecond)
		return g.deliver(result[:len(result)-len(big)])
	})
	if err != nil {
		t.Fatal(err)
	}
	g.check(60)
}
