// Package greet says hello.
package greet

// Hello greets somebody.
func Hello(name string) string {
	return "Hello from " + name + "\n"
}
