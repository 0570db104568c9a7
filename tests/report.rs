//! Pictures and texts: the same bytes twice, well-formed, and nothing that depends on what is drawn being there.
#![cfg(all(feature = "report", feature = "scenario"))]

use std::path::Path;

use leasehold::report::{CdfMark, CdfPlot, CdfSeries, TextOptions, Timeline, timeline_of};
use leasehold::scenario::Scenario;
use leasehold::sim::World;
use leasehold::stats::Latencies;

const AWKWARD: &str = "a <b> & \"c\" 'd'";

fn plot(title: &str, samples: &[u64]) -> CdfPlot {
    let mut latencies = Latencies::new();
    for ns in samples {
        latencies.record(*ns);
    }
    CdfPlot {
        title: title.to_owned(),
        subtitle: title.to_owned(),
        x_label: "seconds".to_owned(),
        series: vec![CdfSeries { name: title.to_owned(), points: latencies.cdf_points(100) }],
        marks: vec![CdfMark { x_s: 17.0, label: title.to_owned() }],
    }
}

fn timeline(setting: &str) -> Timeline {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sim-scenarios/two-leaders/late-response.yaml");
    let scenario = Scenario::load(Path::new(path), &[]).expect("the scenario is valid");
    let setting = scenario.settings.iter().find(|s| s.name == setting).expect("the setting is there");
    let plan = setting.plan().expect("it is not refused");
    let mut world = World::new(plan);
    let (outcome, trace) = world.run_traced(1, 0);
    let to_ns = outcome.ran_ns;
    Timeline { title: AWKWARD.to_owned(), ..timeline_of(plan, &trace, to_ns) }
}

/// Every tag is closed by one of its name, and no text has a bare `<` or `&`.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for piece in svg.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("every tag ends");
        assert!(!text.contains('&') || text.contains(';'), "a bare & in {text:?}");
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or("");
        if tag.starts_with('?') || tag.starts_with('!') || tag.ends_with('/') {
            continue;
        }
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "tags must nest");
        } else {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

#[test]
fn pictures_are_well_formed_and_the_same_twice() {
    let plot = plot(AWKWARD, &[15_000_000_000, 16_000_000_000, 21_000_000_000]);
    let timeline = timeline("client-go");
    for (svg, again) in [(plot.to_svg(), plot.to_svg()), (timeline.to_svg(), timeline.to_svg())] {
        assert_eq!(svg, again);
        assert_well_formed(&svg);
        assert!(svg.contains("a &lt;b&gt; &amp;"), "the title is escaped");
    }
    for (png, again) in [(plot.to_png(), plot.to_png()), (timeline.to_png(), timeline.to_png())] {
        assert_eq!(png, again);
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.len() > 10_000, "{} bytes", png.len());
    }
}

#[test]
fn an_empty_plot_says_so() {
    let svg = plot("nothing", &[]).to_svg();
    assert_well_formed(&svg);
    assert!(svg.contains("no failovers"), "{svg}");
    assert!(CdfPlot::default().to_png().starts_with(b"\x89PNG"));
    assert_well_formed(&Timeline::default().to_svg());
    assert!(!Timeline::default().to_text(&TextOptions::default()).contains("TWO LEADERS"));
}

#[test]
fn two_leaders_are_drawn_where_there_are_two() {
    let client_go = timeline("client-go");
    let [(from, to)] = client_go.overlaps[..] else { panic!("one overlap, not {:?}", client_go.overlaps) };
    assert!((3_000_000_000..8_000_000_000).contains(&(to - from)), "{} ns", to - from);
    assert!(client_go.to_svg().contains("two leaders"));
    assert!(client_go.to_text(&TextOptions::default()).contains("TWO LEADERS"));
    assert_eq!(timeline("strict").overlaps, []);
}

#[test]
fn text_keeps_to_its_width_and_alphabet() {
    let timeline = timeline("client-go");
    for width in [20, 60, 100, 200] {
        let options = TextOptions { width, ascii: true, ..TextOptions::default() };
        let text = timeline.to_text(&options);
        assert!(text.is_ascii(), "{text}");
        let lanes = text.lines().filter(|line| line.contains('|'));
        assert!(lanes.clone().count() >= 4);
        assert!(lanes.map(|line| line.chars().count()).max() <= Some(width.max(40)), "{text}");
    }
    let colored = timeline.to_text(&TextOptions { color: true, ..TextOptions::default() });
    assert!(colored.contains("\u{1b}["));
}
