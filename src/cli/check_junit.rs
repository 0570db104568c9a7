//! What a check found, for a CI system.

use std::time::Duration;

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::check_output::{Answer, headline};
use super::check_story;
use crate::check::{Report, Verdict};

/// A search as a case of a test suite.
pub(super) struct Case<'a> {
    pub(super) name: String,
    pub(super) report: &'a Report,
}

impl Answer<'_> {
    /// One suite, one case for each property.
    pub(super) fn junit(&self) -> Result<String> {
        let Report { setup, verdict, .. } = self.report;
        let mut suite = TestSuite::new("leasehold check");
        for property in setup.property_names() {
            let status = match verdict {
                Verdict::Violated { property: broken, .. } if *broken != property => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(format!(
                        "not decided: the search ended when this was violated: {broken}"
                    ));
                    status
                }
                _ => case_status(self.report),
            };
            let mut case = TestCase::new(property, status);
            case.set_classname("leasehold.check");
            case.set_system_out(format!(
                "{}\nAssuming: {}.\nAgain: {}",
                self.subject,
                setup.sentence(),
                self.command
            ));
            suite.add_test_case(case);
        }
        whole(suite, Duration::from_secs_f64(self.measured.seconds))
    }
}

fn case_status(report: &Report) -> TestCaseStatus {
    let (kind, name) = match &report.verdict {
        Verdict::Proved => return TestCaseStatus::success(),
        Verdict::Violated { .. } => (NonSuccessKind::Failure, "violated"),
        Verdict::Inconclusive(_) => (NonSuccessKind::Error, "inconclusive"),
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(name).set_message(headline(&report.verdict));
    if let Verdict::Violated { story, .. } = &report.verdict {
        status.set_description(check_story::timeline(story, &report.setup));
    }
    status
}

/// A suite of searches, for questions that take several: a violation is an answer there, and no failure.
pub(super) fn junit_of(cases: &[Case<'_>], took: Duration) -> Result<String> {
    let mut suite = TestSuite::new("leasehold check");
    for Case { name, report } in cases {
        let status = match report.verdict {
            Verdict::Violated { .. } => TestCaseStatus::success(),
            _ => case_status(report),
        };
        let mut case = TestCase::new(name.as_str(), status);
        case.set_classname("leasehold.check");
        case.set_system_out(format!("{}\nAssuming: {}.", headline(&report.verdict), report.setup.sentence()));
        suite.add_test_case(case);
    }
    whole(suite, took)
}

fn whole(mut suite: TestSuite, took: Duration) -> Result<String> {
    suite.set_time(took);
    let mut junit = quick_junit::Report::new("leasehold");
    junit.add_test_suite(suite);
    junit.to_string().context("the JUnit file could not be made")
}
