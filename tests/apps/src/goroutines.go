// SPDX-License-Identifier: Apache-2.0

// Goroutines, channels, timers, garbage, and another program.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

func main() {
	var wg sync.WaitGroup
	results := make(chan int, 100)
	for i := 0; i < 1000; i++ {
		wg.Add(1)
		go func(n int) {
			defer wg.Done()
			garbage := make([]byte, 10000)
			garbage[n] = 1
			time.Sleep(time.Millisecond)
			results <- n * int(garbage[n])
		}(i)
	}
	go func() { wg.Wait(); close(results) }()
	sum := 0
	for n := range results {
		sum += n
	}
	fmt.Println("sum", sum)
	runtime.GC()
	out, err := exec.Command("/bin/cat", "/proc/self/comm").Output()
	fmt.Printf("%q %v\n", out, err)
	select {
	case <-time.After(20 * time.Millisecond):
		fmt.Println("timer")
	}
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		var p *int
		fmt.Println(*p)
	}()
	os.Exit(4)
}
