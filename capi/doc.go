// Command capi is the C library: build it with
//
//	go build -buildmode=c-shared -o libkakeya.so ./capi
//
// kakeya.h is its interface and docs/c-api.md its description. It is the one part of
// the project that needs cgo and a C compiler; without them it is an empty program.
package main

func main() {}
