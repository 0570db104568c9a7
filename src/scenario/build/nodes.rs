//! The replicas: what holds for all of them, and over it what is particular to each.

use std::collections::BTreeMap;

use super::super::de;
use super::super::error::{Diagnostic, Error};
use super::super::fault::RESERVED;
use super::super::model::{Node, Scenario};
use super::super::network::{Links, Network};
use super::super::path::Path;
use super::super::suggest::nearest;
use super::super::tree::Node as Tree;
use super::election::Refusal;
use super::{Build, Spot};
use crate::core::Timings;
use crate::sim::plan;

/// How many replicas there are where the scenario does not say.
pub(in super::super) const REPLICAS: u32 = 3;

impl Build<'_> {
    pub(super) fn nodes(
        &mut self,
        scenario: &Scenario,
    ) -> Result<Result<Vec<plan::NodePlan>, Refusal>, Error> {
        let replicas = scenario.replicas.unwrap_or(REPLICAS);
        let keys: Vec<String> = (1..=replicas).map(|n| format!("n{n}")).collect();
        let at = Path::top().key("nodes");
        for key in scenario.nodes.iter().flatten().map(|(key, _)| key) {
            if !keys.contains(key) {
                let help = match nearest(key, keys.iter().map(String::as_str)) {
                    Some(near) if replicas > 9 => format!("did you mean `{near}`?"),
                    _ => "`name` in it gives a replica another name".to_owned(),
                };
                let message =
                    format!("there is no replica `{key}`: with {replicas}, they are n1 to n{replicas}");
                return Err(self.wrong(&Spot(vec![at.key(key.as_str())]), message, Some(&help)));
            }
        }
        let mut names = BTreeMap::new();
        let mut nodes = Vec::new();
        for key in &keys {
            let node = self.particulars(key)?;
            let name = node.name.clone().unwrap_or_else(|| key.clone());
            let spot = Spot(vec![at.key(key.as_str()).key("name")]);
            if node.identity.as_deref() == Some("") {
                let spot = Spot(vec![at.key(key.as_str()).key("identity")]);
                let help = "an elector that writes no identity never holds the Lease";
                return Err(self.wrong(&spot, "the identity is empty", Some(help)));
            }
            if RESERVED.contains(&name.as_str()) || name.is_empty() || name.chars().any(char::is_control) {
                let message = format!("`{name}` cannot be a replica's name");
                return Err(self.wrong(&spot, message, Some("in faults, it means something else")));
            }
            if let Some(other) = names.insert(name.clone(), key.clone()) {
                let message = format!("two replicas are called `{name}`: {other} and {key}");
                let help = "two that share one identity are written with `identity`";
                return Err(self.wrong(&spot.or(Spot(vec![at.key(other).key("name")])), message, Some(help)));
            }
            match self.node(&node, name, &Spot::node(key))? {
                Ok(plan) => nodes.push(plan),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Ok(Ok(nodes))
    }

    /// What holds for one replica.
    fn particulars(&self, key: &str) -> Result<Node, Error> {
        let mut tree = Tree::empty_map();
        let mut common = self.tree.clone();
        for field in Node::FIELDS.iter().filter(|field| !matches!(**field, "name" | "identity")) {
            if let Some(value) = common.take(field) {
                // The tree is a map and the path is one key: this cannot fail.
                let _ = tree.set(Path::top().key(*field).steps(), value);
            }
        }
        if let Some(own) = self.tree.get("nodes").and_then(|nodes| nodes.get(key)) {
            tree.overlay(own.clone());
        }
        de::read(&tree).map_err(|refused| {
            let path = Path::top().key("nodes").key(key);
            Error::Invalid(Box::new(Diagnostic {
                message: refused.message,
                setting: self.setting.map(str::to_owned),
                place: self.origin.place(refused.mark.unwrap_or(tree.mark), &path),
                help: refused.help,
            }))
        })
    }

    fn node(
        &mut self,
        node: &Node,
        name: String,
        at: &Spot,
    ) -> Result<Result<plan::NodePlan, Refusal>, Error> {
        let timings = self.timings(node.timings.as_ref(), &at.key("timings"))?;
        let elector = match self.elector(node, &name, timings, at) {
            Ok(elector) => elector,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let t = &timings;
        let (request, response) = self.links(node.network.as_ref(), t, &at.key("network"))?;
        let restart = match &node.restart {
            Some(restart) => Some(plan::RestartPlan {
                after: self.draw_or_zero(restart.after.as_ref(), t, &at.key("restart").key("after"))?,
                new_identity: restart.new_identity.unwrap_or(false),
            }),
            None => None,
        };
        let clock = node.clock.clone().unwrap_or_default();
        let rate_ppm = clock.rate_ppm.unwrap_or(0);
        self.check_rate(rate_ppm, &at.key("clock").key("rate_ppm"))?;
        Ok(Ok(plan::NodePlan {
            identity: node.identity.as_deref().unwrap_or(&name).into(),
            name: name.into(),
            start: self.draw_or_zero(node.start.as_ref(), t, &at.key("start"))?,
            elector,
            clock: plan::ClockPlan {
                rate_ppm,
                wall_offset_ns: clock.wall_offset.unwrap_or_default().resolve(t),
                wall_stopped: clock.wall_stopped.unwrap_or(false),
                stops_in_suspend: clock.stops_in_suspend.unwrap_or(true),
            },
            request,
            response,
            drain: self.draw_or_zero(node.drain.as_ref(), t, &at.key("drain"))?,
            restart,
        }))
    }

    /// A clock that stands still or runs twice as fast is no clock.
    pub(super) fn check_rate(&self, ppm: i32, at: &Spot) -> Result<(), Error> {
        if (-999_999..=1_000_000).contains(&ppm) {
            return Ok(());
        }
        let help = "from -999999 (all but stopped) to 1000000 (twice as fast)";
        Err(self.wrong(at, format!("a clock cannot be wrong by {ppm} ppm"), Some(help)))
    }

    fn links(
        &mut self,
        network: Option<&Network>,
        t: &Timings,
        at: &Spot,
    ) -> Result<(plan::LinkPlan, plan::LinkPlan), Error> {
        let links = match network {
            Some(Network::Links(links)) => links.clone(),
            Some(Network::Profile(profile)) => Links { profile: Some(*profile), ..Links::default() },
            None => Links::default(),
        };
        let mut link = |direction: &str, own: Option<&super::super::network::Link>| {
            let own = own.cloned().unwrap_or_default();
            let profile = links.profile.unwrap_or_default().latency();
            let latency = own.latency.or_else(|| links.latency.clone()).unwrap_or(profile);
            let spot = at.key(direction).key("latency").or(at.key("latency"));
            Ok::<_, Error>(plan::LinkPlan {
                latency: self.draw(&latency, t, &spot)?,
                loss_ppm: own.loss.or(links.loss).unwrap_or_default().ppm(),
                duplicate_ppm: own.duplicates.or(links.duplicates).unwrap_or_default().ppm(),
            })
        };
        Ok((link("request", links.request.as_ref())?, link("response", links.response.as_ref())?))
    }
}
