//! kube-controller-manager's flags, to flatten into one's own command line.

use std::time::Duration;

use super::lock::LockKind;
use super::settings::Builder;

/// Above these flags in a help text. Not above whatever follows them.
const HEADING: &str = "Leader election";

/// The flags that kube-controller-manager and its like take for leader election, under their names.
///
/// ```
/// use clap::Parser;
/// use leasehold::adapter::LeaderElectionArgs;
///
/// #[derive(Parser)]
/// struct Cli {
///     #[command(flatten)]
///     election: LeaderElectionArgs,
/// }
/// let cli = Cli::parse_from(["my-controller", "--leader-elect-lease-duration", "1m30s"]);
/// assert_eq!(cli.election.lease_duration.as_secs(), 90);
/// ```
#[derive(clap::Args, Clone, Debug)]
pub struct LeaderElectionArgs {
    /// Elect a leader before doing anything. `--leader-elect=false` for a process that is alone
    #[arg(
        long = "leader-elect",
        help_heading = HEADING,
        value_name = "BOOL",
        default_value_t = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub enabled: bool,

    /// How long candidates wait for a leader that does not renew
    #[arg(long = "leader-elect-lease-duration", help_heading = HEADING, value_name = "DURATION", default_value = "15s", value_parser = duration)]
    pub lease_duration: Duration,

    /// How long the leader tries to renew before it stops leading
    #[arg(long = "leader-elect-renew-deadline", help_heading = HEADING, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub renew_deadline: Duration,

    /// How long to wait between tries
    #[arg(long = "leader-elect-retry-period", help_heading = HEADING, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub retry_period: Duration,

    /// What the record is kept on: leases, configmaps, endpoints, configmapsleases or endpointsleases
    #[arg(long = "leader-elect-resource-lock", help_heading = HEADING, value_name = "KIND", default_value_t = LockKind::Leases)]
    pub resource_lock: LockKind,

    /// The lock's name
    #[arg(long = "leader-elect-resource-name", help_heading = HEADING, value_name = "NAME")]
    pub resource_name: Option<String>,

    /// The lock's namespace [default: that of the service account, or of the kubeconfig's context]
    #[arg(long = "leader-elect-resource-namespace", help_heading = HEADING, value_name = "NAMESPACE")]
    pub resource_namespace: Option<String>,
}

impl LeaderElectionArgs {
    /// The builder with these settings, also that there is to be no election. A name or namespace that was not given is taken from the last two arguments;
    /// an empty one is refused when the election is built.
    pub fn apply(&self, builder: Builder, default_namespace: &str, default_name: &str) -> Builder {
        let namespace = self.resource_namespace.as_deref().unwrap_or(default_namespace);
        let name = self.resource_name.as_deref().unwrap_or(default_name);
        builder.leader_elect(self.enabled).lease(namespace, name).lock(self.resource_lock).durations(
            self.lease_duration,
            self.renew_deadline,
            self.retry_period,
        )
    }
}

/// Go's durations and what people write besides: `15s`, `1m30s`, `500ms`, `1.5s`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is no duration; write it like 15s, 1m30s or 500ms"))?;
    Duration::try_from(parsed).map_err(|_| format!("`{text}` is before now; a duration must be positive"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        election: LeaderElectionArgs,
    }

    fn parse(args: &[&str]) -> Result<LeaderElectionArgs, String> {
        let args = std::iter::once(&"test").chain(args);
        Cli::try_parse_from(args).map(|cli| cli.election).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_have_the_names_and_defaults_of_kube_controller_manager() {
        let election = parse(&[]).unwrap();
        assert!(election.enabled);
        let seconds = [election.lease_duration, election.renew_deadline, election.retry_period];
        assert_eq!(seconds.map(|duration| duration.as_secs()), [15, 10, 2]);
        assert_eq!(election.resource_lock, LockKind::Leases);

        let election = parse(&[
            "--leader-elect=false",
            "--leader-elect-retry-period=500ms",
            "--leader-elect-renew-deadline=1m30s",
            "--leader-elect-resource-lock=endpointsleases",
            "--leader-elect-resource-name=lock",
            "--leader-elect-resource-namespace=ns",
        ]);
        let election = election.unwrap();
        assert!(!election.enabled);
        assert_eq!(election.retry_period, Duration::from_millis(500));
        assert_eq!(election.renew_deadline, Duration::from_secs(90));
        assert_eq!(election.resource_lock, LockKind::EndpointsLeases);
    }

    #[test]
    fn bools_are_written_as_for_kube_controller_manager_and_other_flags_keep_their_place() {
        for (text, enabled) in
            [("--leader-elect", true), ("--leader-elect=1", true), ("--leader-elect=F", false)]
        {
            assert_eq!(parse(&[text]).unwrap().enabled, enabled, "{text}");
        }
        #[derive(Parser)]
        struct More {
            #[command(flatten)]
            _election: LeaderElectionArgs,
            #[arg(long)]
            _other: bool,
        }
        let help = <More as clap::CommandFactory>::command().render_help().to_string();
        let (before, election) = help.split_once("Leader election:").unwrap();
        assert!(before.contains("--other") && election.contains("--leader-elect-resource-name"), "{help}");
    }

    #[test]
    fn mistakes_are_named() {
        assert!(parse(&["--leader-elect-retry-period=soon"]).unwrap_err().contains("like 15s"));
        assert!(parse(&["--leader-elect-retry-period=-2s"]).unwrap_err().contains("positive"));
        assert!(parse(&["--leader-elect-resource-lock=lease"]).unwrap_err().contains("there are leases,"));
    }
}
