//! `GET /metrics` in Prometheus' text format: the ledger's totals, and this process's counts.

use std::fmt::{Display, Write};

use axum::extract::State;
use http::header::{CONTENT_TYPE, HeaderName};
use outlay_core::ledger::EndedEarly;
use outlay_core::report::{self, Totals};

use super::error::ApiError;
use super::input::{Query, read};
use crate::{App, StatsView};

const TEXT: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];

pub(super) async fn show(
    State(app): State<App>,
    query: Query,
) -> Result<([(HeaderName, &'static str); 1], String), ApiError> {
    query.finish()?;
    let totals = read(&app, report::totals).await?;
    let seconds = app.started().elapsed().as_secs();
    Ok((TEXT, text(&totals, app.stats().view(), seconds)))
}

fn text(totals: &Totals, stats: StatsView, uptime_seconds: u64) -> String {
    let mut page = Page::default();
    calls(&mut page, totals);
    page.metric("outlay_calls_unpriced_total", "counter", "Billed calls of unknown cost.");
    for provider in &totals.providers {
        page.value(&[("provider", &provider.provider)], provider.unpriced_calls);
    }
    page.metric("outlay_cost_usd_total", "counter", "Money owed to providers, in US dollars.");
    for provider in &totals.providers {
        page.value(&[("provider", &provider.provider)], provider.cost);
    }
    page.metric(
        "outlay_cost_picodollars_total",
        "counter",
        "The same, exact: whole picodollars (1 USD = 10^12).",
    );
    for provider in &totals.providers {
        page.value(&[("provider", &provider.provider)], provider.cost.picodollars());
    }
    page.metric("outlay_refusals_total", "counter", "Calls that a limit stopped, by reason.");
    for ended in totals.ended_early.iter() {
        if let Some(reason) = &ended.refusal {
            page.value(&[("provider", &ended.provider), ("reason", reason)], ended.calls);
        }
    }
    page.metric("outlay_upstream_errors_total", "counter", "Errors of providers, by class.");
    for ended in totals.ended_early.iter().filter(|ended| ended.refusal.is_none()) {
        if let Some(kind) = &ended.error_kind {
            let labels = [
                ("provider", ended.provider.as_str()),
                ("error_kind", kind),
                ("status", &ended.status),
            ];
            page.value(&labels, ended.calls);
        }
    }
    page.metric(
        "outlay_limit_actions_total",
        "counter",
        "Calls that a limit delayed (waited), bounded (capped) or cut short (ended).",
    );
    for (action, calls) in &totals.limited {
        page.value(&[("action", action)], calls);
    }
    page.metric("outlay_calls_running", "gauge", "Calls that are running, of all processes.");
    page.value(&[], totals.running);
    process(&mut page, stats, uptime_seconds);
    page.0
}

/// What is billed and not estimated is settled.
fn calls(page: &mut Page, totals: &Totals) {
    page.metric("outlay_calls_total", "counter", "Calls by provider and what became of them.");
    let of = |wanted: &str, provider: &str| -> i64 {
        let matching = |ended: &&EndedEarly| ended.status == wanted && ended.provider == provider;
        totals.ended_early.iter().filter(matching).map(|ended| ended.calls).sum()
    };
    let mut names: Vec<&str> =
        totals.providers.iter().map(|total| total.provider.as_str()).collect();
    names.extend(totals.ended_early.iter().map(|ended| ended.provider.as_str()));
    names.sort_unstable();
    names.dedup();
    for name in names {
        let billed = totals.providers.iter().find(|total| total.provider == name);
        let estimated = of("estimated", name);
        let settled = billed.map_or(0, |total| total.calls) - estimated;
        for (status, calls) in [
            ("settled", settled),
            ("estimated", estimated),
            ("refused", of("refused", name)),
            ("failed", of("failed", name)),
        ] {
            page.value(&[("provider", name), ("status", status)], calls);
        }
    }
}

fn process(page: &mut Page, stats: StatsView, uptime_seconds: u64) {
    for (name, kind, help, value) in [
        (
            "outlay_process_uptime_seconds",
            "gauge",
            "How long this process has been running.",
            uptime_seconds,
        ),
        (
            "outlay_process_calls_total",
            "counter",
            "Calls that this process forwarded.",
            stats.calls,
        ),
        (
            "outlay_process_calls_running",
            "gauge",
            "Calls that this process is forwarding.",
            stats.running,
        ),
        (
            "outlay_process_refusals_total",
            "counter",
            "Calls that this process refused.",
            stats.refused,
        ),
        (
            "outlay_process_waits_total",
            "counter",
            "Calls of this process that waited for money that running ones held.",
            stats.waited,
        ),
        (
            "outlay_process_upstream_failures_total",
            "counter",
            "Requests of this process to which a provider did not answer.",
            stats.upstream_failures,
        ),
        (
            "outlay_process_ledger_failures_total",
            "counter",
            "Requests of this process not sent because the ledger could not be written.",
            stats.ledger_failures,
        ),
    ] {
        page.metric(name, kind, help);
        page.value(&[], value);
    }
}

/// The text so far; the name of the metric that is being written is its last `# TYPE`.
#[derive(Default)]
struct Page(String, &'static str);

impl Page {
    fn metric(&mut self, name: &'static str, kind: &str, help: &str) {
        // Writing to a String does not fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        self.1 = name;
    }

    fn value(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{}{labels} {value}", self.1);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use outlay_core::ledger::ProviderTotal;

    use super::*;

    #[test]
    fn totals_as_text() {
        let ended = |status: &str, kind: Option<&str>, refusal: Option<&str>, calls| EndedEarly {
            provider: "openai".into(),
            status: status.into(),
            error_kind: kind.map(str::to_owned),
            refusal: refusal.map(str::to_owned),
            calls,
        };
        let totals = Totals {
            providers: vec![ProviderTotal {
                provider: "openai".into(),
                calls: 7,
                unpriced_calls: 1,
                cost: "0.0123".parse().unwrap(),
            }],
            ended_early: vec![
                ended("estimated", None, None, 2),
                ended("failed", Some("rate_limit"), None, 3),
                ended("refused", None, Some("quota_exceeded"), 4),
                EndedEarly { provider: "a\"b\\c".into(), ..ended("failed", None, None, 1) },
            ],
            limited: vec![("capped".into(), 5)],
            running: 6,
        };
        insta::assert_snapshot!(text(&totals, StatsView { calls: 8, ..StatsView::default() }, 9));
    }
}
