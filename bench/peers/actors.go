// SPDX-License-Identifier: MIT

// The programs of rimbench in Go, an actor being a goroutine with a channel: actors THREADS NAME. Prints one number, in
// the unit of the row of the same name (bench/compare); of round trips also p50, p99, p99.9 and p99.99.
package main

import (
	"fmt"
	"math"
	"math/rand"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

const room = 1024 // of a channel, where a program does not say

func timed(f func()) float64 {
	begin := time.Now()
	f()
	return time.Since(begin).Seconds()
}

// Plays n round trips and looks at the clock after each group of them: nanoseconds of one, and the percentiles.
func trips(n, group int, scale float64, trip func(i int)) []float64 {
	laps := make([]float64, 0, n/group)
	last := time.Now()
	for i := 0; i < n; i++ {
		trip(i)
		if (i+1)%group == 0 {
			now := time.Now()
			laps = append(laps, float64(now.Sub(last).Nanoseconds())*scale/float64(group))
			last = now
		}
	}
	sort.Float64s(laps)
	at := func(share float64) float64 { return laps[int(share*float64(len(laps)-1))] }
	return []float64{at(0.5), at(0.5), at(0.99), at(0.999), at(0.9999)}
}

func pingPong() []float64 {
	ping, pong := make(chan int), make(chan int)
	go func() {
		for v := range ping {
			pong <- v
		}
	}()
	return trips(1000000, 64, 1, func(i int) { ping <- i; <-pong })
}

// Two CPUs, as ours are pinned to: on one they would wake each other at less cost, and take turns.
func pin(cpu uint) {
	runtime.LockOSThread()
	mask := uint64(1) << cpu
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
}

// Each has a thread of its own, which sleeps while there is nothing.
func wake() []float64 {
	ping, pong := make(chan int), make(chan int)
	go func() {
		pin(1)
		for v := range ping {
			pong <- v
		}
	}()
	pin(0)
	return trips(10000, 1, 1e-3, func(i int) { ping <- i; <-pong })
}

type question struct {
	value int
	reply chan int
}

// With a deadline, as ours has.
func request() []float64 {
	in := make(chan question)
	go func() {
		for q := range in {
			q.reply <- q.value
		}
	}()
	return trips(1000000, 64, 1, func(i int) {
		q := question{i, make(chan int, 1)}
		deadline := time.NewTimer(10 * time.Second)
		in <- q
		select {
		case <-q.reply:
		case <-deadline.C:
			panic("no reply")
		}
		deadline.Stop()
	})
}

func publish() float64 {
	const members, n = 1000, 1000
	all, over := make([]chan int, members), make(chan bool, members)
	for i := range all {
		in := make(chan int, 2)
		all[i] = in
		go func(last bool) {
			for range in {
				if last {
					over <- true
				}
			}
		}(i == members-1)
	}
	return timed(func() {
		for i := 0; i < n; i++ {
			for _, in := range all {
				in <- i
			}
			<-over
		}
	}) * 1e9 / (members * n)
}

func timers() float64 {
	const n = 1000000
	all := make([]*time.Timer, n)
	dice := rand.New(rand.NewSource(1))
	return timed(func() {
		for i := range all {
			all[i] = time.AfterFunc(time.Second+time.Duration(dice.Int63n(100e9)), func() {})
		}
		for i := range all {
			all[i*7919%n].Stop()
		}
	}) * 1e9 / n
}

// What an item of the bounded buffer costs to make and to take.
func workOn(item float64) float64 {
	for i := 0; i < 25; i++ {
		item += math.Log(math.Abs(item) + 0.01 + float64(i))
	}
	return item
}

func boundedBuffer() float64 {
	const producers, consumers, items = 40, 40, 1000
	buffer, over := make(chan float64, 50), make(chan float64, producers*items)
	return producers * items / timed(func() {
		for p := 0; p < producers; p++ {
			go func() {
				item := 0.0
				for i := 0; i < items; i++ {
					item = workOn(item)
					buffer <- item
				}
			}()
		}
		for c := 0; c < consumers; c++ {
			go func() {
				for item := range buffer {
					over <- workOn(item)
				}
			}()
		}
		for i := 0; i < producers*items; i++ {
			<-over
		}
	}) / 1e6
}

// Of banking: an account that is told to transfer tells the other one, and the teller when that has confirmed.
type transfer struct {
	kind, from, to, amount int
}

func banking() float64 {
	const accounts, transfers, atOnce = 1000, 50000, 256
	all, confirmed := make([]chan transfer, accounts), make(chan bool, atOnce)
	for i := range all {
		all[i] = make(chan transfer, 3*atOnce)
	}
	for i := range all {
		go func(in chan transfer) {
			balance := 0
			for t := range in {
				switch t.kind {
				case 0:
					balance -= t.amount
					all[t.to] <- transfer{1, t.from, t.to, t.amount}
				case 1:
					balance += t.amount
					all[t.from] <- transfer{2, t.from, t.to, t.amount}
				case 2:
					confirmed <- true
				}
			}
		}(all[i])
	}
	dice := rand.New(rand.NewSource(1))
	order := func() {
		from := dice.Intn(accounts)
		all[from] <- transfer{0, from, (from + 1 + dice.Intn(accounts-1)) % accounts, 1 + dice.Intn(100)}
	}
	return transfers / timed(func() {
		for i := 0; i < atOnce; i++ {
			order()
		}
		for i := 0; i < transfers; i++ {
			<-confirmed
			if i+atOnce < transfers {
				order()
			}
		}
	}) / 1e6
}

func queued() float64 {
	const n = 1000000
	before := resident()
	in := make(chan [4]int64, n)
	for i := 0; i < n; i++ {
		in <- [4]int64{int64(i)}
	}
	bytes := (resident() - before) / n
	<-in
	return bytes
}

func mailbox(senders, n int) float64 {
	in, over := make(chan int, room), make(chan int)
	seconds := timed(func() {
		go func() {
			count := 0
			for ; count < senders*n; count++ {
				<-in
			}
			over <- count
		}()
		for s := 0; s < senders; s++ {
			go func() {
				for i := 0; i < n; i++ {
					in <- i
				}
			}()
		}
		<-over
	})
	return float64(senders*n) / seconds / 1e6
}

// Twice what the sink can do: what memory grows by.
func flood() float64 {
	const n = 1000000
	in, over := make(chan [32]int64, room), make(chan float64)
	go func() {
		before, most := 0.0, 0.0
		for i := 0; i < n; i++ {
			<-in
			for until := time.Now().Add(500); time.Now().Before(until); {
			}
			if i%(n/64) == 0 {
				most = math.Max(most, resident())
				if i == 0 {
					before = most
				}
			}
		}
		over <- most - before
	}()
	go func() {
		for i := 0; i < n; i++ {
			in <- [32]int64{int64(i)}
		}
	}()
	return <-over / 1048576
}

func threadRing(actors, hops int) float64 {
	first, over := make(chan int), make(chan bool)
	from := first
	for i := 0; i < actors; i++ {
		to := make(chan int)
		if i == actors-1 {
			to = first
		}
		go func(from, to chan int) {
			for v := range from {
				if v == 0 {
					over <- true
					return
				}
				to <- v - 1
			}
		}(from, to)
		from = to
	}
	return float64(hops) / timed(func() { first <- hops; <-over }) / 1e6
}

func tree(up chan int, first, leaves, children int) {
	if leaves == 1 {
		up <- first
		return
	}
	below, sum := make(chan int, children), 0
	for i := 0; i < children; i++ {
		go tree(below, first+i*(leaves/children), leaves/children, children)
	}
	for i := 0; i < children; i++ {
		sum += <-below
	}
	up <- sum
}

func grow(leaves, children int) float64 {
	return timed(func() {
		up := make(chan int)
		go tree(up, 0, leaves, children)
		if <-up != leaves*(leaves-1)/2 {
			panic("wrong sum")
		}
	})
}

func forkJoin() float64 {
	const workers, n = 60, 10000
	ended := make(chan bool, workers)
	return workers * n / timed(func() {
		var all []chan float64
		for w := 0; w < workers; w++ {
			in := make(chan float64, room)
			all = append(all, in)
			go func() {
				for i := 0; i < n; i++ {
					if s := math.Sin(<-in); s*s <= 0 {
						panic("no sine")
					}
				}
				ended <- true
			}()
		}
		for i := 0; i < n; i++ {
			for _, in := range all {
				in <- 37.2
			}
		}
		for range all {
			<-ended
		}
	}) / 1e6
}

type visit struct {
	kind, colour int // kind 0: met, 1: change, 2: closed
	who          chan visit
}

func creature(mall chan visit, tally chan int, colour int) {
	in, meetings := make(chan visit, 2), 0
	for {
		mall <- visit{0, colour, in}
		v := <-in
		switch v.kind {
		case 0:
			if colour != v.colour {
				colour = 3 - colour - v.colour
			}
			v.who <- visit{1, colour, in}
		case 1:
			colour = v.colour
		case 2:
			tally <- meetings
			return
		}
		meetings++
	}
}

func chameneos() float64 {
	const meetings, creatures = 200000, 100
	mall, tally := make(chan visit, creatures), make(chan int, creatures)
	return meetings / timed(func() {
		for i := 0; i < creatures; i++ {
			go creature(mall, tally, i%3)
		}
		for i := 0; i < meetings; i++ {
			a := <-mall
			b := <-mall
			a.who <- b
		}
		sum := 0
		for i := 0; i < creatures; i++ {
			v := <-mall
			v.who <- visit{kind: 2}
		}
		for i := 0; i < creatures; i++ {
			sum += <-tally
		}
		if sum != 2*meetings {
			panic("wrong tally")
		}
	}) / 1e6
}

func big() float64 {
	const actors, n = 120, 20000
	type message chan message // a ping says who asks, a pong is nil
	finished := make(chan bool, actors)
	all := make([]message, actors)
	for i := range all {
		all[i] = make(message, actors*2)
	}
	return actors * n / timed(func() {
		for i := range all {
			go func(me message, dice *rand.Rand) {
				left := n
				all[dice.Intn(actors)] <- me
				for m := range me {
					if m != nil {
						m <- nil
					} else if left--; left > 0 {
						all[dice.Intn(actors)] <- me
					} else {
						finished <- true
					}
				}
			}(all[i], rand.New(rand.NewSource(int64(i))))
		}
		for range all {
			<-finished
		}
	}) / 1e6
}

func ubench() float64 {
	const pingers, pings, hops = 8, 5, 100000
	ended := make(chan bool, pingers*pings)
	all := make([]chan int, pingers)
	for i := range all {
		all[i] = make(chan int, pingers*pings)
	}
	return pingers * pings * hops / timed(func() {
		for i := range all {
			go func(in chan int, dice *rand.Rand) {
				for i := 0; i < pings; i++ {
					all[dice.Intn(pingers)] <- hops
				}
				for v := range in {
					if v == 1 {
						ended <- true
					} else {
						all[dice.Intn(pingers)] <- v - 1
					}
				}
			}(all[i], rand.New(rand.NewSource(int64(i))))
		}
		for i := 0; i < pingers*pings; i++ {
			<-ended
		}
	}) / 1e6
}

func spawn() float64 {
	const n = 1000000
	gone := make(chan bool, 64)
	return n / timed(func() {
		for i := 0; i < n; i++ {
			in := make(chan bool, 1)
			go func() { <-in; gone <- true }()
			in <- true
			<-gone
		}
	}) / 1e6
}

func resident() float64 {
	text, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.Atoi(strings.Fields(string(text))[1])
	return float64(pages * 4096)
}

func idleActor() float64 {
	const n = 100000
	before := resident()
	all := make([]chan [2]int64, n)
	for i := range all {
		in := make(chan [2]int64, 1)
		all[i] = in
		go func() { <-in }()
	}
	for i := 0; i < 100; i++ {
		runtime.Gosched()
	}
	bytes := (resident() - before) / n
	for _, in := range all {
		in <- [2]int64{}
	}
	return bytes
}

func main() {
	threads, _ := strconv.Atoi(os.Args[1])
	runtime.GOMAXPROCS(threads)
	rows := map[string]func() []float64{"ping-pong": pingPong, "wake": wake, "request": request}
	programs := map[string]func() float64{
		"flood": flood, "fork-join": forkJoin, "chameneos": chameneos, "big": big, "ubench": ubench,
		"spawn": spawn, "idle-actor": idleActor, "publish": publish, "timers": timers, "queued": queued,
		"bounded-buffer": boundedBuffer, "banking": banking,
		"thread-ring": func() float64 { return threadRing(503, 5000000) },
		"ring-100":    func() float64 { return threadRing(100, 100000) },
		"counting":    func() float64 { return mailbox(1, 1000000) },
		"mailbox":     func() float64 { return mailbox(20, 1000000) },
		"overload":    func() float64 { return mailbox(10000, 200) },
		"creation":    func() float64 { return (1 << 20) / grow(1<<19, 2) / 1e6 },
		"skynet":      func() float64 { return grow(1000000, 10) * 1e3 },
	}
	if row, ok := rows[os.Args[2]]; ok {
		fmt.Println(strings.Trim(fmt.Sprint(row()), "[]"))
	} else if program, ok := programs[os.Args[2]]; ok {
		fmt.Println(program())
	} else {
		os.Exit(1)
	}
}
