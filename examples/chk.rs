//! Try
use leasehold::check::*;
use leasehold::core::*;
use stateright::{Checker, Model as _, HasDiscoveries};
fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let n: usize = std::env::args().nth(2).and_then(|a| a.parse().ok()).unwrap_or(2);
    let threads: usize = std::env::args().nth(3).and_then(|a| a.parse().ok()).unwrap_or(1);
    let cg = Config::client_go(Timings::DEFAULT).unwrap();
    let st = Config::strict(Timings::DEFAULT, ClockBound::DEFAULT).unwrap();
    let d = Assumptions::DEFAULT;
    let setup = match mode.as_str() {
        "perfect" => Setup::safety(cg, n, Assumptions::PERFECT),
        "default" => Setup::safety(cg, n, d),
        "late" => Setup::safety(cg, n, Assumptions { response_delay: Lasting::FREE, ..d }),
        "deleted" => Setup::safety(cg, n, Assumptions { deletions: Budget::UpTo(1), ..d }),
        "release" => Setup::safety(cg.with_release_on_cancel(true), n, d),
        "strict" => Setup::safety(st, n, d),
        "strict-any" => Setup::safety(st, n, d).with_timing(Timing::Folded),
        "strict-net" => Setup::safety(st, n, Assumptions { response_delay: Lasting::FREE, loss: Budget::Free, duplication: Budget::Free, ..d }).with_timing(Timing::Folded),
        "strict3" => Setup::safety(st, n, Assumptions { response_delay: Lasting::FREE, loss: Budget::Free, duplication: Budget::Free, 
              deletions: Budget::UpTo(1), metadata_edits: Budget::Off, spec_edits: Budget::UpTo(1), stops: Budget::UpTo(1), drain: Drain::Any, ..d }).with_timing(Timing::Folded),
        m if m.starts_with("x:") => {
            let mut a = Assumptions { request_delay: Lasting::FREE, response_delay: Lasting::FREE, loss: Budget::Free, late_writes: Budget::Free, ..Assumptions::PERFECT };
            for f in m[2..].split(',') { match f {
                "dup" => a.duplication = Budget::Free, "crash" => { a.crashes = Budget::UpTo(1); a.restarts = Budget::UpTo(1) }
                "del" => a.deletions = Budget::UpTo(1), "spec" => a.spec_edits = Budget::UpTo(1), "meta" => a.metadata_edits = Budget::UpTo(1),
                "stop" => { a.stops = Budget::UpTo(1); } "drain" => a.drain = Drain::Any, "pause" => a.pauses = Lasting { times: Budget::UpTo(1), longest: None }, "" => {}, "nolate" => a.late_writes = Budget::Off,
                _ => panic!() } }
            Setup::safety(st, n, a).with_timing(Timing::Folded)
        }
        "hostile" => Setup::safety(st, n, Assumptions::HOSTILE).with_timing(Timing::Folded),
        "failover" => Setup::failover(cg, n),
        _ => panic!(),
    };
    eprintln!("tick {} size {}", setup.tick, std::mem::size_of::<State>());
    let m = Model::new(setup).unwrap();
    let t = std::time::Instant::now();
    let c = m.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs();
    let c = { let mut c = c; let hs = c.handles(); for h in hs { while !h.is_finished() { std::thread::sleep(std::time::Duration::from_millis(300)); if t.elapsed().as_millis() % 5000 < 320 { eprintln!("{:?} gen {} uniq {} depth {}", t.elapsed(), c.state_count(), c.unique_state_count(), c.max_depth()); } } h.join().unwrap(); } c };
    let s = t.elapsed().as_secs_f64();
    println!("{mode} n={n}: gen {} uniq {} depth {} {:.2}s {:.2} M/s", c.state_count(), c.unique_state_count(), c.max_depth(), s, c.state_count() as f64 / s / 1e6);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|l| l.starts_with("VmHWM")).unwrap());
    for (name, path) in c.discoveries() {
        println!("VIOLATED {name}");
        for c in &c.model().retell(path.into_vec()).chapters { println!("  {:>6} {:?} {:?} acting {:?}", c.at_ns as f64/1e9, c.action, c.heard, c.acting); }
    }
}
