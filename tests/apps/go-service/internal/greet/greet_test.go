package greet

import "testing"

func TestHello(t *testing.T) {
	if got := Hello("Go"); got != "Hello from Go\n" {
		t.Fatalf("got %q", got)
	}
}
