//! What the ledger's tests share: an open ledger, a priced model, calls that ask and end.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions, not what they share")]

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::admission::Bounds;
use outlay_core::alert::Severity;
use outlay_core::budget::Window;
use outlay_core::cost::{Metered, bill};
use outlay_core::ledger::{
    Admission, BudgetChange, Due, ImportedCall, Ledger, NewCall, Opening, Reservation, Role,
    Settlement,
};
use outlay_core::money::{Money, Rate};
use outlay_core::price::UserPrice;
use outlay_core::report;
use outlay_core::usage::Usage;
use uuid::{NoContext, Timestamp, Uuid};

pub(crate) const UTC: chrono_tz::Tz = chrono_tz::UTC;

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn open(folder: impl AsRef<Path>) -> Ledger {
    let opening = Opening { role: Role::Forward, now: noon(), changed: Arc::new(|| {}) };
    Ledger::open(folder.as_ref(), opening).unwrap()
}

pub(crate) fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// A model whose answers cost $10 per million tokens and whose prompts are free.
pub(crate) fn price_demo(ledger: &Ledger) {
    let price = UserPrice {
        provider: None,
        model: "demo".into(),
        input: Rate::FREE,
        output: Rate::usd_per("10", 1_000_000).unwrap(),
        cache_read: None,
        cache_write: None,
        set_at: noon() - TimeDelta::days(30),
    };
    ledger.set_price(price, noon()).wait().unwrap();
}

pub(crate) fn hard(name: &str, limit: &str, window: Window) -> BudgetChange {
    BudgetChange {
        name: name.into(),
        limit: Some(limit.into()),
        window: Some(window),
        ..BudgetChange::default()
    }
}

pub(crate) fn set(ledger: &Ledger, change: BudgetChange) {
    ledger.set_budget(change, "cli", noon(), UTC).wait().unwrap();
}

/// A call of `demo` that may generate `output_max` tokens: 200 are $0.002.
pub(crate) fn call(at: DateTime<Utc>, output_max: Option<u64>) -> NewCall {
    let seconds = u64::try_from(at.timestamp()).unwrap();
    NewCall {
        id: Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, at.timestamp_subsec_nanos())),
        at,
        source: "proxy".into(),
        provider: "openai".into(),
        model_requested: Some("demo".into()),
        project: None,
        session: None,
        client: None,
        key: None,
        tags: String::new(),
        run: None,
        plan_login: false,
        service_tier: None,
        bounds: Bounds {
            input_tokens_max: 100,
            input_tokens_usual: 50,
            output_tokens_max: output_max,
            output_tokens_default: 16_384,
            default_is_proven: true,
            output_tokens_floor: 16,
            can_cap: true,
            can_stop: false,
            is_bounded: true,
        },
        is_strict: false,
    }
}

/// The same call, bounded otherwise.
pub(crate) fn bounded(call: NewCall, change: impl FnOnce(&mut Bounds)) -> NewCall {
    let mut bounds = call.bounds;
    change(&mut bounds);
    NewCall { bounds, ..call }
}

pub(crate) fn settlement(ledger: &Ledger, output: u64, at: DateTime<Utc>) -> Settlement {
    let usage = Usage { input_tokens: 10, output_tokens: output, ..Usage::default() };
    let metered = Metered { usage: Some(usage), model: Some("demo".into()), ..Metered::default() };
    Settlement {
        bill: Some(bill(&ledger.prices(), "openai", "demo", &metered, at)),
        model: Some("demo".into()),
        response_id: Some("resp-1".into()),
        turn_prompt_tokens: None,
        output_shown_tokens: None,
        http_status: Some(200),
        error_kind: None,
        duration: Some(TimeDelta::milliseconds(1_234)),
        first_byte: Some(TimeDelta::milliseconds(200)),
        at,
        ended: false,
    }
}

pub(crate) fn admitted(admission: Admission) -> Reservation {
    match admission {
        Admission::Admitted { reservation, .. } => reservation,
        other => panic!("not admitted: {other:?}"),
    }
}

pub(crate) fn spend(ledger: &Ledger, output: u64, at: DateTime<Utc>) {
    let reservation = admitted(ledger.reserve(call(at, Some(output))).wait().unwrap());
    reservation.mark_sent();
    reservation.settle(settlement(ledger, output, at)).wait().unwrap();
}

pub(crate) fn day(ledger: &Ledger, at: DateTime<Utc>) -> report::BudgetView {
    report::budget(ledger, "day", at).unwrap().unwrap()
}

/// The alerts that are handed to the desktop and taken for it.
pub(crate) fn told(ledger: &Ledger, now: DateTime<Utc>) -> Vec<Due> {
    ledger.dispatch_alerts(Arc::from(["desktop".to_owned()]), now).wait().unwrap();
    ledger.claim_alerts("desktop".into(), Severity::Info, now).wait().unwrap()
}

/// An entry of a log: `output` tokens of `demo`, which cost $10 per million.
pub(crate) fn entry(key: u8, output: u64, ended: DateTime<Utc>) -> ImportedCall {
    ImportedCall {
        key: [key; 16],
        ended,
        duration: None,
        source: "import:codex".into(),
        provider: "openai".into(),
        model: Some("demo".into()),
        project: Some("shop".into()),
        session: None,
        client: Some("codex".into()),
        tags: "".into(),
        service_tier: None,
        usage: Usage { input_tokens: 10, output_tokens: output, ..Usage::default() },
        cost_logged: None,
        response_id: None,
        plan_login: false,
        is_billing_told: false,
    }
}
