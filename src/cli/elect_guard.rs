//! The process between `leasehold elect` and its command: it keeps the deadline where the other one cannot, because it was
//! stopped or killed.
//!
//! Three processes stand in a row, all of them this program at first:
//!
//! 1. `elect` leads, and writes every new deadline into a pipe.
//! 2. `elect-guard` reads the pipe. When the deadline has come, or the pipe breaks because the first one died, it ends the command:
//!    SIGTERM, then SIGKILL before anybody else can lead. It exits when nothing of the command is left.
//! 3. `elect-exec` asks the kernel to be killed when the guard dies, and becomes the command.
//!
//! Who kills the guard kills the command; who stops the guard is noticed by the first process, which kills it. To stop both the
//! first and the second is to stop the third as well: they share a container.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, kill_process_group,
    pidfd_open, set_child_subreaper, set_parent_process_death_signal, wait, waitpid,
};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::adapter::Clock;
use crate::core::{LocalInstant, Span};

#[derive(clap::Args, Debug)]
pub(super) struct GuardArgs {
    #[arg(long)]
    until: i64,
    #[arg(long)]
    room: u64,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

#[derive(clap::Args, Debug)]
pub(super) struct ExecArgs {
    #[arg(long)]
    parent: i32,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// How long the command has after SIGTERM where `elect` died.
const AFTER_DEATH: Span = Span::from_secs(1);

/// How often at least to look for the dead that the command's children left to this process.
const COLLECT_EVERY: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// This very program, also where its file was replaced by a newer one meanwhile.
pub(super) fn this_program() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("leasehold");
    command
}

/// Becomes the command, to die with its parent.
pub(super) fn exec(args: &ExecArgs) -> Result<ExitCode> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot be made to die with the guard")?;
    if getppid().map(Pid::as_raw_pid) != Some(args.parent) {
        return Err(anyhow!("the guard is dead"));
    }
    let error = Command::new(&args.command[0]).args(&args.command[1..]).exec();
    super::output::remark(format_args!("error: {}: {error}", args.command[0].display()));
    // As shells do.
    Ok(ExitCode::from(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }))
}

/// Runs the command until its deadline.
pub(super) fn guard(args: &GuardArgs) -> Result<ExitCode> {
    set_child_subreaper(Some(getpid())).context("cannot take in orphans")?;
    // Signals are for `elect`, which gives the orders, and for the command, which may be sent them beside (systemd does so). The command has its
    // handlers reset.
    ctrlc::set_handler(|| {}).context("cannot outlive signals")?;
    // For who looks at a list of processes. Without it, the name is `exe`.
    _ = std::fs::write("/proc/self/comm", "leasehold-guard");
    let mut guard = Guard::new(LocalInstant::from_nanos(args.until), Span::from_nanos(args.room))?;
    if guard.clock.local() >= guard.until {
        return Err(anyhow!("the lock was lost before the command could be started"));
    }
    let child = this_program()
        .arg("elect-exec")
        .arg(format!("--parent={}", getpid().as_raw_pid()))
        .arg("--")
        .args(&args.command)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .context("the command cannot be started")?;
    let child = Pid::from_child(&child);
    guard.watch(child)?;
    let code = end_all_children(Some(child)).map_or(u8::MAX, code);
    Ok(ExitCode::from(code))
}

struct Guard {
    clock: Clock,
    timer: OwnedFd,
    /// When the right to act ends.
    until: LocalInstant,
    /// From then on until nothing may be left.
    room: Span,
    /// When nothing may be left though the right may last longer.
    stop_by: Option<LocalInstant>,
    told: bool,
    orders: Vec<u8>,
    pipe_is_open: bool,
}

impl Guard {
    fn new(until: LocalInstant, room: Span) -> Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Boottime, flags).context("no timer")?;
        let (stop_by, told, orders) = (None, false, Vec::new());
        Ok(Self { clock: Clock::new(), timer, until, room, stop_by, told, orders, pipe_is_open: true })
    }

    /// Returns when the command has ended, or must be killed.
    fn watch(&mut self, child: Pid) -> Result<()> {
        let ended = pidfd_open(child, PidfdFlags::empty()).context("the command cannot be watched")?;
        let input = std::io::stdin();
        loop {
            let now = self.clock.local();
            let kill_at = (self.until + self.room).min(self.stop_by.unwrap_or(LocalInstant::FAR_FUTURE));
            if now >= kill_at {
                return Ok(());
            }
            if !self.told && (now >= self.until || self.stop_by.is_some()) {
                self.told = true;
                _ = kill_process_group(child, Signal::TERM);
            }
            self.set_timer(if self.told { kill_at } else { self.until.min(kill_at) })?;
            let mut sources = vec![
                PollFd::new(&ended, PollFlags::IN),
                PollFd::new(&self.timer, PollFlags::IN),
                PollFd::new(&input, PollFlags::IN),
            ];
            if !self.pipe_is_open {
                sources.pop();
            }
            match poll(&mut sources, Some(&COLLECT_EVERY)) {
                Ok(_) | Err(Errno::INTR) => collect_orphans(child),
                Err(error) => return Err(error).context("cannot wait for orders"),
            }
            let ready: Vec<_> = sources.iter().map(|source| !source.revents().is_empty()).collect();
            drop(sources);
            if ready[0] {
                return Ok(());
            }
            if ready.get(2) == Some(&true) {
                self.read_orders(child);
            }
        }
    }

    fn set_timer(&self, at: LocalInstant) -> Result<()> {
        // Nothing at all would disarm it.
        let nanos = at.as_nanos().max(1);
        let it_value = Timespec { tv_sec: nanos / 1_000_000_000, tv_nsec: nanos % 1_000_000_000 };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let set = Itimerspec { it_interval, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &set).context("no timer")?;
        Ok(())
    }

    fn read_orders(&mut self, child: Pid) {
        let mut buffer = [0; 4096];
        // Not through the standard library, which reads ahead into a buffer that `poll` knows nothing of.
        match rustix::io::read(std::io::stdin(), &mut buffer) {
            Ok(n) if n > 0 => self.orders.extend_from_slice(&buffer[..n]),
            Err(Errno::INTR) => {}
            _ => {
                self.pipe_is_open = false;
                let by = self.clock.local() + AFTER_DEATH;
                self.stop_by = Some(self.stop_by.map_or(by, |stop_by| stop_by.min(by)));
            }
        }
        while let Some(end) = self.orders.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.orders.drain(..=end).collect();
            self.obey(&String::from_utf8_lossy(&line), child);
        }
    }

    fn obey(&mut self, order: &str, child: Pid) {
        let mut words = order.split_whitespace();
        let (verb, number) = (words.next(), words.next().and_then(|number| number.parse::<i64>().ok()));
        match (verb, number) {
            (Some("until"), Some(nanos)) => self.until = LocalInstant::from_nanos(nanos),
            (Some("stop"), Some(nanos)) => self.stop_by = Some(LocalInstant::from_nanos(nanos)),
            (Some("signal"), Some(raw)) => {
                let signal = i32::try_from(raw).ok().and_then(Signal::from_named_raw);
                // It has not been waited for, so its number is nobody else's.
                signal.map(|signal| kill_process(child, signal));
            }
            _ => {}
        }
    }
}

/// What the command's children leave behind comes to this process, and must be waited for when it dies. The command
/// itself is waited for at the end: as long as it was not, its number cannot become another's.
fn collect_orphans(child: Pid) {
    for pid in children().into_iter().filter(|pid| *pid != child) {
        _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}

/// Kills whatever this process is the parent of, by birth or by adoption, until nothing is left. Returns how `child`
/// ended.
pub(super) fn end_all_children(child: Option<Pid>) -> Option<WaitStatus> {
    let mut status = None;
    loop {
        // What has ended already must not be killed: its number may be another's by now.
        while let Some((pid, ended)) = wait(WaitOptions::NOHANG).ok().flatten() {
            status = if Some(pid) == child { Some(ended) } else { status };
        }
        child.filter(|_| status.is_none()).map(|group| kill_process_group(group, Signal::KILL));
        for pid in children() {
            _ = kill_process(pid, Signal::KILL);
        }
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, ended))) => status = if Some(pid) == child { Some(ended) } else { status },
            Ok(None) | Err(Errno::INTR) => {}
            // None left.
            Err(_) => return status,
        }
    }
}

/// How often the first process of a container looks for the dead that nobody else collects.
const COLLECT_AS_INIT_EVERY: Duration = Duration::from_secs(5);

/// Where this is the first process of a container: collects whoever was dead a while ago already. Whoever started a process here waits for it,
/// and would have done so.
pub(super) async fn collect_as_init() {
    let mut dead: Vec<Pid> = Vec::new();
    while getpid().is_init() {
        tokio::time::sleep(COLLECT_AS_INIT_EVERY).await;
        let (still, newly) =
            children().into_iter().filter(|pid| is_dead(*pid)).partition(|pid| dead.contains(pid));
        dead = newly;
        let still: Vec<Pid> = still;
        for pid in still {
            _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

fn is_dead(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// The children of all threads of this process.
fn children() -> Vec<Pid> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().filter_map(Result::ok);
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let pids = lists.flat_map(|list| {
        list.split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .filter_map(Pid::from_raw)
            .collect::<Vec<_>>()
    });
    pids.collect()
}

fn code(status: WaitStatus) -> u8 {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
