// SPDX-License-Identifier: MIT

//! The programs of rimbench on tokio, an actor being a task with an mpsc channel: actors THREADS NAME. Prints one number,
//! in the unit of the row of the same name (bench/compare); of round trips also p50, p99, p99.9 and p99.99.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::spawn;
use tokio::sync::mpsc::{channel, unbounded_channel, Receiver, Sender};
use tokio::sync::{broadcast, oneshot};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout, Sleep};

const ROOM: usize = 1024; // of a channel, where a program does not say

/// A small generator of numbers (splitmix64).
struct Dice(u64);
impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e3779b97f4a7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// Looks at the clock after each group of round trips.
struct Laps {
    group: u64,
    count: u64,
    last: Instant,
    nanoseconds: Vec<f64>,
}
impl Laps {
    fn new(group: u64) -> Laps {
        Laps { group, count: 0, last: Instant::now(), nanoseconds: Vec::new() }
    }
    fn lap(&mut self) {
        self.count += 1;
        if self.count % self.group == 0 {
            let now = Instant::now();
            self.nanoseconds.push((now - self.last).as_nanos() as f64 / self.group as f64);
            self.last = now;
        }
    }
    /// The median as the value, and the percentiles.
    fn tell(mut self, scale: f64) -> Vec<f64> {
        self.nanoseconds.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let last = (self.nanoseconds.len() - 1) as f64;
        [0.5, 0.5, 0.99, 0.999, 0.9999].iter().map(|share| self.nanoseconds[(share * last) as usize] * scale).collect()
    }
}

extern "C" {
    fn sched_setaffinity(thread: i32, size: usize, mask: *const u64) -> i32;
}

/// Two CPUs, as ours are pinned to: on one they would wake each other at less cost, and take turns.
fn pin(cpu: u32) {
    unsafe { sched_setaffinity(0, 8, &(1u64 << cpu)) };
}

async fn ping_pong(n: u64, group: u64, scale: f64, apart: bool) -> Vec<f64> {
    let (ping, mut pinged) = channel::<u64>(ROOM);
    let (pong, mut ponged) = channel::<u64>(ROOM);
    let echo = async move {
        while let Some(v) = pinged.recv().await {
            let _ = pong.send(v).await;
        }
    };
    let other = apart.then(|| {
        pin(0);
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).on_thread_start(|| pin(1)).build().unwrap()
    });
    match &other {
        Some(runtime) => runtime.spawn(echo),
        None => spawn(echo),
    };
    let mut laps = Laps::new(group);
    for i in 0..n {
        ping.send(i).await.unwrap();
        ponged.recv().await.unwrap();
        laps.lap();
    }
    if let Some(runtime) = other {
        runtime.shutdown_background();
    }
    laps.tell(scale)
}

async fn request() -> Vec<f64> {
    let (to, mut from) = channel::<(u64, oneshot::Sender<u64>)>(ROOM);
    spawn(async move {
        while let Some((v, reply)) = from.recv().await {
            let _ = reply.send(v);
        }
    });
    let mut laps = Laps::new(64);
    for i in 0..1_000_000 {
        let (reply, replied) = oneshot::channel();
        to.send((i, reply)).await.unwrap();
        timeout(Duration::from_secs(10), replied).await.unwrap().unwrap();
        laps.lap();
    }
    laps.tell(1.0)
}

async fn publish() -> f64 {
    const MEMBERS: u64 = 1000;
    const N: u64 = 1000;
    let (to, _) = broadcast::channel::<u64>(16);
    let (over, mut is_over) = channel(MEMBERS as usize);
    for _ in 0..MEMBERS {
        let mut mine = to.subscribe();
        let over = over.clone();
        spawn(async move {
            while mine.recv().await.is_ok() {
                over.send(()).await.ok();
            }
        });
    }
    let begin = Instant::now();
    for i in 0..N {
        to.send(i).unwrap();
        for _ in 0..MEMBERS {
            is_over.recv().await;
        }
    }
    begin.elapsed().as_secs_f64() * 1e9 / (MEMBERS * N) as f64
}

/// Arms all of them: a sleep is armed when it is first polled.
struct Armed(Vec<Pin<Box<Sleep>>>);
impl Future for Armed {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        for one in self.0.iter_mut() {
            assert!(one.as_mut().poll(context).is_pending());
        }
        Poll::Ready(())
    }
}

async fn timers() -> f64 {
    const N: usize = 1_000_000;
    let mut dice = Dice(1);
    let begin = Instant::now();
    let mut all = Armed((0..N).map(|_| Box::pin(sleep(Duration::from_millis(100_000 + dice.below(100_000) as u64)))).collect());
    Pin::new(&mut all).await;
    let mut all: Vec<_> = all.0.into_iter().map(Some).collect();
    for i in 0..N {
        all[i * 7919 % N] = None;
    }
    begin.elapsed().as_secs_f64() * 1e9 / N as f64
}

/// What an item of the bounded buffer costs to make and to take.
fn work_on(mut item: f64) -> f64 {
    for i in 0..25 {
        item += (item.abs() + 0.01 + i as f64).ln();
    }
    item
}

/// The buffer is a channel; its consumers take turns at its end.
async fn bounded_buffer() -> f64 {
    const PRODUCERS: usize = 40;
    const CONSUMERS: usize = 40;
    const ITEMS: usize = 1000;
    let (to, from) = channel::<f64>(50);
    let from = std::sync::Arc::new(tokio::sync::Mutex::new(from));
    let begin = Instant::now();
    for _ in 0..PRODUCERS {
        let to = to.clone();
        spawn(async move {
            let mut item = 0.0;
            for _ in 0..ITEMS {
                item = work_on(item);
                to.send(item).await.ok();
            }
        });
    }
    drop(to);
    let mut consumers = Vec::new();
    for _ in 0..CONSUMERS {
        let from = from.clone();
        consumers.push(spawn(async move {
            let mut count = 0;
            loop {
                let item = from.lock().await.recv().await;
                match item {
                    Some(item) => count += (work_on(item) != 0.5) as usize,
                    None => return count,
                }
            }
        }));
    }
    let mut count = 0;
    for one in consumers {
        count += one.await.unwrap();
    }
    assert_eq!(count, PRODUCERS * ITEMS);
    count as f64 / begin.elapsed().as_secs_f64() / 1e6
}

/// Of banking: an account that is told to transfer asks the other one, and confirms to the teller when that has.
enum Order {
    Transfer { to: usize, amount: i64, confirm: oneshot::Sender<()> },
    Credit { from: usize, amount: i64, confirm: oneshot::Sender<()> },
    Credited { confirm: oneshot::Sender<()> },
}

async fn banking() -> f64 {
    const ACCOUNTS: usize = 1000;
    const TRANSFERS: usize = 50_000;
    const AT_ONCE: usize = 256;
    let mut ends = Vec::new();
    let mut all = Vec::new();
    for _ in 0..ACCOUNTS {
        let (to, from) = unbounded_channel::<Order>();
        all.push(to);
        ends.push(from);
    }
    for (number, mut mine) in ends.into_iter().enumerate() {
        let all = all.clone();
        spawn(async move {
            let mut balance = 0;
            while let Some(order) = mine.recv().await {
                match order {
                    Order::Transfer { to, amount, confirm } => {
                        balance -= amount;
                        all[to].send(Order::Credit { from: number, amount, confirm }).ok();
                    }
                    Order::Credit { from, amount, confirm } => {
                        balance += amount;
                        all[from].send(Order::Credited { confirm }).ok();
                    }
                    Order::Credited { confirm } => {
                        confirm.send(()).ok();
                    }
                }
            }
            balance
        });
    }
    let begin = Instant::now();
    let mut tellers = Vec::new();
    for teller in 0..AT_ONCE {
        let all = all.clone();
        tellers.push(spawn(async move {
            let mut dice = Dice(teller as u64);
            for _ in (teller..TRANSFERS).step_by(AT_ONCE) {
                let (confirm, confirmed) = oneshot::channel();
                let from = dice.below(ACCOUNTS);
                let to = (from + 1 + dice.below(ACCOUNTS - 1)) % ACCOUNTS;
                all[from].send(Order::Transfer { to, amount: 1 + dice.below(100) as i64, confirm }).ok();
                timeout(Duration::from_secs(30), confirmed).await.unwrap().unwrap();
            }
        }));
    }
    for one in tellers {
        one.await.unwrap();
    }
    TRANSFERS as f64 / begin.elapsed().as_secs_f64() / 1e6
}

async fn queued() -> f64 {
    const N: u64 = 1_000_000;
    let before = resident();
    let (to, mut from) = unbounded_channel::<[u64; 4]>();
    for i in 0..N {
        to.send([i; 4]).unwrap();
    }
    let bytes = (resident() - before) / N as f64;
    from.recv().await;
    bytes
}

/// A runtime is made, a task gets a message, and all of it ends.
fn start(threads: usize, stops: bool) -> Vec<f64> {
    let mut laps = Vec::new();
    for _ in 0..200 {
        let begin = Instant::now();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
        let (to, mut from) = channel::<()>(1);
        let handled = runtime.spawn(async move { from.recv().await });
        to.blocking_send(()).unwrap();
        runtime.block_on(handled).unwrap();
        let there = Instant::now();
        drop(runtime);
        laps.push(if stops { there.elapsed() } else { there - begin }.as_nanos() as f64);
    }
    Laps { group: 1, count: 0, last: Instant::now(), nanoseconds: laps }.tell(1e-3)
}

async fn mailbox(senders: u64, n: u64) -> f64 {
    let (to, mut from) = channel::<u64>(ROOM);
    let begin = Instant::now();
    for _ in 0..senders {
        let to = to.clone();
        spawn(async move {
            for i in 0..n {
                to.send(i).await.unwrap();
            }
        });
    }
    drop(to);
    let sink = spawn(async move {
        let mut count = 0;
        while from.recv().await.is_some() {
            count += 1;
        }
        count
    });
    assert_eq!(sink.await.unwrap(), senders * n);
    (senders * n) as f64 / begin.elapsed().as_secs_f64() / 1e6
}

/// Twice what the sink can do: what memory grows by.
async fn flood() -> f64 {
    const N: u64 = 1_000_000;
    let (to, mut from) = channel::<[u64; 32]>(ROOM);
    spawn(async move {
        for i in 0..N {
            to.send([i; 32]).await.unwrap();
        }
    });
    let sink = spawn(async move {
        let (mut before, mut most) = (0f64, 0f64);
        for i in 0..N {
            from.recv().await;
            let until = Instant::now() + Duration::from_nanos(500);
            while Instant::now() < until {}
            if i % (N / 64) == 0 {
                most = most.max(resident());
                before = if i == 0 { most } else { before };
            }
        }
        most - before
    });
    sink.await.unwrap() / 1048576.0
}

async fn thread_ring(actors: usize, hops: u64) -> f64 {
    let (first, mut from) = channel::<u64>(2);
    let (over, mut is_over) = channel::<()>(1);
    for i in 0..actors {
        let (mut to, next) = channel::<u64>(2);
        if i == actors - 1 {
            to = first.clone();
        }
        let over = over.clone();
        let mut mine = std::mem::replace(&mut from, next);
        spawn(async move {
            while let Some(v) = mine.recv().await {
                if v == 0 {
                    let _ = over.send(()).await;
                } else {
                    let _ = to.send(v - 1).await;
                }
            }
        });
    }
    let begin = Instant::now();
    first.send(hops).await.unwrap();
    is_over.recv().await;
    hops as f64 / begin.elapsed().as_secs_f64() / 1e6
}

fn tree(up: Sender<u64>, first: u64, leaves: u64, children: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if leaves == 1 {
            let _ = up.send(first).await;
            return;
        }
        let (to, mut below) = channel(children as usize);
        for i in 0..children {
            spawn(tree(to.clone(), first + i * (leaves / children), leaves / children, children));
        }
        drop(to);
        let mut sum = 0;
        while let Some(v) = below.recv().await {
            sum += v;
        }
        let _ = up.send(sum).await;
    })
}

async fn grow(leaves: u64, children: u64) -> f64 {
    let (up, mut sum) = channel(1);
    let begin = Instant::now();
    spawn(tree(up, 0, leaves, children));
    assert_eq!(sum.recv().await, Some(leaves * (leaves - 1) / 2));
    begin.elapsed().as_secs_f64()
}

async fn fork_join() -> f64 {
    const WORKERS: u64 = 60;
    const N: u64 = 10_000;
    let begin = Instant::now();
    let mut all = Vec::new();
    let mut tasks = Vec::new();
    for _ in 0..WORKERS {
        let (to, mut from) = channel::<f64>(ROOM);
        all.push(to);
        tasks.push(spawn(async move {
            for _ in 0..N {
                let sine = from.recv().await.unwrap().sin();
                assert!(sine * sine > 0.0);
            }
        }));
    }
    for _ in 0..N {
        for to in &all {
            to.send(37.2).await.unwrap();
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    (WORKERS * N) as f64 / begin.elapsed().as_secs_f64() / 1e6
}

enum Visit {
    Met(u8, Sender<Visit>),
    Change(u8),
    Closed,
}

async fn creature(mall: Sender<(u8, Sender<Visit>)>, tally: Sender<u64>, mut colour: u8) {
    let (me, mut visits) = channel(2);
    let mut meetings = 0;
    loop {
        mall.send((colour, me.clone())).await.ok();
        match visits.recv().await.unwrap() {
            Visit::Met(theirs, who) => {
                if colour != theirs {
                    colour = 3 - colour - theirs;
                }
                who.send(Visit::Change(colour)).await.ok();
            }
            Visit::Change(new) => colour = new,
            Visit::Closed => break,
        }
        meetings += 1;
    }
    tally.send(meetings).await.ok();
}

async fn chameneos() -> f64 {
    const MEETINGS: u64 = 200_000;
    const CREATURES: usize = 100;
    let (mall, mut visitors) = channel(CREATURES);
    let (tally, mut tallies) = channel(CREATURES);
    let begin = Instant::now();
    for i in 0..CREATURES {
        spawn(creature(mall.clone(), tally.clone(), (i % 3) as u8));
    }
    for _ in 0..MEETINGS {
        let (_, first): (u8, Sender<Visit>) = visitors.recv().await.unwrap();
        let (colour, second) = visitors.recv().await.unwrap();
        first.send(Visit::Met(colour, second)).await.ok();
    }
    for _ in 0..CREATURES {
        visitors.recv().await.unwrap().1.send(Visit::Closed).await.ok();
    }
    let mut sum = 0;
    for _ in 0..CREATURES {
        sum += tallies.recv().await.unwrap();
    }
    assert_eq!(sum, 2 * MEETINGS);
    MEETINGS as f64 / begin.elapsed().as_secs_f64() / 1e6
}

/// What there are so many of, with the senders to all of them known to each.
fn crowd<T>(count: usize, room: usize) -> (Vec<Sender<T>>, Vec<Receiver<T>>) {
    (0..count).map(|_| channel(room)).unzip()
}

async fn big() -> f64 {
    const ACTORS: usize = 120;
    const N: u64 = 20_000;
    let (to, from) = crowd::<Option<usize>>(ACTORS, 2 * ACTORS); // Some: a ping and who asks; None: a pong
    let (finished, mut is_finished) = channel(ACTORS);
    let begin = Instant::now();
    for (me, mut mine) in from.into_iter().enumerate() {
        let (to, finished) = (to.clone(), finished.clone());
        spawn(async move {
            let mut dice = Dice(me as u64);
            let mut left = N;
            to[dice.below(ACTORS)].send(Some(me)).await.ok();
            while let Some(message) = mine.recv().await {
                if let Some(who) = message {
                    to[who].send(None).await.ok();
                    continue;
                }
                left -= 1;
                if left > 0 {
                    to[dice.below(ACTORS)].send(Some(me)).await.ok();
                } else {
                    finished.send(()).await.ok();
                }
            }
        });
    }
    for _ in 0..ACTORS {
        is_finished.recv().await;
    }
    (ACTORS as u64 * N) as f64 / begin.elapsed().as_secs_f64() / 1e6
}

async fn ubench() -> f64 {
    const PINGERS: usize = 8;
    const PINGS: usize = 5;
    const HOPS: u64 = 100_000;
    let (to, from) = crowd::<u64>(PINGERS, PINGERS * PINGS);
    let (ended, mut is_ended) = channel(PINGERS * PINGS);
    let begin = Instant::now();
    for (me, mut mine) in from.into_iter().enumerate() {
        let (to, ended) = (to.clone(), ended.clone());
        spawn(async move {
            let mut dice = Dice(me as u64);
            for _ in 0..PINGS {
                to[dice.below(PINGERS)].send(HOPS).await.ok();
            }
            while let Some(left) = mine.recv().await {
                if left == 1 {
                    ended.send(()).await.ok();
                } else {
                    to[dice.below(PINGERS)].send(left - 1).await.ok();
                }
            }
        });
    }
    for _ in 0..PINGERS * PINGS {
        is_ended.recv().await;
    }
    ((PINGERS * PINGS) as u64 * HOPS) as f64 / begin.elapsed().as_secs_f64() / 1e6
}

async fn spawn_one_by_one() -> f64 {
    const N: u64 = 1_000_000;
    let (gone, mut is_gone) = channel(64);
    let begin = Instant::now();
    for _ in 0..N {
        let (to, mut from) = channel::<()>(1);
        let gone = gone.clone();
        spawn(async move {
            from.recv().await;
            gone.send(()).await.ok();
        });
        to.send(()).await.ok();
        is_gone.recv().await;
    }
    N as f64 / begin.elapsed().as_secs_f64() / 1e6
}

fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

async fn idle_actor() -> f64 {
    const N: usize = 100_000;
    let before = resident();
    let mut all = Vec::new();
    for _ in 0..N {
        let (to, mut from) = channel::<[u64; 2]>(1);
        all.push(to);
        spawn(async move {
            let state = [0u64; 2];
            from.recv().await;
            assert_eq!(state[0], 0); // it was kept
        });
    }
    for _ in 0..100 {
        yield_now().await;
    }
    (resident() - before) / N as f64
}

async fn play(name: &str) -> Vec<f64> {
    vec![match name {
        "ping-pong" => return ping_pong(1_000_000, 64, 1.0, false).await,
        "wake" => return ping_pong(10_000, 1, 1e-3, true).await,
        "request" => return request().await,
        "counting" => mailbox(1, 1_000_000).await,
        "mailbox" => mailbox(20, 1_000_000).await,
        "overload" => mailbox(10_000, 200).await,
        "thread-ring" => thread_ring(503, 5_000_000).await,
        "ring-100" => thread_ring(100, 100_000).await,
        "flood" => flood().await,
        "creation" => (1 << 20) as f64 / grow(1 << 19, 2).await / 1e6,
        "skynet" => grow(1_000_000, 10).await * 1e3,
        "fork-join" => fork_join().await,
        "chameneos" => chameneos().await,
        "big" => big().await,
        "ubench" => ubench().await,
        "spawn" => spawn_one_by_one().await,
        "idle-actor" => idle_actor().await,
        "publish" => publish().await,
        "timers" => timers().await,
        "queued" => queued().await,
        "bounded-buffer" => bounded_buffer().await,
        "banking" => banking().await,
        _ => std::process::exit(1),
    }]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let threads = arguments[1].parse().unwrap();
    let name = arguments[2].clone();
    let told = match name.as_str() {
        "start" => start(threads, false),
        "stop" => start(threads, true),
        _ => {
            let threads = if name == "wake" { 1 } else { threads }; // and one more in the other runtime
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_time().build().unwrap();
            runtime.block_on(async move { spawn(async move { play(&name).await }).await.unwrap() })
        }
    };
    println!("{}", told.iter().map(|value| value.to_string()).collect::<Vec<_>>().join(" "));
}
