//! Lints the repository: which module may use which, what the core must not know, and what does not
//! belong into a file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module and what it may use. `cli` is on top: nobody lists it.
const ARROWS: [(&str, &[&str]); 11] = [
    ("core", &[]),
    ("store", &["core"]),
    ("sim", &["core", "store"]),
    ("scenario", &["core", "store", "sim"]),
    ("replay", &["core", "store", "sim"]),
    ("stats", &["core", "store", "sim"]),
    ("report", &["core", "sim", "stats"]),
    ("check", &["core", "store", "sim", "scenario"]),
    ("adapter", &["core"]),
    ("serve", &["core", "store", "sim", "scenario"]),
    ("cli", &["core", "store", "sim", "scenario", "replay", "stats", "report", "check", "adapter", "serve"]),
];

/// What would make the pure core anything but a function of its inputs, or let it allocate.
const NOT_IN_THE_CORE: &str =
    "std alloc rand tokio f32 f64 HashMap HashSet BTreeMap Vec String Box Instant SystemTime thread";

/// What would make a run depend on more than its seed.
const NOT_BELOW_THE_COMMANDS: &str = "HashMap HashSet RandomState Instant SystemTime thread_rng";

/// Modules that live in real time: clocks are theirs, but nothing else of the above.
const IN_REAL_TIME: [&str; 1] = ["serve"];
const NOT_EVEN_IN_REAL_TIME: &str = "HashMap HashSet RandomState thread_rng";

const LINES_MAX: usize = 700;

#[test]
fn modules_use_only_what_is_below_them() {
    let mut wrong = Vec::new();
    for file in sources() {
        let Some(module) = file.module() else { continue };
        let Some((_, below)) = ARROWS.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{}: `{module}` has no place among the arrows", file.name));
            continue;
        };
        for (line, code) in file.code() {
            if code.contains("use crate::{") {
                wrong.push(format!("{}:{line}: one `use crate::` for each module, please", file.name));
            }
            for used in crate_paths(code) {
                let known = ARROWS.iter().any(|(name, _)| *name == used);
                if known && used != module && !below.contains(&used) {
                    wrong.push(format!("{}:{line}: `{module}` must not use `{used}`", file.name));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_core_knows_no_clock_no_chance_no_float_and_does_not_allocate() {
    let core = |file: &Source| file.module() == Some("core");
    assert_none(&words_found(core, NOT_IN_THE_CORE));
}

#[test]
fn nothing_below_the_commands_depends_on_more_than_its_seed() {
    let is_real = |module: &str| IN_REAL_TIME.contains(&module);
    // The adapter lives in real time, but reads it in one place.
    let clock = "src/adapter/clock.rs";
    let below = |file: &Source| {
        file.module().is_some_and(|module| module != "cli" && !is_real(module)) && file.name != clock
    };
    assert_none(&words_found(below, NOT_BELOW_THE_COMMANDS));
    assert_none(&words_found(|file| file.module().is_some_and(is_real), NOT_EVEN_IN_REAL_TIME));
}

#[test]
fn no_source_file_is_too_long_or_left_out() {
    let mut wrong = Vec::new();
    for file in sources() {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{}: {lines} lines, more than {LINES_MAX}", file.name));
        }
        if !file.is_declared() {
            wrong.push(format!("{}: no `mod` declares it", file.name));
        }
    }
    assert_none(&wrong);
    let main = read("src/main.rs").lines().count();
    assert!(main < 30, "src/main.rs has {main} lines; what it does belongs into src/cli");
}

#[test]
fn every_scenario_file_is_one() {
    let mut wrong = Vec::new();
    for path in files_below("sim-scenarios") {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
        let known = ["yaml", "toml", "csv", "md"].contains(&ending) || path.ends_with("schema.json");
        if !known {
            wrong.push(format!("{}: would not be found by `leasehold run`", path.display()));
        }
        #[cfg(feature = "scenario")]
        if let ("yaml" | "toml", Err(error)) = (ending, leasehold::scenario::Scenario::load(&path, &[])) {
            wrong.push(error.to_string());
        }
    }
    assert_none(&wrong);
}

#[test]
fn text_is_clean() {
    // Put together here, or this file would be the first to be found.
    let left_behind = ["todo", "dbg", "unimplemented"].map(|name| format!("{name}!("));
    let homes = ["home", "root", "Users"].map(|name| format!("/{name}/"));
    let mut wrong = Vec::new();
    for path in text_files() {
        let name = path.display();
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
            wrong.push(format!("{name}: must end in one line feed"));
        }
        for (index, line) in text.lines().enumerate() {
            let mut complain = |what: &str| wrong.push(format!("{name}:{}: {what}", index + 1));
            if line.ends_with([' ', '\t', '\r']) {
                complain("white space at the end");
            }
            // Go's formatter wants them.
            let go = path.extension().is_some_and(|ending| ending == "go" || ending == "mod");
            if line.contains('\t') && !go {
                complain("a tab");
            }
            if homes.iter().any(|home| line.contains(home)) {
                complain("a path of somebody's home");
            }
            if path.extension().is_some_and(|ending| ending == "rs") {
                for macro_name in left_behind.iter().filter(|name| line.contains(name.as_str())) {
                    complain(&format!("`{macro_name}...)` was left behind"));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut wrong = Vec::new();
    for path in text_files().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "md"))
    {
        let folder = path.parent().unwrap_or(Path::new(""));
        let text = read(&path);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let outside = target.is_empty() || target.contains("://");
            if !outside && !root().join(folder).join(target).exists() {
                wrong.push(format!("{}: {target} does not exist", path.display()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_checked_in_report_says_how_it_was_made() {
    let readme = read("reports/README.md");
    let unnamed = files_below("reports").into_iter().filter(|path| {
        // A folder is named as a whole.
        let name = path.components().nth(1).map(|name| name.as_os_str().to_string_lossy().into_owned());
        name.is_none_or(|name| name != "README.md" && !readme.contains(&format!("`{name}")))
    });
    let unnamed: Vec<_> =
        unnamed.map(|path| format!("{}: not in reports/README.md", path.display())).collect();
    assert_none(&unnamed);
}

struct Source {
    name: String,
    text: String,
}

impl Source {
    /// The module below the crate's root that it belongs to.
    fn module(&self) -> Option<&str> {
        let (module, _) = self.name.strip_prefix("src/")?.split_once('/')?;
        Some(module)
    }

    /// Numbered lines without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.map(|(number, line)| (number, line.split("//").next().unwrap_or("")))
    }

    /// The same, up to the tests at the end.
    fn code_without_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code().take_while(|(_, line)| line.trim() != "#[cfg(test)]")
    }

    /// Whether the module above declares it.
    fn is_declared(&self) -> bool {
        let path = Path::new(&self.name);
        let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (parent, name) = match stem(path).as_str() {
            _ if ["src/lib.rs", "src/main.rs"].contains(&self.name.as_str()) => return true,
            "mod" => (path.parent().and_then(Path::parent), stem(path.parent().unwrap_or(path))),
            name => (path.parent(), name.to_owned()),
        };
        let parent = parent.unwrap_or(Path::new("src"));
        let candidates = [parent.join("mod.rs"), parent.with_extension("rs"), parent.join("lib.rs")];
        let above = candidates.into_iter().find(|above| root().join(above).exists());
        above.is_some_and(|above| read(above).lines().any(|line| line.ends_with(&format!("mod {name};"))))
    }
}

/// The `x` of every `crate::x`.
fn crate_paths(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).map(|rest| rest.split(|c: char| !is_name(c)).next().unwrap_or(""))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn words_found(chosen: impl Fn(&Source) -> bool, forbidden: &str) -> Vec<String> {
    let forbidden: BTreeSet<_> = forbidden.split(' ').collect();
    let mut found = Vec::new();
    for file in sources().into_iter().filter(|file| chosen(file)) {
        for (line, code) in file.code_without_tests() {
            for word in code.split(|c: char| !is_name(c)).filter(|word| forbidden.contains(word)) {
                found.push(format!("{}:{line}: `{word}` does not belong here", file.name));
            }
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources() -> Vec<Source> {
    let files = files_below("src").into_iter();
    let files =
        files.map(|path| Source { name: path.to_string_lossy().replace('\\', "/"), text: read(&path) });
    files.collect()
}

/// Files that people write, relative to the root: not what is recorded or generated.
fn text_files() -> BTreeSet<PathBuf> {
    let folders =
        [".ci", ".github", "benches", "deploy", "examples", "reports", "sim-scenarios", "src", "tests"];
    let mut files: BTreeSet<_> = folders.iter().flat_map(|folder| files_below(folder)).collect();
    let top = fs::read_dir(root()).expect("the repository can be read").filter_map(Result::ok);
    files.extend(top.filter(|entry| entry.path().is_file()).map(|entry| PathBuf::from(entry.file_name())));
    files.retain(|path| {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
        let generated = ["png", "svg", "lock", "jsonl", "csv"].contains(&ending);
        let own = !path.starts_with("tests/data") && !path.to_string_lossy().starts_with("LICENSE");
        own && !generated && path != Path::new(".git")
    });
    files
}

/// All files below a folder, relative to the root; none if there is no such folder.
fn files_below(folder: &str) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).into_iter().flatten().filter_map(Result::ok) {
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() { folders.push(path) } else { _ = files.insert(path) }
        }
    }
    files
}

#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
