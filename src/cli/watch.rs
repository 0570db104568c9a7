//! `leasehold watch`: what happens to Leases of a live cluster.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ListParams, ObjectList, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::cluster::{ClusterArgs, humane, log, plain, runtime, stopped_by_signals};
use super::output::{WholeFile, print, remark};
use super::results;
use super::watch_causes::Causes;
use super::watch_lease::{Cause, Finding, Look, Watched};
use crate::adapter::{CancellationToken, Clock};
use crate::core::{LocalInstant, Span, WallTime};
use crate::report::{Align, Table};

/// Follow a Lease of a live cluster, or all of a namespace: holders, renewals, gaps and failovers.
///
/// A failover is counted from the last renewal of the last holder that was seen (or from its release, or the Lease's deletion) until another
/// holds the Lease. What brought it about is not to be seen in a Lease; who knows says so in a file (--causes).
///
/// Ends with a summary at SIGINT or SIGTERM, after --for or after --failovers.
#[derive(clap::Args, Debug)]
pub(super) struct WatchArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// The namespace [default: the service account's, or the kubeconfig's]
    #[arg(short, long, value_name = "NAMESPACE", conflicts_with = "all_namespaces")]
    namespace: Option<String>,

    /// All namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// The Lease [default: all]
    #[arg(value_name = "NAME", conflicts_with = "all_namespaces")]
    name: Option<String>,

    /// Print every renewal, not only those that came late
    #[arg(long)]
    renewals: bool,

    /// What is late [default: half of the Lease's own duration]
    #[arg(long, value_name = "DURATION", value_parser = humane)]
    gap: Option<Duration>,

    /// How to print: text, or json (one object a line)
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    format: String,

    /// Write every failover, in the format of `leasehold run --samples`
    #[arg(long, value_name = "FILE.csv")]
    samples: Option<PathBuf>,

    /// How many replicas there are, for the samples
    #[arg(long, value_name = "N")]
    replicas: Option<u32>,

    /// A file with a line `TIME CAUSE` for everything that somebody did to a leader: the failover that follows is counted from then.
    /// It is read again at every failover
    #[arg(long, value_name = "FILE")]
    causes: Option<PathBuf>,

    /// End after so long
    #[arg(long = "for", value_name = "DURATION", value_parser = humane)]
    at_most: Option<Duration>,

    /// End after so many failovers
    #[arg(long, value_name = "N")]
    failovers: Option<u64>,
}

/// How long a watch may last before it is asked for anew; servers end them by themselves after about as much.
const WATCH_S: u32 = 290;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A watch that is silent for so long is taken for dead: servers send bookmarks once a minute. Likewise a list.
const SILENCE: Duration = Duration::from_secs(90);

pub(super) fn run(args: &WatchArgs) -> Result<ExitCode> {
    log("warn");
    runtime()?.block_on(watch(args, stopped_by_signals()?))
}

async fn watch(args: &WatchArgs, stop: CancellationToken) -> Result<ExitCode> {
    let config = args.cluster.config().await?;
    let namespace = args.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).context("no client for the API server")?;
    let api: Api<Lease> =
        if args.all_namespaces { Api::all(client) } else { Api::namespaced(client, &namespace) };
    let mut watcher = Watcher::new(args)?;
    // A mistake in the settings shows here, and is not tried again.
    let revision = match watcher.list(&api).await {
        Ok(revision) => revision,
        Err(why) => return Err(anyhow!("the Leases cannot be listed: {}", why.there()?)),
    };
    let over = async {
        match args.at_most {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = over => {}
        result = watcher.follow(&api, revision) => result?,
    }
    watcher.finish()?;
    Ok(ExitCode::SUCCESS)
}

struct Watcher<'a> {
    args: &'a WatchArgs,
    clock: Clock,
    leases: BTreeMap<String, Watched>,
    samples: Option<WholeFile>,
    causes: Option<Causes>,
    failovers: u64,
}

impl<'a> Watcher<'a> {
    fn new(args: &'a WatchArgs) -> Result<Self> {
        let mut samples = args.samples.as_ref().map(|path| WholeFile::create(path)).transpose()?;
        if let Some(file) = &mut samples {
            writeln!(file, "{}", results::SAMPLE_COLUMNS)?;
        }
        let causes = args.causes.as_ref().map(|path| Causes::new(path.clone()));
        Ok(Self { args, clock: Clock::new(), leases: BTreeMap::new(), samples, causes, failovers: 0 })
    }

    fn is_done(&self) -> bool {
        self.args.failovers.is_some_and(|limit| self.failovers >= limit)
    }

    /// Looks at all there are, and returns from which revision on to watch.
    async fn list(&mut self, api: &Api<Lease>) -> Result<String, Interrupted> {
        let list = self.fetch(api).await?;
        let revision = list.metadata.resource_version.clone().unwrap_or_default();
        self.take(&list).map_err(Interrupted::Here)?;
        Ok(revision)
    }

    async fn fetch(&self, api: &Api<Lease>) -> Result<ObjectList<Lease>, Interrupted> {
        let mut params = ListParams::default();
        if let Some(name) = &self.args.name {
            params = params.fields(&format!("metadata.name={name}"));
        }
        within(SILENCE, api.list(&params)).await
    }

    fn take(&mut self, list: &ObjectList<Lease>) -> Result<()> {
        let now = self.clock.local();
        let names: Vec<_> = list.items.iter().map(full_name).collect();
        let gone: Vec<_> = self.leases.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in gone {
            self.deleted(&name, now)?;
        }
        for lease in &list.items {
            self.see(lease, now)?;
        }
        Ok(())
    }

    /// Watches until enough was seen. What the server or the network does wrong is tried again.
    async fn follow(&mut self, api: &Api<Lease>, mut revision: String) -> Result<()> {
        while !self.is_done() {
            let began = self.clock.local();
            match self.one_watch(api, &mut revision).await {
                Ok(()) => {}
                Err(Interrupted::TooOld) => {
                    revision = self.list_again(api).await?;
                    continue;
                }
                Err(why) => {
                    remark(format_args!("the watch broke off, and is begun again: {}", why.there()?));
                }
            }
            if !self.is_done() {
                // Not where it lasted: whatever happens meanwhile is seen too late.
                let lasted = Duration::from_nanos(self.clock.local().since(began).as_nanos());
                if lasted < RETRY_AFTER {
                    tokio::time::sleep(RETRY_AFTER).await;
                }
                revision = self.go_on_from(api, revision).await?;
            }
        }
        Ok(())
    }

    /// Where to go on after a break: where it was, so that nothing is missed; but from a new look at everything where the
    /// server has lost its memory, for it would say nothing until it is as far as it was.
    async fn go_on_from(&mut self, api: &Api<Lease>, revision: String) -> Result<String> {
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
        match self.fetch(api).await {
            Ok(list) if number(list.metadata.resource_version.as_deref()) < number(Some(&revision)) => {
                self.take(&list)?;
                Ok(list.metadata.resource_version.unwrap_or_default())
            }
            Ok(_) | Err(_) => Ok(revision),
        }
    }

    async fn list_again(&mut self, api: &Api<Lease>) -> Result<String> {
        loop {
            match self.list(api).await {
                Ok(revision) => return Ok(revision),
                Err(why) => remark(format_args!("the Leases cannot be listed: {}", why.there()?)),
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// One watch to its end; `revision` is where the next one goes on.
    async fn one_watch(&mut self, api: &Api<Lease>, revision: &mut String) -> Result<(), Interrupted> {
        let mut params = WatchParams::default().timeout(WATCH_S);
        if let Some(name) = &self.args.name {
            params = params.fields(&format!("metadata.name={name}"));
        }
        let events = within(SILENCE, api.watch(&params, revision)).await?;
        let mut events = pin!(events);
        while let Some(event) = within(SILENCE, events.try_next()).await? {
            let now = self.clock.local();
            match event {
                WatchEvent::Added(lease) | WatchEvent::Modified(lease) => {
                    *revision = lease.resource_version().unwrap_or_default();
                    self.see(&lease, now).map_err(Interrupted::Here)?;
                }
                WatchEvent::Deleted(lease) => {
                    *revision = lease.resource_version().unwrap_or_default();
                    self.deleted(&full_name(&lease), now).map_err(Interrupted::Here)?;
                }
                WatchEvent::Bookmark(bookmark) => *revision = bookmark.metadata.resource_version,
                WatchEvent::Error(status) if status.code == 410 => return Err(Interrupted::TooOld),
                WatchEvent::Error(status) => {
                    return Err(Interrupted::There(plain(&kube::Error::Api(status))));
                }
            }
            if self.is_done() {
                break;
            }
        }
        Ok(())
    }

    fn see(&mut self, lease: &Lease, now: LocalInstant) -> Result<()> {
        let name = full_name(lease);
        let gap =
            self.args.gap.map(|gap| Span::from_nanos(u64::try_from(gap.as_nanos()).unwrap_or(u64::MAX)));
        let watched = self.leases.entry(name.clone()).or_insert_with(|| Watched::new(gap));
        match watched.see(look(lease), now) {
            Some(finding) => self.tell(&name, finding),
            None => Ok(()),
        }
    }

    fn deleted(&mut self, name: &str, now: LocalInstant) -> Result<()> {
        match self.leases.get_mut(name).and_then(|watched| watched.deleted(now)) {
            Some(finding) => self.tell(name, finding),
            None => Ok(()),
        }
    }

    fn tell(&mut self, name: &str, finding: Finding) -> Result<()> {
        let now = Timestamp::now();
        if let Finding::Acquired { cause, after, from, .. } = &finding
            && !from.is_empty()
        {
            let known = self.causes.as_mut().and_then(|causes| causes.between(now, *after));
            let (cause, after) = known.unwrap_or((cause.to_string(), *after));
            self.sample(&cause, after)?;
            self.failovers += 1;
        }
        if matches!(finding, Finding::Renewed { gap: false, .. }) && !self.args.renewals {
            return Ok(());
        }
        let time = now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let line = if self.args.format == "json" {
            in_json(&time.to_string(), name, &finding)
        } else {
            format!("{time}  {name}  {}", in_words(&finding))
        };
        print(&(line + "\n"))
    }

    fn sample(&mut self, cause: &str, after: Span) -> Result<()> {
        let Some(file) = &mut self.samples else { return Ok(()) };
        let replicas = self.args.replicas.map_or_else(String::new, |n| n.to_string());
        Ok(writeln!(file, "{}", results::sample(self.failovers, &replicas, cause, after.as_nanos()))?)
    }

    fn finish(self) -> Result<()> {
        if let Some(samples) = self.samples {
            samples.finish()?;
        }
        if self.args.format == "json" {
            return Ok(());
        }
        let columns = [
            ("Lease", Align::Left),
            ("holders", Align::Right),
            ("renewals", Align::Right),
            ("every, p50 s", Align::Right),
            ("p99 s", Align::Right),
            ("max s", Align::Right),
            ("gaps", Align::Right),
        ];
        let mut table = Table::new(&columns);
        for (name, lease) in &self.leases {
            let every = &lease.intervals;
            table.row([
                name.clone(),
                lease.holders.to_string(),
                every.count().to_string(),
                seconds(every.quantile(0.5)),
                seconds(every.quantile(0.99)),
                seconds(every.max()),
                lease.gaps.to_string(),
            ]);
        }
        print(&format!("\n{table}"))
    }
}

/// What a watch broke off for: something here (a file, a pipe) or there (the server, the network).
enum Interrupted {
    Here(anyhow::Error),
    There(String),
    /// The server does not remember so far back.
    TooOld,
}

impl Interrupted {
    /// What was said there; here is where it ends.
    fn there(self) -> Result<String> {
        match self {
            Self::Here(error) => Err(error),
            Self::There(words) => Ok(words),
            Self::TooOld => Ok("410 Gone".to_owned()),
        }
    }
}

async fn within<T>(limit: Duration, answer: impl Future<Output = kube::Result<T>>) -> Result<T, Interrupted> {
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if status.code == 410 => Err(Interrupted::TooOld),
        Ok(Err(error)) => Err(Interrupted::There(plain(&error))),
        Err(_) => Err(Interrupted::There(format!("no word for {limit:?}"))),
    }
}

fn full_name(lease: &Lease) -> String {
    format!("{}/{}", lease.namespace().unwrap_or_default(), lease.name_any())
}

fn look(lease: &Lease) -> Look {
    let Some(spec) = &lease.spec else { return Look::default() };
    let wall = |time: &MicroTime| WallTime::from_micros(time.0.as_microsecond());
    Look {
        holder: spec.holder_identity.clone().unwrap_or_default(),
        renewed: spec.renew_time.as_ref().map(wall),
        acquired: spec.acquire_time.as_ref().map(wall),
        duration_s: spec.lease_duration_seconds.unwrap_or(0),
        transitions: spec.lease_transitions.unwrap_or(0),
    }
}

fn in_words(finding: &Finding) -> String {
    match finding {
        Finding::Found(look) if look.holder.is_empty() => "nobody holds it".to_owned(),
        Finding::Found(look) => format!("held by {}, {} transitions", look.holder, look.transitions),
        Finding::Renewed { holder, after, gap } => {
            let late = if *gap { ": late" } else { "" };
            format!("{holder} renewed after {}{late}", seconds(Some(after.as_nanos())) + " s")
        }
        Finding::Released { holder } => format!("released by {holder}"),
        Finding::Deleted { holder } if holder.is_empty() => "deleted".to_owned(),
        Finding::Deleted { holder } => format!("deleted; {holder} held it last"),
        Finding::Acquired { holder, from, cause, after, transitions } => {
            let mut text = format!("acquired by {holder}");
            let s = seconds(Some(after.as_nanos()));
            if !from.is_empty() {
                let since = match cause {
                    Cause::Expiry => "the last renewal of",
                    Cause::Release => "the release by",
                    Cause::Deletion => "its deletion, held by",
                };
                _ = write!(text, ", {s} s after {since} {from}");
            }
            _ = write!(text, ", {transitions} transitions");
            text
        }
    }
}

fn in_json(time: &str, name: &str, finding: &Finding) -> String {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of years fit")]
    let seconds = |span: &Span| span.as_nanos() as f64 / 1e9;
    let what = match finding {
        Finding::Found(look) => {
            json!({"what": "found", "holder": look.holder, "transitions": look.transitions})
        }
        Finding::Renewed { holder, after, gap } => {
            json!({"what": "renewed", "holder": holder, "seconds": seconds(after), "gap": gap})
        }
        Finding::Released { holder } => json!({"what": "released", "holder": holder}),
        Finding::Deleted { holder } => json!({"what": "deleted", "holder": holder}),
        Finding::Acquired { holder, from, cause, after, transitions } => json!({
            "what": "acquired", "holder": holder, "from": from, "cause": cause.to_string(),
            "seconds": seconds(after), "transitions": transitions,
        }),
    };
    let mut line = json!({"time": time, "lease": name});
    if let (Some(line), serde_json::Value::Object(what)) = (line.as_object_mut(), what) {
        line.extend(what);
    }
    line.to_string()
}

fn seconds(ns: Option<u64>) -> String {
    ns.map_or_else(|| "-".to_owned(), |ns| format!("{}.{:03}", ns / 1_000_000_000, ns / 1_000_000 % 1_000))
}
