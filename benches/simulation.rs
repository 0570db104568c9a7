//! Simulated failovers and events a second.
//!
//! The figure to look at is the throughput: one element is one crash of the leader and the failover after it
//! (client-go, 15/10/2, 2 ms there and 2 ms back).

use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use leasehold::core::{Config, Span, Timings};
use leasehold::sim::World;
use leasehold::sim::plan::*;
use leasehold::stats::Batch;

fn leader_crash(replicas: usize) -> Plan {
    let timings = Timings::DEFAULT;
    let config = Config::client_go(timings).expect("the defaults are valid");
    let retry = timings.retry_period.as_nanos();
    let link = || LinkPlan { latency: Span::from_millis(2).as_nanos().into(), loss_ppm: 0, duplicate_ppm: 0 };
    let node = |index: usize| NodePlan {
        name: format!("n{}", index + 1).into(),
        identity: format!("n{}", index + 1).into(),
        start: Draw::Uniform { from: 0, to: retry * 3 / 2 },
        elector: Some(config),
        clock: ClockPlan { rate_ppm: 0, wall_offset_ns: 0, wall_stopped: false, stops_in_suspend: false },
        request: link(),
        response: link(),
        drain: 0.into(),
        restart: None,
    };
    let after = Draw::Uniform { from: retry * 10, to: retry * 12 };
    let crash = FaultPlan {
        name: "crash".into(),
        when: Trigger::After { event: TriggerEvent::Leading, node: None, nth: 1, after },
        fault: Fault::Crash(Who::Leader),
        lasts: None,
        every: None,
        times: 1,
    };
    Plan {
        nodes: (0..replicas).map(node).collect(),
        server: ServerPlan {
            latency: 0.into(),
            errors: Vec::new(),
            stale_reads: None,
            capacity: None,
            no_op_writes_count: false,
        },
        work: None,
        faults: vec![crash],
        horizon_ns: retry * 60,
        stop_after_failovers: Some(1),
        crash_loses_requests: true,
        schedule: None,
    }
}

fn one_thread(c: &mut Criterion) {
    let mut group = c.benchmark_group("leader-crash");
    for replicas in [2, 3, 5] {
        let plan = leader_crash(replicas);
        let mut world = World::new(&plan);
        let mut run = 0;
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{replicas} replicas, 1 thread"), |b| {
            b.iter(|| {
                run += 1;
                black_box(world.run(1, run).failovers.len())
            });
        });
    }
    group.finish();
}

/// The same batch counted twice: in failovers, and in events (requests sent, decided and answered, timers, faults).
fn two_threads(c: &mut Criterion) {
    let plan = leader_crash(3);
    let batch = Batch { runs: 20_000, seed: 1, threads: 2, samples: false };
    let run = || batch.run(&plan, &AtomicBool::new(false), |_| true);
    let totals = run();
    let mut group = c.benchmark_group("leader-crash");
    group.sample_size(10);
    for (unit, elements) in [("failovers", totals.failovers.count()), ("events", totals.events)] {
        group.throughput(Throughput::Elements(elements));
        group
            .bench_function(format!("3 replicas, 2 threads, {unit}"), |b| b.iter(|| black_box(run().events)));
    }
    group.finish();
}

criterion_group!(benches, one_thread, two_threads);
criterion_main!(benches);
