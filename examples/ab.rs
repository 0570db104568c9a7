//! Try
use leasehold::check::*;
use leasehold::core::*;
fn line(r: &Report) -> String {
    match &r.verdict {
        Verdict::Proved => format!("proved   gen {} uniq {}", r.progress.generated, r.progress.unique),
        Verdict::Violated { property, story } => format!("VIOLATED {property} gen {} uniq {} steps {} overlap {} replay {:?}", r.progress.generated, r.progress.unique, story.chapters.len(), story.overlap_ns(&r.setup) as f64/1e9, replay(r)),
        Verdict::Inconclusive(w) => format!("? {w:?}"),
    }
}
fn replay(r: &Report) -> String {
    let Verdict::Violated { property, story } = &r.verdict else { return String::new() };
    let s = match story.scenario(&r.setup, property) { Ok(s) => s, Err(e) => return e.to_string() };
    let y = serde_saphyr::to_string(&s).unwrap();
    let f = format!("/tmp/out-{}.yaml", std::env::args().skip(1).collect::<Vec<_>>().join("-"));
    std::fs::write(&f, y).unwrap();
    let o = std::process::Command::new("./target/release/leasehold").args(["run", "-q", "--no-plot", &f]).output().unwrap();
    format!("{:?} {}", o.status.code(), String::from_utf8_lossy(&o.stderr).lines().take(3).collect::<Vec<_>>().join(" / "))
}
fn show(r: &Report) { if let Verdict::Violated { story, .. } = &r.verdict { for c in &story.chapters { println!("  {:>6} {:?} {:?} acting {:?}", c.at_ns as f64/1e9, c.action, c.heard, c.acting); } } }
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let s = Search::on(2);
    let t = std::time::Instant::now();
    let ms = |s: &str| { let v: Vec<u64> = s.split('/').map(|x| x.parse().unwrap()).collect(); Timings { lease_duration: Span::from_secs(v[0]), renew_deadline: Span::from_secs(v[1]), retry_period: Span::from_secs(v[2]) } };
    let timings = a.get(3).map_or(Timings::DEFAULT, |x| ms(x));
    let n: usize = a.get(4).map_or(2, |x| x.parse().unwrap());
    let cg = Config::client_go(timings).unwrap();
    let st = Config::strict(timings, ClockBound { rate_error_ppm: 0, margin: Span::ZERO }).unwrap();
    let rt = Config::renew_time(timings).unwrap();
    match a[1].as_str() {
        "ablate" => { ablate(Timings::DEFAULT, ClockBound::DEFAULT, &s, &mut Patient, |x| println!("{:24} {:>6.1}s {}", x.rule, t.elapsed().as_secs_f64(), line(&x.report))).unwrap(); }
        "frontier" => {
            let p = Assumptions { loss: Budget::Free, ..Assumptions::PERFECT };
            let (knob, base) = match a[2].as_str() {
                "cg-rate" => (Knob::ClockRate, Setup::safety(cg, n, p)),
                "st-rate" => (Knob::ClockRate, Setup::safety(st, n, Assumptions { request_delay: Lasting::FREE, response_delay: Lasting::FREE, loss: Budget::Free, late_writes: Budget::Free, ..p }).with_timing(Timing::Folded)),
                "cg-req" => (Knob::RequestDelay, Setup::safety(cg, n, p)),
                "cg-resp" => (Knob::ResponseDelay, Setup::safety(cg, n, p)),
                "cg-pause" => (Knob::Pause, Setup::safety(cg, n, p)),
                "rt-wall" => (Knob::WallOffset, Setup::safety(rt, n, p)),
                _ => panic!(),
            };
            let f = frontier(knob, base, &s, &mut Patient, |x| println!("{:10} {:>6.1}s {}", x.label, t.elapsed().as_secs_f64(), line(&x.report))).unwrap();
            println!("proved {:?} refuted {:?}", f.largest_proved.map(|t| t.label), f.smallest_refuted.map(|t| t.label));
        }
        "failover" => { let b = failover_bound(cg, n, &s, &mut Patient).unwrap().unwrap(); println!("{} {:?} {} steps {} {:?}", b.bound, b.report.progress, t.elapsed().as_secs_f64(), b.story.chapters.len(), b.story.steps(&b.report.setup).err()); }
        "check" => {
            let d = Assumptions::DEFAULT;
            let setup = match a[2].as_str() {
                "default" => Setup::safety(cg, n, d),
                "late" => Setup::safety(cg, n, Assumptions { response_delay: Lasting::FREE, ..d }),
                "reqfree" => Setup::safety(cg, n, Assumptions { request_delay: Lasting::FREE, response_delay: Lasting::OFF, ..d }),
                "deleted" => Setup::safety(cg, n, Assumptions { deletions: Budget::UpTo(1), ..d }),
                "release" => Setup::safety(cg.with_release_on_cancel(true), n, Assumptions { request_delay: Lasting::FREE, ..Assumptions::PERFECT }),
                "perfect" => Setup::safety(cg, n, Assumptions::PERFECT),
                "crash" => Setup::safety(cg, n, Assumptions { crashes: Budget::UpTo(1), restarts: Budget::UpTo(1), request_delay: Lasting::FREE, ..Assumptions::PERFECT }),
                "wall" => Setup::safety(rt, n, Assumptions { walls: Walls::Within { offset: Span::from_secs(14), steps: Budget::Off }, ..Assumptions::PERFECT }),
                "strict" => Setup::safety(st, n, d),
                "hostile" => Setup::safety(st, n, Assumptions::HOSTILE).with_timing(Timing::Folded),
                m => {
                    let mut a = Assumptions::PERFECT; let mut c = cg; let mut timing = Timing::Exact;
                    let up = |s: u64| Lasting { times: Budget::Free, longest: Some(Span::from_secs(s)) };
                    for f in m.split(',') { match f {
                        "st" => c = st, "fold" => timing = Timing::Folded, "rel" => c = c.with_release_on_cancel(true),
                        "req1" => a.request_delay = up(1), "resp1" => a.response_delay = up(1), "req" => a.request_delay = Lasting::FREE, "resp" => a.response_delay = Lasting::FREE, "loss" => a.loss = Budget::Free, "loss1" => a.loss = Budget::UpTo(1), "late" => a.late_writes = Budget::Free, "late1" => a.late_writes = Budget::UpTo(1),
                        "crash" => a.crashes = Budget::UpTo(1), "restart" => a.restarts = Budget::UpTo(1), "dup" => a.duplication = Budget::Free, "del" => a.deletions = Budget::UpTo(1), "spec" => a.spec_edits = Budget::UpTo(1), "stop" => a.stops = Budget::UpTo(1), "drain" => a.drain = Drain::Any, "pause" => a.pauses = Lasting { times: Budget::UpTo(1), longest: None }, "perfect" => {},
                        _ => panic!("{f}") } }
                    let s = Setup::safety(c, n, a); if timing == Timing::Exact { s } else { s.with_timing(timing) }
                }
            };
            let r = s.run(setup, &mut Patient).unwrap();
            println!("{} {:.1}s {}\n{}", a[2], t.elapsed().as_secs_f64(), line(&r), r.setup.sentence()); show(&r);
        }
        _ => panic!(),
    }
}
