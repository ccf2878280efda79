//! A ledger with a known day in it, for the tests of what is printed.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use outlay_core::admission::Bounds;
use outlay_core::budget::{BudgetKind, BudgetUnit, Scope, Window};
use outlay_core::cost::{self, Metered};
use outlay_core::ledger::{
    Admission, BudgetChange, Ledger, NewCall, Opening, Reservation, Role, Settlement,
};
use outlay_core::money::Rate;
use outlay_core::price::UserPrice;
use outlay_core::usage::Usage;
use outlay_host::config::Config;
use outlay_host::folders::Folders;
use uuid::Uuid;

use crate::session::Session;

/// Noon of 21 November 2026 in UTC; the zone is Europe/Berlin.
pub(crate) struct Day {
    pub(crate) ledger: Ledger,
    pub(crate) now: DateTime<Utc>,
    pub(crate) zone: Tz,
    folder: tempfile::TempDir,
}

/// What a call of the day is like.
struct Call {
    at: &'static str,
    provider: &'static str,
    model: &'static str,
    project: Option<&'static str>,
    input: u64,
    output: u64,
}

impl Day {
    /// Nothing has happened.
    pub(crate) fn empty() -> Day {
        let folder = tempfile::tempdir().unwrap();
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let opening = Opening { role: Role::Forward, now, changed: Arc::new(|| {}) };
        let ledger = Ledger::open(folder.path(), opening).unwrap();
        Day { ledger, now, zone: Tz::Europe__Berlin, folder }
    }

    /// One call yesterday; three settled ones, a failed and a refused one today. The hard budget
    /// of the day is used up to the last digit.
    pub(crate) fn full() -> Day {
        let day = Day::empty();
        let per_million = |usd: &str| Rate::usd_per(usd, 1_000_000).unwrap();
        let price = UserPrice {
            provider: Some("openai".to_owned()),
            model: "story-model".to_owned(),
            input: Rate::FREE,
            output: per_million("10"),
            cache_read: None,
            cache_write: None,
            set_at: day.now - TimeDelta::days(2),
        };
        day.ledger.set_price(price, day.now).wait().unwrap();
        let balance = "12.40".parse().unwrap();
        day.ledger.add_grant("openai".to_owned(), balance, None, None, day.now).wait().unwrap();
        day.ledger.warn_balance("openai".to_owned(), "2".parse().unwrap(), day.now).wait().unwrap();
        let story = Call {
            at: "2026-11-20T15:00:00Z",
            provider: "openai",
            model: "story-model",
            project: None,
            input: 10,
            output: 200,
        };
        day.settled(&story);
        day.set_budget("day", "1", "day", |_| {});
        day.set_budget("month", "20", "month", |change| change.kind = Some(BudgetKind::Soft));
        day.set_budget("demo", "200000", "week", |change| {
            change.unit = Some(BudgetUnit::Tokens);
            change.kind = Some(BudgetKind::Soft);
            change.scope = Some(Scope { project: Some("demo".to_owned()), ..Scope::default() });
        });
        day.settled(&Call { at: "2026-11-21T09:00:00Z", project: Some("demo"), ..story });
        let failed = Call { at: "2026-11-21T09:30:00Z", ..story };
        let settlement = Settlement {
            http_status: Some(429),
            error_kind: Some("rate_limit"),
            ..settlement(&day.ledger, &failed, None)
        };
        day.admitted(&failed).settle(settlement).wait().unwrap();
        day.settled(&Call { at: "2026-11-21T10:00:00Z", ..story });
        day.settled(&Call {
            at: "2026-11-21T10:30:00Z",
            provider: "anthropic",
            model: "claude-haiku-4-5",
            project: Some("other"),
            input: 20,
            output: 10,
        });
        day.set_budget("day", "0.00407", "day", |_| {});
        let refused = Call { at: "2026-11-21T11:00:00Z", ..story };
        let admission = day.ledger.reserve(refused.new_call()).wait().unwrap();
        assert!(matches!(admission, Admission::Refused(_)), "{admission:?}");
        day
    }

    /// Creates a budget; `more` sets what is not usual of it.
    pub(crate) fn set_budget(
        &self,
        name: &str,
        limit: &str,
        window: &str,
        more: impl FnOnce(&mut BudgetChange),
    ) {
        let mut change = BudgetChange {
            name: name.to_owned(),
            limit: Some(limit.to_owned()),
            window: Some(Window::parse(window).unwrap()),
            ..BudgetChange::default()
        };
        more(&mut change);
        self.ledger.set_budget(change, "cli", self.now, self.zone).wait().unwrap();
    }

    /// A command's surroundings on this day.
    pub(crate) fn session(&self) -> Session {
        let data = self.folder.path().to_owned();
        Session {
            folders: Folders::new(Some(data.clone()), Some(data.join("outlay.toml"))).unwrap(),
            config: Config::default(),
            zone: self.zone,
            now: self.now,
        }
    }

    fn admitted(&self, call: &Call) -> Reservation {
        match self.ledger.reserve(call.new_call()).wait().unwrap() {
            Admission::Admitted { reservation, .. } => reservation,
            other => panic!("{other:?}"),
        }
    }

    fn settled(&self, call: &Call) {
        let usage =
            Usage { input_tokens: call.input, output_tokens: call.output, ..Usage::default() };
        let settlement = settlement(&self.ledger, call, Some(usage));
        self.admitted(call).settle(settlement).wait().unwrap();
    }
}

impl Call {
    fn at(&self) -> DateTime<Utc> {
        self.at.parse().unwrap()
    }

    /// Today's calls to OpenAI are those of one `outlay run`.
    fn is_of_the_run(&self) -> bool {
        self.provider == "openai" && self.at.starts_with("2026-11-21")
    }

    fn new_call(&self) -> NewCall {
        let at = self.at();
        let ms = u64::try_from(at.timestamp_millis()).unwrap();
        NewCall {
            // The same on every run, another for every call.
            id: uuid::Builder::from_unix_timestamp_millis(ms, &[(ms / 60_000 % 251) as u8; 10])
                .into_uuid(),
            at,
            source: "proxy".to_owned(),
            provider: self.provider.to_owned(),
            model_requested: Some(self.model.to_owned()),
            project: self.project.map(str::to_owned),
            session: None,
            client: Some("curl".to_owned()),
            key: Some(format!("{:0>16}", self.provider.len())),
            tags: "run=7;team=a".to_owned(),
            run: self.is_of_the_run().then(|| "1f2e".to_owned()),
            plan_login: false,
            service_tier: None,
            bounds: Bounds {
                input_tokens_max: self.input,
                input_tokens_usual: self.input.div_ceil(2),
                output_tokens_max: Some(self.output),
                output_tokens_default: 16_384,
                default_is_proven: true,
                output_tokens_floor: 1,
                can_cap: true,
                can_stop: false,
                is_bounded: true,
            },
            is_strict: false,
        }
    }
}

fn settlement(ledger: &Ledger, call: &Call, usage: Option<Usage>) -> Settlement {
    let metered = Metered { usage, model: Some(call.model.to_owned()), ..Metered::default() };
    let list = ledger.prices();
    Settlement {
        bill: usage.map(|_| cost::bill(&list, call.provider, call.model, &metered, call.at())),
        model: Some(call.model.to_owned()),
        response_id: usage.map(|_| format!("answer-{}", Uuid::nil().simple())),
        turn_prompt_tokens: None,
        output_shown_tokens: None,
        http_status: Some(200),
        error_kind: None,
        duration: Some(TimeDelta::milliseconds(1_500)),
        first_byte: Some(TimeDelta::milliseconds(300)),
        at: call.at() + TimeDelta::milliseconds(1_500),
        ended: false,
    }
}
