//! The table in sim-scenarios/README.md lists every scenario, once, and nothing else.
#![cfg(feature = "scenario")]

use std::collections::BTreeSet;
use std::path::Path;

use leasehold::scenario::discover;

const FOLDER: &str = "sim-scenarios";

/// The files that the rows of the table link to.
fn listed() -> Vec<String> {
    let readme = std::fs::read_to_string(Path::new(FOLDER).join("README.md")).unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| ["));
    rows.map(|row| {
        let (_, link) = row.split_once("](").unwrap_or_else(|| panic!("no link in {row}"));
        link.split_once(')').unwrap_or_else(|| panic!("no end of the link in {row}")).0.to_owned()
    })
    .collect()
}

/// The files that there are; `regressions` speaks for itself.
fn present() -> BTreeSet<String> {
    let files = discover(&[FOLDER]).unwrap();
    let names = files.iter().map(|file| {
        let file = file.strip_prefix(FOLDER).unwrap();
        file.iter().map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("/")
    });
    names.filter(|name| !name.starts_with("regressions/")).collect()
}

#[test]
fn the_readme_lists_every_scenario_once_and_nothing_else() {
    let listed = listed();
    let once: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), once.len(), "a file is listed twice");
    let present = present();
    let missing: Vec<_> = present.difference(&once).collect();
    let gone: Vec<_> = once.difference(&present).collect();
    assert!(missing.is_empty(), "not in the table of {FOLDER}/README.md: {missing:?}");
    assert!(gone.is_empty(), "in the table of {FOLDER}/README.md, but not there: {gone:?}");
}

#[test]
fn every_row_says_what_the_file_shows_and_a_figure() {
    let readme = std::fs::read_to_string(Path::new(FOLDER).join("README.md")).unwrap();
    for row in readme.lines().filter(|line| line.starts_with("| [")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{row}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{row}");
    }
}
