//! `leasehold elect`: runs a command while leading, and only then.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use prometheus_client::registry::Registry;

use super::cluster::{ClusterArgs, humane, log, runtime};
use super::elect_child::{Child, Exit, Room};
use super::elect_guard::collect_as_init;
use super::elect_http::{Answers, serve};
use super::elect_signals::Signals;
use crate::adapter::{
    Candidate, End, Error, LeaderElection, LeaderElectionArgs, Leadership, Metrics, Protocol, Role,
    default_identity,
};

/// Run a command while leading, and only then.
///
/// The command is told to stop (SIGTERM) when the lock is lost, and killed (SIGKILL) before anybody else can lead; that also happens
/// where this process is itself stopped or killed, for another one, which holds a pipe to it, keeps the time. The
/// command finds its fencing token in $LEASEHOLD_FENCING_TOKEN and its identity in $LEASEHOLD_IDENTITY; its standard input is empty.
///
/// SIGTERM, SIGINT and SIGQUIT end this process: the command gets SIGTERM, and SIGKILL after --grace. SIGHUP, SIGUSR1 and SIGUSR2 are passed on to
/// the command. With --leader-elect=false the command runs at once, without a cluster and without a token.
///
/// Exit code: the command's own (128 + the signal that killed it) when it ends by itself; 0 after a signal that ends this process, when the command
/// was stopped and the lock released; 1 if the lock was lost, with --once, or the command could not be stopped; 2 for bad usage.
#[derive(clap::Args, Debug)]
pub(super) struct ElectArgs {
    #[command(flatten)]
    election: LeaderElectionArgs,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// Who to take part as; no other process may use it [default: $POD_NAME or the host's name, and a UUID]
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,

    /// The rules: strict (at most one leads), or client-go (what client-go does, without a deadline that holds in all cases)
    #[arg(long, value_name = "NAME", default_value = "strict", value_parser = ["strict", "client-go"])]
    protocol: String,

    /// How long the command may take to stop after SIGTERM on shutdown, while the lock is still held
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = humane)]
    grace: Duration,

    /// End when the lock is lost, instead of contending again
    #[arg(long)]
    once: bool,

    /// Lead at once where the lock does not exist yet; safe only where nobody deletes it
    #[arg(long)]
    trust_fresh_namespace: bool,

    /// Write no Events
    #[arg(long)]
    no_events: bool,

    /// Where to serve /healthz, /readyz, /leaderz and /metrics [default: nowhere]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// The command, and what it is given
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) fn run(args: &ElectArgs) -> Result<ExitCode> {
    log("info");
    runtime()?.block_on(async { elect(args, Signals::listen()?).await })
}

async fn elect(args: &ElectArgs, mut signals: Signals) -> Result<ExitCode> {
    let config = if args.election.enabled {
        args.cluster.config().await?
    } else {
        // Never connected to.
        kube::Config::new(http::Uri::from_static("http://localhost"))
    };
    let namespace = config.default_namespace.clone();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let identity = args.identity.clone().unwrap_or_else(default_identity);
    let protocol = if args.protocol == "strict" { Protocol::Strict } else { Protocol::ClientGo };
    let builder = args.election.apply(LeaderElection::builder(config), &namespace, "");
    if args.election.enabled && args.election.resource_name.is_none() {
        return Err(anyhow!("the lock has no name; give it one with --leader-elect-resource-name"));
    }
    let election = builder
        .identity(identity)
        .protocol(protocol)
        .contend_again(!args.once)
        .trust_fresh_namespace(args.trust_fresh_namespace)
        .grace(args.grace)
        .events(if args.no_events { None } else { Some("leasehold-elect") })
        .metrics(&metrics)
        .shutdown_on(signals.stop())
        .build()?;
    let room = Room::new(&election, args.grace);
    drop(tokio::spawn(collect_as_init()));
    let listener = match args.listen {
        Some(address) => Some(
            tokio::net::TcpListener::bind(address)
                .await
                .with_context(|| format!("--listen {address}: cannot be served; is it taken?"))?,
        ),
        None => None,
    };
    if let Some(address) = listener.as_ref().and_then(|listener| listener.local_addr().ok()) {
        tracing::info!(%address, "serving /healthz, /readyz, /leaderz and /metrics");
    }
    let candidate = election.start()?;
    if let Some(listener) = listener {
        let answers = Answers { health: candidate.health(), states: candidate.states(), registry };
        drop(tokio::spawn(serve(listener, answers)));
    }
    let result = take_part(&candidate, &room, &args.command, &mut signals).await;
    if result.is_err() {
        // The lock is released before the error is reported, if it can be.
        candidate.shutdown();
        _ = candidate.ended().await;
    }
    result
}

async fn take_part(
    candidate: &Candidate,
    room: &Room,
    command: &[OsString],
    signals: &mut Signals,
) -> Result<ExitCode> {
    let mut states = candidate.states();
    let mut done_with = 0;
    loop {
        let role = states.borrow_and_update().role.clone();
        match role {
            Role::Leading(leadership) if leadership.term() > done_with => {
                done_with = leadership.term();
                let exit = tokio::select! {
                    exit = lead(&leadership, room, command, signals) => exit?,
                    () = given_up(candidate) => {
                        tracing::error!("the command cannot be killed; the lock is left to expire");
                        return Ok(ExitCode::FAILURE);
                    }
                };
                if let Some(exit) = exit {
                    // It ended by itself: that is the end of it, and the lock is free for others.
                    candidate.ended().await?;
                    return Ok(exit.code());
                }
            }
            Role::Candidate | Role::Leading(_) => {}
            Role::Stopping(leadership, _) => leadership.work_stopped(),
            Role::Ended(End::Shutdown) => return Ok(ExitCode::SUCCESS),
            Role::Ended(_) => return Ok(ExitCode::FAILURE),
        }
        tokio::select! {
            changed = states.changed() => changed.map_err(|_| anyhow!("the elector's thread is gone"))?,
            signal = signals.next() => signals.without_a_command(signal),
        }
    }
}

/// Returns when the elector has waited for the command for too long.
async fn given_up(candidate: &Candidate) {
    if !matches!(candidate.ended().await, Err(Error::WorkDidNotStop(_))) {
        std::future::pending().await
    }
}

/// One term: from the command's start until nothing of it is left. Returns how it ended, if by itself.
async fn lead(
    leadership: &Leadership,
    room: &Room,
    command: &[OsString],
    signals: &mut Signals,
) -> Result<Option<Exit>> {
    let mut child = match Child::start(leadership, room, command) {
        Ok(child) => child,
        Err(error) => {
            leadership.work_stopped();
            return Err(error);
        }
    };
    let exit = child.watch(leadership, room, signals).await?;
    let told = leadership.reason().is_some() || !leadership.may_act();
    leadership.work_stopped();
    tracing::info!(%exit, told_to_stop = told, "the command has ended");
    Ok((!told).then_some(exit))
}
