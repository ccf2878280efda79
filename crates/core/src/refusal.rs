//! Why a call was not sent: the figures at that instant, one sentence, and the ways to go on.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::admission::RefusalReason;
use crate::alert::reset_text;
use crate::budget::{BudgetUnit, Quantity, QuotaStanding, Scope};
use crate::money::{Money, PICODOLLARS_PER_USD};

/// Why a call was not sent, with the figures at that instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The call's id; of one among many refused alike, the one they are counted in.
    pub call: Uuid,
    /// Why.
    pub reason: RefusalReason,
    /// The budget that stopped it; `None` where none did.
    pub budget: Option<BudgetStop>,
    /// What it repeats, where that is why.
    pub repetition: Option<Repetition>,
    /// The account that has too little left, where that is why.
    pub credit: Option<CreditStop>,
    /// What is left of the account's prepaid credit; `None` if unknown.
    pub balance_remaining: Option<Money>,
    /// The model asked for.
    pub model: Option<String>,
    /// Provider name as in the route.
    pub provider: String,
    /// For the `X-Quota-*` headers.
    pub standing: Option<QuotaStanding>,
}

/// The budget that stopped a call, as it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetStop {
    /// Its name.
    pub name: String,
    /// Its window (`day`, `5h`).
    pub window: String,
    /// What it counts.
    pub scope: Scope,
    /// The period's limit, with raises.
    pub limit: Quantity,
    /// Settled in the period.
    pub used: Quantity,
    /// Held by running calls.
    pub held: Quantity,
    /// What this call needs; 0 where unknown.
    pub needed: Quantity,
    /// What is left in the period, never below zero.
    pub remaining: Quantity,
    /// What is left of its top-up reserve.
    pub credits_remaining: Quantity,
    /// When the call would fit by itself; `None` where it never does.
    pub reset: Option<DateTime<Utc>>,
    /// The zone in which the budget's days begin.
    pub timezone: chrono_tz::Tz,
}

/// A raise that is offered.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Raise {
    /// By how much, as typed.
    pub by: String,
    /// The budget's unit.
    pub unit: BudgetUnit,
}

impl Raise {
    /// What is offered wherever a raise of a budget is, of which `taken` is spent, held and needed: enough
    /// for that, and a third of its limit at least.
    #[must_use]
    pub fn of(limit: Quantity, taken: i64) -> Raise {
        Raise::by(raise_by(limit, taken))
    }

    fn by(by: Quantity) -> Raise {
        Raise { by: typed(by), unit: by.unit }
    }

    /// The command that raises the budget by so much.
    #[must_use]
    pub fn command(&self, budget: &str) -> String {
        format!("outlay budget raise {} --by {}", quoted(budget), self.by)
    }
}

impl std::fmt::Display for Raise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.unit {
            BudgetUnit::Usd => write!(f, "${}", self.by),
            unit if self.by == "1" => f.write_str(&Quantity { unit, count: 1 }.spoken()),
            unit => write!(f, "{} {}", self.by, unit.as_str()),
        }
    }
}

/// The account that has too little left for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditStop {
    /// Its name.
    pub account: String,
    /// At or below it calls are refused; `None` where the provider said that nothing is left.
    pub floor: Option<Money>,
}

/// What a call repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repetition {
    /// What happened, as a part of a sentence: `the same request was sent 10 times in 5 minutes`.
    pub what: String,
    /// When calls pass again.
    pub until: DateTime<Utc>,
}

/// One way to go on after a refusal.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RefusalOption {
    /// `raise topup set price wait`.
    pub action: &'static str,
    /// The command that does it; `None` for waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The limit that it leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Quantity>,
    /// When waiting ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// The sentence that the user reads, wherever the refusal is shown.
#[must_use]
pub fn message(refusal: &Refusal) -> String {
    if let Some(repetition) = &refusal.repetition {
        let what = Some(repetition.what.as_str()).filter(|what| !reads_as_status(what));
        return format!(
            "Outlay: stopped as runaway spending: {}. Calls pass again at {} if that stops. To go on at once: {BYPASS}",
            what.unwrap_or("the same again and again"),
            repetition.until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        );
    }
    let Some(stop) = &refusal.budget else { return empty_message(refusal) };
    let budget = &stop.name;
    let model = refusal.model.as_deref().unwrap_or("(none named)");
    match refusal.reason {
        RefusalReason::UnpricedModel if refusal.model.is_none() => format!(
            "Outlay: this request names no model that could be read, so hard budget '{budget}' cannot bound what it costs. Is its body whole? To let all such calls pass: {}",
            allow_command(stop)
        ),
        RefusalReason::UnpricedModel => format!(
            "Outlay: model '{model}' has no price, so hard budget '{budget}' cannot bound it. To go on: {}",
            price_command(refusal)
        ),
        RefusalReason::BudgetBusy => format!(
            "Outlay: what is left of hard budget '{budget}' is held by running calls{}. Try again when they have ended",
            unless_status(format!(
                " ({} held, this call needs about {})",
                stop.held.spoken(),
                stop.needed.spoken()
            ))
        ),
        RefusalReason::QuotaExceeded
        | RefusalReason::BalanceEmpty
        | RefusalReason::LoopDetected => {
            let room = stop.limit.count.saturating_add(stop.credits_remaining.count);
            let state = match () {
                () if stop.used.count >= stop.limit.count => "is used up",
                () if stop.needed.count > room => "is too small for this call",
                () => "is nearly used up",
            };
            let resets = stop
                .reset
                .map(|reset| format!(" Resets {}.", reset_text(reset, stop.timezone)))
                .unwrap_or_default();
            format!(
                "Outlay: hard budget '{budget}'{} {state}{}.{resets} To go on: {}",
                unless_status(format!(" of {}", stop.limit.spoken())),
                unless_status(format!(
                    " ({} spent, this call needs about {})",
                    stop.used.spoken(),
                    stop.needed.spoken()
                )),
                raise_command(stop).0
            )
        }
    }
}

fn empty_message(refusal: &Refusal) -> String {
    let provider = &refusal.provider;
    let account = refusal.credit.as_ref().map_or(provider, |credit| &credit.account);
    let set = format!("outlay balance set {} USD", quoted(account));
    let floor = refusal.credit.as_ref().and_then(|credit| credit.floor);
    let Some((left, floor)) = refusal.balance_remaining.zip(floor) else {
        return format!(
            "Outlay: {provider} said that account '{account}' has no credit left. Top it up there, then run: {set}"
        );
    };
    let figures = unless_status(format!(" (${left} left, floor ${floor})"));
    format!(
        "Outlay: the balance of account '{account}' is at its floor{figures}. Top it up with {provider}, then run: {set}"
    )
}

/// The clause, where its figures cannot be taken for the status of a failure that passes: there are
/// clients that look for one in the sentence, and ask again and again.
fn unless_status(clause: String) -> String {
    if reads_as_status(&clause) { String::new() } else { clause }
}

fn reads_as_status(text: &str) -> bool {
    const STATUSES: [&str; 6] = ["429", "500", "501", "502", "503", "504"];
    let mut words = text.split(|byte: char| !byte.is_ascii_alphanumeric());
    words.any(|word| STATUSES.contains(&word))
}

/// Lets no limit refuse for a while.
const BYPASS: &str = "outlay bypass 10m";

/// The ways to go on, the mildest first. Only commands that exist.
#[must_use]
pub fn options(refusal: &Refusal) -> Vec<RefusalOption> {
    let with = |action, command: String, limit| RefusalOption {
        action,
        command: Some(command),
        limit,
        until: None,
    };
    let wait = |until| RefusalOption { action: "wait", command: None, limit: None, until };
    if let Some(repetition) = &refusal.repetition {
        return vec![with("bypass", BYPASS.to_owned(), None), wait(Some(repetition.until))];
    }
    if let Some(credit) = &refusal.credit {
        let account = quoted(&credit.account);
        let mut options = vec![
            with("topup", format!("outlay balance add {account} USD"), None),
            with("set", format!("outlay balance set {account} USD"), None),
        ];
        if credit.floor.is_some() {
            options.push(with("floor", format!("outlay balance floor {account} off"), None));
        }
        options.push(with("bypass", BYPASS.to_owned(), None));
        return options;
    }
    let Some(stop) = &refusal.budget else { return Vec::new() };
    let budget = quoted(&stop.name);
    let mut options = Vec::new();
    match refusal.reason {
        RefusalReason::UnpricedModel => {
            if refusal.model.is_some() {
                options.push(with("price", price_command(refusal), None));
            }
            options.push(with("allow", allow_command(stop), None));
        }
        RefusalReason::BudgetBusy => {}
        RefusalReason::QuotaExceeded
        | RefusalReason::BalanceEmpty
        | RefusalReason::LoopDetected => {
            let (raise, raised) = raise_command(stop);
            options.push(with("raise", raise, Some(raised)));
            let reserve =
                round_up(stop.limit, shortfall(stop.limit, taken(stop)).max(stop.limit.count));
            options.push(with(
                "topup",
                format!("outlay budget topup {budget} --by {}", typed(reserve)),
                None,
            ));
            let limit = round_up(stop.limit, taken(stop).max(stop.limit.count.saturating_mul(2)));
            let command = format!("outlay budget set {budget} --limit {}", typed(limit));
            options.push(with("set", command, Some(limit)));
        }
    }
    if stop.reset.is_some() && refusal.reason != RefusalReason::UnpricedModel {
        options.push(wait(stop.reset));
    }
    options
}

/// By how much to raise a budget of which `taken` is spent, held and needed: enough for that, and a
/// third of its limit at least.
fn raise_by(limit: Quantity, taken: i64) -> Quantity {
    round_up(limit, shortfall(limit, taken).max(limit.count / 3))
}

/// By how much the budget that stopped the call is to be raised; `None` where none did.
#[must_use]
pub fn offered_raise(refusal: &Refusal) -> Option<Raise> {
    refusal.budget.as_ref().map(|stop| Raise::of(stop.limit, taken(stop)))
}

/// A quantity as one types it: whole dollars without decimals.
fn typed(quantity: Quantity) -> String {
    match quantity.unit {
        BudgetUnit::Usd if quantity.count % PICODOLLARS_PER_USD == 0 => {
            (quantity.count / PICODOLLARS_PER_USD).to_string()
        }
        _ => quantity.to_string(),
    }
}

fn price_command(refusal: &Refusal) -> String {
    let model = quoted(refusal.model.as_deref().unwrap_or("MODEL"));
    let provider = quoted(&refusal.provider);
    format!("outlay prices set {model} --provider {provider} --input N --output N")
}

fn allow_command(stop: &BudgetStop) -> String {
    format!("outlay budget set {} --allow-unpriced", quoted(&stop.name))
}

/// A name as a shell reads it back: agents paste what they are told.
#[must_use]
pub fn quoted(name: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/:@-".contains(&byte);
    if !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("'{}'", name.replace('\'', r"'\''")))
}

fn raise_command(stop: &BudgetStop) -> (String, Quantity) {
    let by = raise_by(stop.limit, taken(stop));
    let raised = Quantity { count: stop.limit.count.saturating_add(by.count), ..by };
    (Raise::by(by).command(&stop.name), raised)
}

/// What is gone of the budget once this call has run.
fn taken(stop: &BudgetStop) -> i64 {
    stop.used.count.saturating_add(stop.held.count).saturating_add(stop.needed.count)
}

/// How much more the budget needs for all that to fit.
fn shortfall(limit: Quantity, taken: i64) -> i64 {
    taken.saturating_sub(limit.count).max(1)
}

/// The next of 1, 2, 5, 10, 20 … cents, tokens or calls (whole fractions of a cent below one) that
/// does not read as a status.
fn round_up(like: Quantity, count: i64) -> Quantity {
    let mut step: i64 = 1;
    while step < count || reads_as_status(&typed(Quantity { count: step, unit: like.unit })) {
        let leading = step.to_string().starts_with('2');
        step = if leading { step / 2 * 5 } else { step.saturating_mul(2) };
        if step == i64::MAX {
            break;
        }
    }
    Quantity { count: step.max(count), unit: like.unit }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: RefusalReason, limit: i64, used: i64, unit: BudgetUnit) -> Refusal {
        let count = |count| Quantity { unit, count };
        let stop = BudgetStop {
            name: "day".into(),
            window: "day".into(),
            scope: Scope::default(),
            limit: count(limit),
            used: count(used),
            held: count(502),
            needed: count(7),
            remaining: count(0),
            credits_remaining: count(0),
            reset: None,
            timezone: chrono_tz::UTC,
        };
        Refusal {
            call: Uuid::nil(),
            reason,
            budget: Some(stop),
            repetition: None,
            credit: None,
            balance_remaining: None,
            model: None,
            provider: "openai".into(),
            standing: None,
        }
    }

    #[test]
    fn no_sentence_reads_like_a_failure_that_passes() {
        use BudgetUnit::{Calls, Tokens, Usd};
        use RefusalReason::{BudgetBusy, QuotaExceeded};
        let usd = PICODOLLARS_PER_USD;
        for (reason, limit, used, unit, part) in [
            (QuotaExceeded, 500, 499, Calls, "budget 'day' is nearly used up (499"),
            (QuotaExceeded, 1, 0, Tokens, "of 1 token is too small for this call (0 tokens spent"),
            (QuotaExceeded, 429, 100, Tokens, "budget 'day' is nearly used up (100"),
            (QuotaExceeded, 900, 503, Calls, "is nearly used up. To go on"),
            (QuotaExceeded, 500 * usd, 500 * usd, Usd, "budget 'day' is used up. To go on"),
            (QuotaExceeded, 1_450, 1_450, Calls, "--by 1000"),
            (QuotaExceeded, 1_450 * usd, 1_450 * usd, Usd, "--by 1000"),
            (BudgetBusy, 900, 1, Calls, "held by running calls. Try"),
        ] {
            let refusal = refused(reason, limit, used, unit);
            let said = message(&refusal);
            assert!(said.contains(part), "{limit} {used}: {said}");
            let commands = options(&refusal).into_iter().filter_map(|option| option.command);
            for text in commands.chain([said]) {
                assert!(!reads_as_status(&text), "{text}");
            }
        }
        let what = "the same request was sent 500 times".to_owned();
        let repetition = Some(Repetition { what, until: DateTime::UNIX_EPOCH });
        let refusal = Refusal { repetition, ..refused(QuotaExceeded, 1, 1, Calls) };
        assert!(message(&refusal).contains("the same again and again"));
    }

    #[test]
    fn an_account_with_too_little_left_says_what_to_do() {
        let usd = |text: &str| text.parse::<Money>().ok();
        let options_of = |refusal: &Refusal| {
            let commands = options(refusal).into_iter().filter_map(|option| option.command);
            commands.collect::<Vec<_>>()
        };
        for (account, floor, left, message_expected, floor_command) in [
            (
                "work",
                usd("2"),
                usd("1.5"),
                "Outlay: the balance of account 'work' is at its floor ($1.50 left, floor $2.00). Top it up with openai, then run: outlay balance set work USD",
                Some("outlay balance floor work off"),
            ),
            (
                "my work",
                usd("2"),
                usd("0.502"),
                "Outlay: the balance of account 'my work' is at its floor. Top it up with openai, then run: outlay balance set 'my work' USD",
                Some("outlay balance floor 'my work' off"),
            ),
            (
                "openai",
                None,
                usd("12"),
                "Outlay: openai said that account 'openai' has no credit left. Top it up there, then run: outlay balance set openai USD",
                None,
            ),
        ] {
            let refusal = Refusal {
                budget: None,
                credit: Some(CreditStop { account: account.to_owned(), floor }),
                balance_remaining: left,
                ..refused(RefusalReason::BalanceEmpty, 1, 1, BudgetUnit::Usd)
            };
            assert_eq!(message(&refusal), message_expected);
            let commands = options_of(&refusal);
            assert_eq!(
                commands.iter().find(|c| c.contains("floor")).map(String::as_str),
                floor_command
            );
            assert_eq!(commands.last().map(String::as_str), Some(BYPASS));
        }
    }

    #[test]
    fn what_reads_as_a_status() {
        for (text, expected) in [
            ("429 calls", true),
            ("$500.00", true),
            ("$0.502 left", true),
            ("1,504", true),
            ("$5.00", false),
            ("5000 tokens", false),
            ("429x", false),
            ("505", false),
        ] {
            assert_eq!(reads_as_status(text), expected, "{text}");
        }
    }
}
