//! The words of alerts, as the user reads them: what happened, the figures, what to do.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::balance::{self, Recharge};
use crate::budget::{BudgetUnit, Quantity};
use crate::loops::{Finding, LoopKind};
use crate::money::Money;

const USD: &str = "USD";

/// The words of an alert, as the user reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertText {
    /// One short line.
    pub title: String,
    /// One or two sentences: the figures, and what to do.
    pub body: String,
}

/// The words for a budget's crossed threshold.
#[must_use]
pub fn threshold_text(
    budget: &str,
    percent: u8,
    spent: Quantity,
    limit: Quantity,
    reset: Option<&str>,
) -> AlertText {
    let title = if percent >= 100 {
        format!("Budget '{budget}' is used up")
    } else {
        format!("Budget '{budget}' is {percent} % used")
    };
    let resets = reset.map(|reset| format!(" Resets {reset}.")).unwrap_or_default();
    AlertText { title, body: format!("{} of {} spent.{resets}", counted(spent), counted(limit)) }
}

/// The words for a refusal by a hard budget; `message` is the refusal's own sentence.
#[must_use]
pub fn refused_text(budget: &str, message: &str) -> AlertText {
    AlertText { title: format!("Calls are refused by budget '{budget}'"), body: message.to_owned() }
}

/// The words for prepaid credit below its warn level.
#[must_use]
pub fn balance_text(
    account: &str,
    remaining: Money,
    warn_below: Money,
    currency: &str,
) -> AlertText {
    let [remaining, warn_below] = [remaining, warn_below].map(|amount| spoken(amount, currency));
    AlertText {
        title: format!("Balance of '{account}' is low"),
        body: format!(
            "{remaining} left, below your warning level of {warn_below}. Top it up with the provider, then run: outlay balance add {account} AMOUNT"
        ),
    }
}

/// The words for calls that are refused for lack of credit; `message` is the refusal's own sentence.
#[must_use]
pub fn floor_text(account: &str, message: &str) -> AlertText {
    AlertText {
        title: format!("Calls are refused: too little is left in '{account}'"),
        body: message.to_owned(),
    }
}

/// The words for a top-up that did not come.
#[must_use]
pub fn recharge_text(
    account: &str,
    remaining: Money,
    recharge: Recharge,
    currency: &str,
) -> AlertText {
    let [below, amount, remaining] =
        [recharge.below, recharge.amount, remaining].map(|amount| spoken(amount, currency));
    AlertText {
        title: format!("No top-up came for '{account}'"),
        body: format!(
            "{amount} was to be added below {below}, and {remaining} is left. Look at the provider's billing page for a failed card or a spending cap; if it did come, run: outlay balance set {account} USD"
        ),
    }
}

/// The words for an upstream that says the money is gone.
#[must_use]
pub fn upstream_empty_text(provider: &str, account: &str) -> AlertText {
    AlertText {
        title: format!("{provider} says that the money is gone"),
        body: format!(
            "{provider} refused a call for lack of credit (account '{account}'). Usual causes: the prepaid balance is used up or has expired, a monthly or project limit is reached, or a card failed and the automatic top-up with it. Retrying does not help. {}",
            billing_page(provider)
        ),
    }
}

/// The words for a loop or a storm; `who` makes the calls, and they are refused from now on or not.
#[must_use]
pub fn loop_text(finding: &Finding, who: &str, is_refused: bool) -> AlertText {
    let title = match finding.kind {
        LoopKind::SameRequest | LoopKind::RetriesAfterRefusal | LoopKind::TightLoop => {
            format!("{who} seems to be in a loop")
        }
        LoopKind::Burst => format!("Far more calls than usual {who}"),
        LoopKind::IdleSpend => "Calls go on while nobody is there".to_owned(),
    };
    let then = match (is_refused, finding.kind.can_refuse()) {
        (true, _) => {
            format!("Refused until it stops: {}, or run: outlay bypass 10m", finding.way_out())
        }
        (false, true) => {
            let switch = if finding.kind == LoopKind::IdleSpend { "idle_refuse" } else { "refuse" };
            format!(
                "Nothing is refused for it, as {switch} under [loops] in outlay.toml is off. Look at it: outlay calls"
            )
        }
        (false, false) => "Look at it: outlay calls".to_owned(),
    };
    AlertText { title, body: format!("{}. {then}", capitalized(&finding.what())) }
}

/// The words for a budget that will not last until its reset; `range` is when it is used up.
#[must_use]
pub fn overrun_text(budget: &str, spent: Quantity, limit: Quantity, range: &str) -> AlertText {
    AlertText {
        title: format!("Budget '{budget}' will not last"),
        body: format!(
            "At this rate it is used up {range}: {} of {} is spent. See what spends it: outlay report --by project",
            counted(spent),
            counted(limit)
        ),
    }
}

/// The words for a budget that lets calls through again.
#[must_use]
pub fn back_text(budget: &str, spent: Quantity, limit: Quantity) -> AlertText {
    AlertText {
        title: format!("Budget '{budget}' has room again"),
        body: format!("{} of {} is spent: calls pass.", counted(spent), counted(limit)),
    }
}

/// The words for prepaid credit that is back above its warn level.
#[must_use]
pub fn balance_back_text(account: &str, remaining: Money, currency: &str) -> AlertText {
    AlertText {
        title: format!("Balance of '{account}' is back above its warning level"),
        body: format!("{} is left.", spoken(remaining, currency)),
    }
}

/// The words for prepaid credit that will soon be gone; `range` is when.
#[must_use]
pub fn runway_text(account: &str, remaining: Money, currency: &str, range: &str) -> AlertText {
    AlertText {
        title: format!("Balance of '{account}' is nearly gone"),
        body: format!(
            "At this rate {} is gone {range}. {}",
            spoken(remaining, currency),
            billing_page(account)
        ),
    }
}

/// The words for credit that is lost unless it is used; `days` is how soon, in whole days.
#[must_use]
pub fn expiring_text(
    account: &str,
    remaining: Money,
    currency: &str,
    expires: &str,
    days: i64,
) -> AlertText {
    let soon = match days {
        ..=0 => "within a day".to_owned(),
        1 => "in a day".to_owned(),
        days => format!("in {days} days"),
    };
    AlertText {
        title: format!("Credit of '{account}' expires {soon}"),
        body: format!(
            "{} of it is lost on {expires} unless it is used.",
            spoken(remaining, currency)
        ),
    }
}

/// The words for an hour that is dearer than it used to be.
#[must_use]
pub fn spike_text(spent: Money, usual: Money) -> AlertText {
    let most = match usual {
        Money::ZERO => "nothing was spent at this hour of the last two weeks' days".to_owned(),
        usual => {
            format!("the most at this hour of the last two weeks' days was {}", spoken(usual, USD))
        }
    };
    AlertText {
        title: "Far more is spent than usual".to_owned(),
        body: format!(
            "{} in this hour; {most}. See what spends it: outlay calls --follow",
            spoken(spent, USD)
        ),
    }
}

/// The words for a model without a price.
#[must_use]
pub fn unpriced_text(provider: &str, model: &str, calls: i64) -> AlertText {
    let calls = if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") };
    AlertText {
        title: format!("No price is known of {model}"),
        body: format!(
            "What {calls} cost is in no total and no budget. Say what it costs per million tokens: outlay prices set '{model}' --provider {provider} --input N --output N"
        ),
    }
}

/// The words for an old price list.
#[must_use]
pub fn stale_prices_text(source: &str, days: i64) -> AlertText {
    AlertText {
        title: "The price list is old".to_owned(),
        body: format!(
            "Its newest price is {days} days old ({source}): new models and prices are not in it. Upgrade Outlay, or set prices: outlay prices set"
        ),
    }
}

/// The words for a disk without room.
#[must_use]
pub fn disk_text(free_bytes: u64, folder: &str) -> AlertText {
    AlertText {
        title: "The disk is nearly full".to_owned(),
        body: format!(
            "{} MB are left where the ledger is ({folder}). When it is full no call can be recorded, and none passes: free some space.",
            free_bytes / 1_000_000
        ),
    }
}

/// The words for logs that are gone; `path` is the one that was written last.
#[must_use]
pub fn logs_gone_text(tool: &str, path: &str) -> AlertText {
    AlertText {
        title: format!("The logs of {tool} are gone"),
        body: format!(
            "None of those that were imported is there any more ({path} was the last). What they told stays; what the tool spends from now on is not seen here unless it passes the proxy. If it keeps its logs elsewhere now: outlay import {tool} FOLDER"
        ),
    }
}

/// The words for a clock that was set; `by` is ahead, negative for back.
#[must_use]
pub fn clock_text(by: TimeDelta) -> AlertText {
    let minutes = by.num_minutes().abs();
    let span = match minutes {
        0..120 => format!("{minutes} minutes"),
        120..2_880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    };
    let direction = if by < TimeDelta::zero() { "back" } else { "ahead" };
    AlertText {
        title: "This machine's clock was set".to_owned(),
        body: format!(
            "It went {direction} by {span}. Calls count for the day and month that it shows: if it is wrong, set it right."
        ),
    }
}

/// An amount as it is read at a glance: lists have every digit of it.
fn spoken(amount: Money, currency: &str) -> String {
    balance::spoken(amount.at_a_glance(), currency)
}

fn counted(quantity: Quantity) -> String {
    match quantity.unit {
        BudgetUnit::Usd => spoken(Money::from_picodollars(quantity.count), USD),
        BudgetUnit::Tokens | BudgetUnit::Calls => quantity.spoken(),
    }
}

/// Where the account is topped up.
fn billing_page(provider: &str) -> String {
    let page = match provider {
        "openai" => "https://platform.openai.com/settings/organization/billing",
        "anthropic" => "https://console.anthropic.com/settings/billing",
        "gemini" | "vertex" => "https://console.cloud.google.com/billing",
        "openrouter" => "https://openrouter.ai/settings/credits",
        "deepseek" => "https://platform.deepseek.com/top_up",
        "moonshot" => "https://platform.moonshot.ai/console",
        "mistral" => "https://console.mistral.ai",
        "groq" => "https://console.groq.com/settings/billing",
        "xai" => "https://console.x.ai",
        "together" => "https://api.together.ai/settings/billing",
        "fireworks" => "https://app.fireworks.ai",
        "cohere" => "https://dashboard.cohere.com/billing",
        "cerebras" => "https://cloud.cerebras.ai",
        "azure" => "https://portal.azure.com",
        "bedrock" => "https://console.aws.amazon.com/billing",
        _ => return "Look at the provider's billing page.".to_owned(),
    };
    format!("Billing: {page}")
}

fn capitalized(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A reset as a reader of an alert wants it: local date, time and offset.
#[must_use]
pub fn reset_text(reset: DateTime<Utc>, timezone: Tz) -> String {
    reset.with_timezone(&timezone).to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::PICODOLLARS_PER_USD;

    #[test]
    fn loops_are_told_with_what_to_do() {
        use crate::loops::Measure;
        let since = DateTime::UNIX_EPOCH;
        let window = chrono::TimeDelta::minutes(2);
        let finding = |kind, measure| Finding {
            kind,
            count: 90,
            since,
            window,
            until: since,
            is_news: true,
            measure,
        };
        let spent = Measure::Spent(Money::from_picodollars(2 * PICODOLLARS_PER_USD));
        for (kind, measure, is_refused, title, body) in [
            (
                LoopKind::SameRequest,
                Measure::None,
                true,
                "pi in 'demo' seems to be in a loop",
                "The same request was sent 90 times in 2 minutes. Refused until it stops: a changed request passes, or run: outlay bypass 10m",
            ),
            (
                LoopKind::TightLoop,
                Measure::None,
                false,
                "pi in 'demo' seems to be in a loop",
                "90 streams in a row were over at once, in 2 minutes. Nothing is refused for it, as refuse under [loops] in outlay.toml is off. Look at it: outlay calls",
            ),
            (
                LoopKind::RetriesAfterRefusal,
                Measure::None,
                false,
                "pi in 'demo' seems to be in a loop",
                "90 calls were refused in 2 minutes, and it asks again. Look at it: outlay calls",
            ),
            (
                LoopKind::IdleSpend,
                spent,
                false,
                "Calls go on while nobody is there",
                "90 calls for $2.00 while nobody has touched keyboard or mouse for 2 minutes. Nothing is refused for it, as idle_refuse under [loops] in outlay.toml is off. Look at it: outlay calls",
            ),
        ] {
            let text = loop_text(&finding(kind, measure), "pi in 'demo'", is_refused);
            assert_eq!((text.title.as_str(), text.body.as_str()), (title, body));
        }
    }

    #[test]
    fn who_says_that_the_money_is_gone_is_looked_up() {
        for (provider, expected) in [
            ("openai", "Billing: https://platform.openai.com/settings/organization/billing"),
            ("work", "Look at the provider's billing page."),
        ] {
            let text = upstream_empty_text(provider, "a");
            assert!(text.body.ends_with(expected), "{}", text.body);
            for cause in ["balance is used up", "limit is reached", "a card failed"] {
                assert!(text.body.contains(cause), "{}", text.body);
            }
        }
    }

    #[test]
    fn clocks_are_told_as_people_do() {
        for (minutes, expected) in [
            (-90, "It went back by 90 minutes."),
            (150, "It went ahead by 2 hours."),
            (-4_320, "It went back by 3 days."),
        ] {
            let text = clock_text(TimeDelta::minutes(minutes));
            assert!(text.body.starts_with(expected), "{}", text.body);
        }
    }
}
