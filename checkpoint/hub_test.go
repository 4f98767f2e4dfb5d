package checkpoint_test

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/checkpoint"
	"kakeyalattice/hub"
	"kakeyalattice/internal/fakehub"
	"kakeyalattice/internal/fakemodel"
)

const repoID = "acme/made-up"

// served puts a model on a fake Hub.
func served(t testing.TB, m *fakemodel.Model) (*fakehub.Hub, *fakehub.Repo) {
	t.Helper()
	h := fakehub.Start()
	t.Cleanup(h.Close)
	repo := h.Add(repoID)
	repo.Commit("main", m.HubFiles())
	return h, repo
}

// snapshot is the model as a client of the Hub with a cache sees it.
func snapshot(t testing.TB, h *fakehub.Hub, cache string) *hub.Snapshot {
	t.Helper()
	for _, name := range []string{"HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy"} {
		t.Setenv(name, "") // the developer's own settings change nothing
	}
	t.Setenv("HF_HOME", cache)
	client, err := hub.New(hub.Options{Endpoint: h.URL, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	s, err := client.Snapshot(bg, repoID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAModelOnTheHubIsReadByRange(t *testing.T) {
	h, _ := served(t, flash(t))
	cache := t.TempDir()
	c := open(t, checkpoint.FromHub(snapshot(t, h, cache)))
	if !strings.HasPrefix(c.Name(), repoID+"@") {
		t.Errorf("name %q", c.Name())
	}
	names, _, _ := writePath(0, 0)
	h.ResetLog()
	if err := c.Fetch(bg, names...); err != nil {
		t.Fatal(err)
	}
	rows := []int{5, 6, 129279}
	values, err := c.Rows(bg, "embed.weight", 4096, rows)
	if err != nil {
		t.Fatal(err)
	}
	// 2,097,152 + 128 + 8192 + 1024 bytes of layer 0, two headers and three
	// rows.
	if sent := h.BytesSent(fakehub.StorageHost); sent < 2_106_496 || sent > 2_106_496+200_000 {
		t.Errorf("%d bytes were sent", sent)
	}
	local := open(t, flash(t))
	want, err := local.Rows(bg, "embed.weight", 4096, rows)
	if err != nil || !slices.Equal(values, want) {
		t.Errorf("rows differ (%v)", err)
	}

	// Another run finds the bytes in the cache.
	h.ResetLog()
	c = open(t, checkpoint.FromHub(snapshot(t, h, cache)))
	needs, err := c.Plan(bg, names...)
	if err != nil || slices.ContainsFunc(needs, func(n checkpoint.Need) bool { return n.Cached != n.Bytes }) {
		t.Errorf("plan of what is cached: %+v (%v)", needs, err)
	}
	got, err := c.Matrix(bg, "layers.0.attn.wkv.weight", 512, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if sent := h.BytesSent(fakehub.StorageHost); sent != 0 {
		t.Errorf("%d bytes were sent again", sent)
	}
	m, err := local.Matrix(bg, "layers.0.attn.wkv.weight", 512, 4096)
	if err != nil || !bytes.Equal(got.Data, m.Data) || !bytes.Equal(got.Scale, m.Scale) {
		t.Errorf("the matrix differs (%v)", err)
	}
}

func TestAFileThatTheCacheHasWholeIsReadAsInAFolder(t *testing.T) {
	h, _ := served(t, fakemodel.LlamaFamily(fakemodel.TinyQwen2(), 1))
	s := snapshot(t, h, t.TempDir())
	if _, err := s.Path(bg, "model.safetensors"); err != nil {
		t.Fatal(err)
	}
	h.ResetLog()
	c := open(t, checkpoint.FromHub(s))
	m, err := c.Matrix(bg, "model.embed_tokens.weight", 320, 64)
	if err != nil || m.Format != checkpoint.BF16 {
		t.Fatalf("%+v (%v)", m, err)
	}
	if sent := h.BytesSent(fakehub.StorageHost); sent != 0 {
		t.Errorf("%d bytes were sent", sent)
	}
}

func TestAShardThatTheHubLacksIsNamed(t *testing.T) {
	m := fakemodel.DeepSeekV4(fakemodel.Tiny(), 1)
	files := m.HubFiles()
	delete(files, "model-00002-of-00008.safetensors")
	h := fakehub.Start()
	t.Cleanup(h.Close)
	h.Add(repoID).Commit("main", files)
	c := open(t, checkpoint.FromHub(snapshot(t, h, t.TempDir())))
	_, err := c.Lookup(bg, "layers.0.attn_norm.weight")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "the index has it in model-00002-of-00008.safetensors, which is not there") {
		t.Errorf("error %v", err)
	}
	if _, err := c.Config(bg); err != nil {
		t.Error(err)
	}
}

func TestAGatedModelIsNoMissingCheckpoint(t *testing.T) {
	h, repo := served(t, fakemodel.DeepSeekV4(fakemodel.Tiny(), 1))
	repo.Gate("secret")
	_, err := checkpoint.Open(bg, checkpoint.FromHub(snapshot(t, h, t.TempDir())))
	if err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "HF_TOKEN") {
		t.Errorf("error %v, want one that tells of tokens", err)
	}
}
