// SPDX-License-Identifier: Apache-2.0

// An HTTP server and 50 clients at once, over TCP and over a Unix socket.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

func ask(client *http.Client, url string) int64 {
	reply, err := client.Get(url)
	if err != nil {
		fmt.Println(err)
		return 0
	}
	defer reply.Body.Close()
	n, _ := io.Copy(io.Discard, reply.Body)
	return n
}

func run(name string, listener net.Listener, client *http.Client, url string) {
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello", r.URL.Path) })}
	go server.Serve(listener)
	var all sync.WaitGroup
	var bytes int64
	for i := 0; i < 50; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for k := 0; k < 10; k++ {
				atomic.AddInt64(&bytes, ask(client, url+"/path"))
			}
		}()
	}
	all.Wait()
	server.Close()
	fmt.Println(name, bytes)
}

func main() {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	run("tcp", tcp, http.DefaultClient, "http://"+tcp.Addr().String())
	path := filepath.Join(os.TempDir(), fmt.Sprint("go-http-", os.Getpid()))
	local, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return net.Dial("unix", path) }
	run("unix", local, &http.Client{Transport: &http.Transport{DialContext: dial}}, "http://local")
}
