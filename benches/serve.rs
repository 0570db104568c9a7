//! Lease updates a second of `leasehold serve`, over loopback, with 64 connections.
//!
//! `cargo bench --bench serve`. The server is the shipped command in a process of its own; the load comes from this one, from a
//! single thread, so that both fit on two cores. Each connection has a Lease of its own and one request under way: it
//! sends back the object that it was answered with last, with a new renewTime, as client-go and the adapter do. Every
//! answer is checked: 200, and a resourceVersion that has grown.
//!
//! Under `cargo test --benches` it makes a few updates of each sort.
#![allow(clippy::print_stdout, reason = "it is a program")]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

#[path = "serve/bodies.rs"]
mod bodies;
#[path = "serve/load.rs"]
mod load;
#[allow(dead_code, unreachable_pub, reason = "shared with another bench")]
mod served;

use std::time::{Duration, Instant};

use bodies::Form;
use load::{Load, Measured};
use served::{Served, cpu_of};

const CONNECTIONS: usize = 64;
/// The best of so many is the figure; all are printed.
const ROUNDS: usize = 3;

fn main() {
    let in_earnest = std::env::args().any(|arg| arg == "--bench");
    let (warm_up, time) = if in_earnest { (1_000, 3_000) } else { (20, 60) };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be had");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{CONNECTIONS} connections, one update under way on each, {cores} cores for both sides");
    for (name, form, secure) in [
        ("PUT of JSON, HTTP", Form::Json, false),
        ("PUT of protobuf, HTTP", Form::Protobuf, false),
        ("merge patch, HTTP", Form::MergePatch, false),
        ("PUT of JSON, HTTPS", Form::Json, true),
        ("PUT of protobuf, HTTPS", Form::Protobuf, true),
    ] {
        let served = Served::start();
        let load = Load {
            connections: CONNECTIONS,
            form,
            authority: secure.then(|| load::authority(&served)),
            warm_up: Duration::from_millis(warm_up),
            time: Duration::from_millis(time),
        };
        for round in 0..if in_earnest { ROUNDS } else { 1 } {
            let measured = runtime.block_on(load.run(&served, round));
            print(name, &measured);
        }
    }
}

fn print(name: &str, measured: &Measured) {
    let Measured { updates, took, latency, server_cpu, own_cpu, bytes } = measured;
    assert!(*updates > 0, "nothing was measured");
    let each = |cpu: &Duration| cpu.as_secs_f64() * 1e6 / *updates as f64;
    println!(
        "{name:24} {:>7.0} updates/s  p50 {:>6} us  p99 {:>6} us  CPU an update: server {:>5.1} us, load {:>5.1} us  \
         {bytes} bytes a body",
        *updates as f64 / took.as_secs_f64(),
        latency.value_at_quantile(0.5),
        latency.value_at_quantile(0.99),
        each(server_cpu),
        each(own_cpu),
    );
}

/// CPU time from one moment to another.
struct Cpu {
    server: Duration,
    own: Duration,
    at: Instant,
}

impl Cpu {
    fn now(served: &Served) -> Self {
        Self { server: served.cpu(), own: cpu_of("/proc/self/stat"), at: Instant::now() }
    }
}
