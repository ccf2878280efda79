//! Why a call was refused, made to wait, capped or ended: what was looked at and what was done.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::calls::{BudgetShare, CallView, share, view};
use crate::admission::Verdict;
use crate::budget::BudgetUnit;
use crate::ledger::query;
use crate::ledger::{DecisionView, Ledger, LedgerError, LookView};
use crate::money::Money;

/// `GET /api/v1/calls/{id}/explanation`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Explanation {
    /// What was done and why, in a sentence or two.
    pub message: String,
    /// The decisions over the call, oldest first; none where every budget had room.
    pub decisions: Vec<DecisionView>,
    /// The most it could be billed, known before it was sent.
    pub ceiling_usd: Option<Money>,
    /// The output cap that was set on it.
    pub output_cap: Option<i64>,
    /// What it holds in its budgets, or was charged there.
    pub budgets: Vec<BudgetShare>,
    /// The call.
    pub call: CallView,
}

/// What limits did to the call and why; `None` where there is no such call.
///
/// # Errors
/// When the file cannot be read.
pub fn explanation(ledger: &Ledger, id: Uuid) -> Result<Option<Explanation>, LedgerError> {
    ledger.read(|connection| {
        let Some(row) = query::call(connection, id)? else { return Ok(None) };
        let decisions = query::decisions(connection, row.seq)?;
        let budgets = query::shares(connection, row.seq)?.into_iter().map(share).collect();
        let (ceiling_usd, output_cap) = (row.ceiling, row.output_cap);
        let call = view(row);
        let message = message(&call, &decisions, output_cap);
        Ok(Some(Explanation { message, decisions, ceiling_usd, output_cap, budgets, call }))
    })
}

/// The last call that was refused, made to wait, capped or ended; `None` where there is none yet.
///
/// # Errors
/// When the file cannot be read.
pub fn last_limited(ledger: &Ledger) -> Result<Option<Uuid>, LedgerError> {
    ledger.read(|connection| Ok(query::last_limited(connection)?))
}

fn message(call: &CallView, decisions: &[DecisionView], output_cap: Option<i64>) -> String {
    let done = match (call.status.as_str(), call.limit_action.as_deref()) {
        ("refused", _) => refused(call, decisions),
        ("waiting", _) => waits(decisions),
        (_, Some("ended")) => ended(decisions, output_cap.filter(|cap| is_reached(call, *cap))),
        (_, Some("capped")) => capped(decisions, output_cap),
        (_, Some("waited")) => {
            "It waited for money that running calls held, and was let go.".into()
        }
        _ if decisions.is_empty() => {
            "No limit did anything to it: every budget that counts it had room.".to_owned()
        }
        _ => "It was let go near a limit and was watched as it ran.".to_owned(),
    };
    let waited = waited(decisions).map(|waited| format!("{waited} ")).unwrap_or_default();
    let again = match call.repeats {
        0 => String::new(),
        1 => " The same call was refused once more.".to_owned(),
        times => format!(" The same call was refused {times} times more."),
    };
    format!("{waited}{done}{again}")
}

fn refused(call: &CallView, decisions: &[DecisionView]) -> String {
    let reason = call.refusal.as_deref().unwrap_or("unknown");
    let Some(look) = decisions.last().and_then(|decision| stopping(call, decision)) else {
        return match reason {
            "loop_detected" => {
                "It was refused because it repeated earlier calls; no budget stopped it.".to_owned()
            }
            "balance_empty" => format!(
                "It was refused because too little credit was left in account '{}', and no budget stopped it: outlay balance list shows what is left, and the floor.",
                call.account
            ),
            reason => format!("It was refused ({reason})."),
        };
    };
    let budget = format!("hard budget '{}' of {}", look.budget, spoken(look.unit, &look.limit));
    let (spent, held, needed) = (
        spoken(look.unit, &look.spent),
        spoken(look.unit, &look.held),
        spoken(look.unit, &look.needed),
    );
    match look.verdict {
        Verdict::Unpriced => {
            let model = call.model_requested.as_deref().unwrap_or("(none named)");
            format!(
                "It was refused because model '{model}' has no price, so {budget} cannot bound it."
            )
        }
        Verdict::Held => format!(
            "It was refused because what is left of {budget} was held by running calls: {spent} spent, {held} held, {needed} needed."
        ),
        _ => format!(
            "It was refused because {budget} could not pay for it: {spent} spent, {held} held, {needed} needed."
        ),
    }
}

/// The budget that stopped it.
fn stopping<'a>(call: &CallView, decision: &'a DecisionView) -> Option<&'a LookView> {
    let named = |look: &&LookView| call.refused_by.as_deref() == Some(look.budget.as_str());
    decision.budgets.iter().find(named)
}

fn waits(decisions: &[DecisionView]) -> String {
    match decisions.last().and_then(holding) {
        Some(look) => format!(
            "It waits for {} of budget '{}', of which running calls hold {}.",
            spoken(look.unit, &look.needed),
            look.budget,
            spoken(look.unit, &look.held)
        ),
        None => "It waits for money that running calls hold.".to_owned(),
    }
}

fn holding(decision: &DecisionView) -> Option<&LookView> {
    decision.budgets.iter().find(|look| look.verdict == Verdict::Held)
}

fn capped(decisions: &[DecisionView], output_cap: Option<i64>) -> String {
    let cap = output_cap.map(|cap| format!(" to {cap} tokens")).unwrap_or_default();
    let watching = |look: &&LookView| look.verdict == Verdict::FitsWatched;
    match decisions.last().and_then(|decision| decision.budgets.iter().find(watching)) {
        Some(look) => format!(
            "Its output cap was set{cap}, which is what budget '{}' could pay for.",
            look.budget
        ),
        None => format!(
            "Its output cap was set{cap}, so that what it can cost is known; every budget had room."
        ),
    }
}

fn is_reached(call: &CallView, output_cap: i64) -> bool {
    call.output_tokens.is_some_and(|written| written >= output_cap)
}

/// `cap_reached`: the output cap at which it was cut, if one did that.
fn ended(decisions: &[DecisionView], cap_reached: Option<i64>) -> String {
    let how = match cap_reached {
        Some(cap) => format!("was cut at its output cap of {cap} tokens, which a limit set"),
        None => "was ended as it ran".to_owned(),
    };
    let short = |look: &&LookView| look.verdict == Verdict::Exceeded;
    match decisions.last().and_then(|decision| decision.budgets.iter().find(short)) {
        Some(look) => format!(
            "Its answer {how}: budget '{}' of {} could pay for no more.",
            look.budget,
            spoken(look.unit, &look.limit)
        ),
        None => format!("Its answer {how}: a budget could pay for no more."),
    }
}

/// How long it waited before it was decided over for good.
fn waited(decisions: &[DecisionView]) -> Option<String> {
    let first = decisions.first().filter(|decision| decision.action == "waits")?;
    let later = decisions.get(1)?;
    let budget = holding(first).map(|look| format!(" before budget '{}'", look.budget));
    let tenths = (later.at - first.at).num_milliseconds() / 100;
    Some(format!("It waited {}.{} s{}.", tenths / 10, tenths % 10, budget.unwrap_or_default()))
}

/// An amount of a decision in a sentence: `$4.98`, `200 tokens`.
fn spoken(unit: BudgetUnit, amount: &Value) -> String {
    match (unit, amount) {
        (BudgetUnit::Usd, Value::String(text)) => format!("${text}"),
        (unit, amount) => format!("{amount} {}", unit.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decision(at: &str, action: &str, verdict: &str) -> DecisionView {
        serde_json::from_value(json!({
            "at": at,
            "action": action,
            "input_tokens_max": 1_000,
            "input_tokens_expected": null,
            "output_tokens_max": 500,
            "output_tokens_expected": null,
            "output_cap": null,
            "covered_tokens": null,
            "ceiling_usd": "0.12",
            "budgets": [
                { "budget": "month", "kind": "hard", "window": "month", "unit": "tokens",
                  "scope": {}, "limit": 9_000, "credits": 0, "spent": 0, "held": 0,
                  "needed": 1_500, "verdict": "fits" },
                { "budget": "day", "kind": "hard", "window": "day", "unit": "USD", "scope": {},
                  "limit": "5.00", "credits": "0.00", "spent": "4.98", "held": "0.01",
                  "needed": "0.12", "verdict": verdict },
            ],
        }))
        .unwrap()
    }

    fn call(status: &str, action: Option<&str>, refusal: Option<&str>, repeats: i64) -> CallView {
        let text = |text: &str| Some(text.to_owned());
        CallView {
            time: chrono::DateTime::UNIX_EPOCH,
            id: Uuid::nil(),
            source: "proxy".to_owned(),
            provider: "openai".to_owned(),
            account: "openai".to_owned(),
            model: text("strange"),
            model_requested: text("strange"),
            project: None,
            session: None,
            client: None,
            key: None,
            status: status.to_owned(),
            http_status: None,
            error_kind: None,
            limit_action: action.map(str::to_owned),
            basis: None,
            input_tokens: None,
            cache_read_tokens: None,
            cache_write_5m_tokens: None,
            cache_write_1h_tokens: None,
            output_tokens: None,
            reasoning_tokens: None,
            audio_input_tokens: None,
            audio_output_tokens: None,
            tool_calls: None,
            cost_usd: None,
            cost_stated_usd: None,
            service_tier: None,
            price_id: None,
            response_id: None,
            duration_ms: None,
            first_byte_ms: None,
            tags: None,
            refusal: refusal.map(str::to_owned),
            refused_by: refusal.filter(|reason| *reason != "loop_detected").and(text("day")),
            repeats,
            run: None,
        }
    }

    #[test]
    fn one_sentence_says_what_was_done_and_why() {
        let at = "2026-11-21T12:00:00Z";
        let later = "2026-11-21T12:00:03.250Z";
        let refused = |verdict| vec![decision(at, "refused", verdict)];
        let figures = "'day' of $5.00 could not pay for it: $4.98 spent, $0.01 held, $0.12 needed.";
        for (call, decisions, cap, expected) in [
            (call("settled", None, None, 0), vec![], None, "every budget that counts it had room."),
            (call("refused", None, Some("quota_exceeded"), 0), refused("exceeded"), None, figures),
            (
                call("refused", None, Some("quota_exceeded"), 4_312),
                refused("exceeded"),
                None,
                "$0.12 needed. The same call was refused 4312 times more.",
            ),
            (
                call("refused", None, Some("unpriced_model"), 1),
                refused("unpriced"),
                None,
                "model 'strange' has no price, so hard budget 'day' of $5.00 cannot bound it. The same call was refused once more.",
            ),
            (
                call("refused", Some("waited"), Some("budget_busy"), 0),
                vec![decision(at, "waits", "held"), decision(later, "refused", "held")],
                None,
                "It waited 3.2 s before budget 'day'. It was refused because what is left of",
            ),
            (
                call("refused", None, Some("loop_detected"), 0),
                vec![],
                None,
                "because it repeated earlier calls",
            ),
            (
                call("waiting", Some("waited"), None, 0),
                vec![decision(at, "waits", "held")],
                None,
                "It waits for $0.12 of budget 'day', of which running calls hold $0.01.",
            ),
            (
                call("settled", Some("capped"), None, 0),
                vec![decision(at, "admitted", "fits_watched")],
                Some(3_900),
                "set to 3900 tokens, which is what budget 'day' could pay for.",
            ),
            (call("settled", Some("capped"), None, 0), vec![], Some(16_384), "had room."),
            (
                call("settled", Some("ended"), None, 0),
                vec![
                    decision(at, "admitted", "fits_watched"),
                    decision(later, "ended", "exceeded"),
                ],
                None,
                "ended as it ran: budget 'day' of $5.00 could pay for no more.",
            ),
            (
                call("settled", Some("waited"), None, 0),
                vec![decision(at, "waits", "held"), decision(later, "admitted", "fits")],
                None,
                "It waited 3.2 s before budget 'day'. It waited for money",
            ),
        ] {
            let message = message(&call, &decisions, cap);
            assert!(message.contains(expected), "{message}");
        }
    }
}
