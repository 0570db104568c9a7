//! Which settings are accepted, and with which words the others are refused.

use leasehold::core::{ClockBound, Config, ConfigError, Span, Timings};

fn timings(lease_duration_ms: u64, renew_deadline_ms: u64, retry_period_ms: u64) -> Timings {
    Timings {
        lease_duration: Span::from_millis(lease_duration_ms),
        renew_deadline: Span::from_millis(renew_deadline_ms),
        retry_period: Span::from_millis(retry_period_ms),
    }
}

fn refusal(result: Result<Config, ConfigError>) -> String {
    result.expect_err("the settings must be refused").to_string()
}

#[test]
fn client_go_checks_in_its_own_order_and_words() {
    let lease = "leaseDuration must be greater than renewDeadline";
    let jitter = "renewDeadline must be greater than retryPeriod*JitterFactor";
    for (settings, words) in [
        ((10_000, 10_000, 2_000), lease),
        ((10_000, 15_000, 20_000), lease),
        ((15_000, 10_000, 10_000), jitter),
        ((15_000, 6_000, 5_000), jitter),
        ((15_000, 0, 0), jitter),
        ((0, 0, 0), lease),
        ((15_000, 10_000, 0), "retryPeriod must be greater than zero"),
    ] {
        let (lease_duration, renew_deadline, retry_period) = settings;
        let settings = timings(lease_duration, renew_deadline, retry_period);
        assert_eq!(refusal(Config::client_go(settings)), words, "{settings}");
    }
}

#[test]
fn client_go_accepts_what_overlaps() {
    for settings in
        [timings(100_000, 90_000, 20_000), timings(120_000, 110_000, 90_000), timings(900, 800, 100)]
    {
        assert!(Config::client_go(settings).is_ok(), "{settings}");
    }
    assert!(Config::client_go(timings(15_000, 6_001, 5_000)).is_ok(), "just above 1.2 x RetryPeriod");
}

#[test]
fn strict_states_the_bound_it_used() {
    let bound = ClockBound { rate_error_ppm: 200_000, margin: Span::ZERO };
    let words = refusal(Config::strict(Timings::DEFAULT, bound));
    assert!(words.contains("e = 200000 ppm and margin 0s"), "{words}");
    assert!(words.contains("10s x (1 + e) + margin = 12s is not below 15s x (1 - e) = 12s"), "{words}");
}

#[test]
fn strict_accepts_up_to_its_bound() {
    let with = |rate_error_ppm, margin| {
        Config::strict(Timings::DEFAULT, ClockBound { rate_error_ppm, margin }).is_ok()
    };
    // 10 s x 1.2 = 15 s x 0.8: the largest error is just below 200,000 ppm.
    assert!(with(199_999, Span::ZERO));
    assert!(!with(200_000, Span::ZERO));
    assert!(with(0, Span::from_millis(4_999)));
    assert!(!with(0, Span::from_millis(5_000)));
    assert!(!with(1_000_000, Span::ZERO));
}

#[test]
fn strict_needs_a_retry_within_the_deadline() {
    let words = refusal(Config::strict(timings(15_000, 10_000, 10_000), ClockBound::DEFAULT));
    assert_eq!(words, "RetryPeriod 10s must be below RenewDeadline 10s");
}

#[test]
fn the_usual_request_timeout_is_half_the_deadline_and_at_least_a_second() {
    assert_eq!(Timings::DEFAULT.half_renew_deadline(), Span::from_secs(5));
    assert_eq!(timings(2_900, 1_500, 500).half_renew_deadline(), Span::from_secs(1));
    assert_eq!(
        refusal(Config::client_go(Timings::DEFAULT).and_then(|c| c.with_request_timeout(Some(Span::ZERO)))),
        "the request timeout must be greater than zero"
    );
}

#[test]
fn a_duration_that_no_lease_can_hold_is_refused() {
    let long = Timings { lease_duration: Span::from_secs(1 << 31), ..Timings::DEFAULT };
    assert!(refusal(Config::client_go(long)).contains("2147483648s does not fit leaseDurationSeconds"));
}
