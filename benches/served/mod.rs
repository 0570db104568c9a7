//! `leasehold serve` in a process of its own, and what it costs there.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The shipped server with its defaults: authentication, limits, managedFields and the log for watches are on.
pub struct Served {
    child: Child,
    folder: PathBuf,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// The kubeconfig that it wrote.
    pub kubeconfig: String,
}

/// How long the server may take to listen.
const START_WITHIN: Duration = Duration::from_secs(20);

impl Served {
    /// Starts it for one client on a free port, and waits until it listens.
    pub fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("leasehold-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("there is room for temporary files");
        let path = folder.join("kubeconfig");
        let _left_over = std::fs::remove_file(&path);
        let child = Command::new(env!("CARGO_BIN_EXE_leasehold"))
            .args(["serve", "--listen", "127.0.0.1:0", "--client", "bench", "--kubeconfig-out"])
            .arg(&path)
            .stderr(Stdio::null())
            .spawn()
            .expect("the server can be started");
        let mut served = Self { child, folder, address: String::new(), kubeconfig: String::new() };
        let began = Instant::now();
        while !served.kubeconfig.contains("current-context: bench\n") {
            assert!(began.elapsed() < START_WITHIN, "the server does not listen");
            std::thread::sleep(Duration::from_millis(10));
            served.kubeconfig = std::fs::read_to_string(&path).unwrap_or_default();
        }
        let url = served.field("server: ");
        served.address = url.trim_start_matches("https://").to_owned();
        served
    }

    /// What follows the first `name` in the kubeconfig, to the end of the line.
    pub fn field(&self, name: &str) -> String {
        let found = self.kubeconfig.lines().find_map(|line| line.trim().strip_prefix(name));
        found.unwrap_or_else(|| panic!("the kubeconfig has no `{name}`")).to_owned()
    }

    /// The CPU time that it has used.
    pub fn cpu(&self) -> Duration {
        cpu_of(&format!("/proc/{}/stat", self.child.id()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// User and system time of a process (`/proc/self/stat`), in steps of 10 ms; zero where there is no /proc.
pub fn cpu_of(stat: &str) -> Duration {
    let text = std::fs::read_to_string(stat).unwrap_or_default();
    // The name may hold anything, so count from behind it.
    let fields: Vec<u64> = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|field| field.parse().unwrap_or_default())
        .collect();
    let ticks = fields.get(11).copied().unwrap_or_default() + fields.get(12).copied().unwrap_or_default();
    Duration::from_millis(ticks * 10)
}
