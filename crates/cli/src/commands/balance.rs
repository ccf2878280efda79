//! `outlay balance`.

mod grants;

use std::process::ExitCode;

use outlay_core::balance::{Recharge, WarnLevel, spoken};
use outlay_core::ledger::BalanceView;
use outlay_core::money::Money;
use outlay_core::report;
use outlay_proxy::balance;

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::look::Tone;
use crate::output::Out;
use crate::proxy;
use crate::session::Session;
use crate::spelling;
use crate::standing;
use crate::table::dollars;
use crate::when::{self, Direction};

/// The commands about prepaid credit.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// Record credit that was bought or given
    Add {
        /// The account, named after its provider unless keys were linked to another
        account: String,
        /// How many US dollars
        #[arg(allow_negative_numbers = true)]
        usd: String,
        /// When what is left of it is lost (a date, or a time as 2026-12-31T12:00:00Z)
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
        /// What for
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Set the balance to what the provider's page shows; the difference is kept as drift
    Set {
        /// The account
        account: String,
        /// How many US dollars are left
        #[arg(allow_negative_numbers = true)]
        usd: String,
        /// The currency of the amount, where it is not US dollars: it stays as it is, nothing is
        /// converted [default: the account's]
        #[arg(long, value_name = "CODE")]
        currency: Option<String>,
    },
    /// Warn before the balance is gone: below an amount, below a share, or hours before
    Warn {
        /// The account
        account: String,
        /// US dollars; 10% of what was there after the last top-up; 12h or 2d before it will be empty
        /// (24h where nothing is set); or off
        #[arg(allow_negative_numbers = true)]
        level: String,
    },
    /// Refuse calls when the balance is at a level or below it
    Floor {
        /// The account
        account: String,
        /// The level in US dollars, or off
        #[arg(allow_negative_numbers = true)]
        usd: String,
    },
    /// Note the top-up that the provider makes by itself; one that does not come is an alert
    Recharge {
        /// The account
        account: String,
        /// The balance below which it comes, or off
        below: String,
        /// How much it adds
        amount: Option<String>,
    },
    /// Show what was bought and given, and what is left of it
    Grants {
        /// The account [default: all]
        account: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Ask the providers that tell what is left, with the keys in the environment
    Sync {
        #[command(flatten)]
        form: Form,
    },
    /// Show what is left in every account
    List {
        #[command(flatten)]
        form: Form,
    },
}

const EXAMPLES: &str = "\
Examples:
  outlay balance add anthropic 25 --expires 2027-11-21
  outlay balance set openai 12.40
  outlay balance grants anthropic
  outlay balance warn openai 5
  outlay balance warn anthropic 10%
  outlay balance floor openai 1
  outlay balance recharge openai 10 50
  outlay balance set deepseek 88.50 --currency CNY
  OPENROUTER_API_KEY=… outlay balance sync";

/// `GET /api/v1/balances`.
#[derive(serde::Serialize)]
struct Balances {
    balances: Vec<BalanceView>,
}

pub(crate) fn run(session: &Session, command: Command, out: &mut Out) -> Outcome {
    let now = session.now;
    match command {
        Command::Add { account, usd, expires, note } => {
            let amount = amount(&usd)?;
            let expires = expires
                .map(|text| when::parse(&text, Direction::Future, now, session.zone))
                .transpose()
                .map_err(Failure::Misused)?;
            if expires.is_some_and(|expires| expires <= now) {
                return Err(Failure::misused("--expires is in the past: give a later date"));
            }
            let ledger = session.ledger()?;
            let left = ledger.add_grant(account.clone(), amount, expires, note, now).wait()?;
            out.line(format!(
                "Account '{account}' got {}; {} is left.",
                dollars(amount),
                dollars(left)
            ))?;
            out.lines(spelling::account(session, &account)?)?;
        }
        Command::Set { account, usd, currency } => {
            set(session, &account, &usd, currency.as_deref(), out)?;
        }
        Command::Floor { account, usd } => floor(session, &account, &usd, out)?,
        Command::Recharge { account, below, amount: by } => {
            expect(session, &account, recharge(&below, by.as_deref())?, out)?;
        }
        Command::Warn { account, level } => {
            let level: WarnLevel = level.parse().map_err(Failure::Misused)?;
            session.ledger()?.warn_balance(account.clone(), level, now).wait()?;
            let balances = report::balances(&session.ledger()?, now, session.zone)?;
            let view = balances.iter().find(|view| view.account == account);
            let beside = view.and_then(|view| beside(level, view));
            out.line(format!("Account '{account}' {level}{}.", beside.unwrap_or_default()))?;
            if level != WarnLevel::Off {
                hint(&balances, &account, out)?;
                out.lines(spelling::account(session, &account)?)?;
            }
        }
        Command::Sync { form } => sync(session, form, out)?,
        Command::Grants { account, form } => grants::run(session, account.as_deref(), form, out)?,
        Command::List { form } => {
            let ledger = session.ledger()?;
            let balances = report::balances(&ledger, now, session.zone)?;
            // A bypass lets their calls pass.
            if !form.json && report::bypass(&ledger, now)?.is_none() {
                let stopped = report::stopped_accounts(&ledger, now)?;
                for sentence in standing::stopped(&stopped, now, session.zone) {
                    out.line(out.look().paint(Tone::Bad, sentence))?;
                }
            }
            if form.json {
                out.json(&Balances { balances })?;
            } else if balances.is_empty() {
                out.line("No balance is known: outlay balance set ACCOUNT USD tells what is left in one.")?;
            } else {
                out.table(&standing::balances(&balances, now, session.zone))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Notes the top-up that is expected of the provider.
fn expect(
    session: &Session,
    account: &str,
    recharge: Option<Recharge>,
    out: &mut Out,
) -> Result<(), Failure> {
    session.ledger()?.set_recharge(account.to_owned(), recharge, session.now).wait()?;
    let Some(Recharge { below, amount }) = recharge else {
        return out.line(format!("Account '{account}' is expected to get nothing by itself."));
    };
    out.line(format!(
        "Account '{account}' is expected to get {} when it falls below {}.",
        dollars(amount),
        dollars(below)
    ))?;
    out.lines(spelling::account(session, account)?)
}

fn floor(session: &Session, account: &str, typed: &str, out: &mut Out) -> Result<(), Failure> {
    let level = level(typed)?;
    session.ledger()?.set_floor(account.to_owned(), level).wait()?;
    let done = match level {
        Some(level) => format!("refuses calls at {} and below", dollars(level)),
        None => "refuses nothing for lack of credit".to_owned(),
    };
    out.line(format!("Account '{account}' {done}."))?;
    if level.is_none() {
        return Ok(());
    }
    let balances = report::balances(&session.ledger()?, session.now, session.zone)?;
    hint(&balances, account, out)?;
    out.lines(spelling::account(session, account)?)
}

fn set(
    session: &Session,
    account: &str,
    typed: &str,
    currency: Option<&str>,
    out: &mut Out,
) -> Result<(), Failure> {
    let (now, observed) = (session.now, amount(typed)?);
    let currency = currency.map(code).transpose()?;
    let ledger = session.ledger()?;
    let find = || -> Result<Option<BalanceView>, Failure> {
        let balances = report::balances(&ledger, now, session.zone)?;
        Ok(balances.into_iter().find(|balance| balance.account == account))
    };
    let before = find()?;
    let had_floor = before.as_ref().is_some_and(|before| before.floor.is_some());
    let kept = before.as_ref().map(|before| before.currency.as_str());
    let other = currency.as_deref().or(kept).filter(|code| *code != "USD");
    if let Some(code) = other.filter(|_| typed.parse::<Money>().is_err()) {
        return Err(Failure::misused(format!(
            "'{typed}' is in US dollars, and account '{account}' is in {code}: write the figure alone, or add --currency USD"
        )));
    }
    let left = ledger.set_balance_in(account.to_owned(), observed, currency, now).wait()?;
    let Some(after) = find()? else { return Ok(()) };
    let drift = before
        .filter(|before| before.currency == after.currency)
        .map(|before| left.saturating_sub(before.remaining))
        .filter(|drift| *drift != Money::ZERO);
    let drift = drift.map_or_else(String::new, |drift| {
        let expected = spoken(left.saturating_sub(drift), &after.currency);
        format!(" ({expected} was expected: a drift of {})", spoken(drift, &after.currency))
    });
    let left = spoken(left, &after.currency);
    out.line(format!("Account '{account}' has {left} left{drift}."))?;
    out.lines(spelling::account(session, account)?)?;
    if had_floor && after.floor.is_none() {
        out.line("Its floor was in another currency, and is gone.")?;
    }
    Ok(())
}

fn sync(session: &Session, form: Form, out: &mut Out) -> Result<(), Failure> {
    let settings = proxy::settings(session, session.config.listen, String::new())?;
    let (sources, mut failures) = proxy::sources(session, &settings)?;
    if sources.is_empty() && failures.is_empty() {
        return Err(Failure::failed(
            "nobody can be asked: set OPENROUTER_API_KEY, DEEPSEEK_API_KEY, MOONSHOT_API_KEY or XAI_MANAGEMENT_KEY, or say under [balances.NAME] in outlay.toml who tells",
        ));
    }
    let ledger = session.ledger()?;
    let all = proxy::runtime()?.block_on(balance::sync(&ledger, &sources, || session.now))?;
    failures.extend(all.iter().filter_map(|one| {
        let error = one.told.as_ref().err()?;
        Some(format!("the balance of '{}' is not told: {error}", one.account))
    }));
    let balances = report::balances(&ledger, session.now, session.zone)?;
    let told = |balance: &BalanceView| {
        all.iter().any(|one| one.told.is_ok() && one.account == balance.account)
    };
    let balances: Vec<BalanceView> = balances.into_iter().filter(told).collect();
    if form.json {
        out.json(&Balances { balances })?;
    } else if !balances.is_empty() {
        out.table(&standing::balances(&balances, session.now, session.zone))?;
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::failed(failures.join("; "))) }
}

/// That a level says nothing as long as nobody knows what is left.
fn hint(balances: &[BalanceView], account: &str, out: &mut Out) -> Result<(), Failure> {
    if find(balances, account).is_some() {
        return Ok(());
    }
    out.line(format!("Its balance is not known yet: outlay balance set {account} USD"))
}

/// The other level that an account warns at, where it has one: an amount or a share, or hours.
fn beside(level: WarnLevel, view: &BalanceView) -> Option<String> {
    let other = match level {
        WarnLevel::Hours(_) => view
            .warn_percent
            .map(WarnLevel::Percent)
            .or_else(|| view.warn_below.map(WarnLevel::Below)),
        WarnLevel::Below(_) | WarnLevel::Percent(_) => {
            let hours = view.warn_hours.and_then(|hours| hours.try_into().ok());
            hours.filter(|hours| *hours > 0).map(WarnLevel::Hours)
        }
        WarnLevel::Off => None,
    };
    other.map(|other| format!(", and {other}"))
}

/// The code of a currency, in capitals.
fn code(text: &str) -> Result<String, Failure> {
    let code = text.to_ascii_uppercase();
    if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(code);
    }
    Err(Failure::misused(format!("'{text}' is no currency: write its code, like USD or CNY")))
}

/// A top-up as typed; `None` for off.
fn recharge(below: &str, by: Option<&str>) -> Result<Option<Recharge>, Failure> {
    let form =
        "outlay balance recharge ACCOUNT BELOW AMOUNT, or outlay balance recharge ACCOUNT off";
    match (level(below)?, by.map(amount).transpose()?) {
        (None, None) => Ok(None),
        (Some(below), Some(amount)) => Recharge::new(below, amount)
            .map(Some)
            .map_err(|error| Failure::misused(format!("{error}: {form}"))),
        (Some(_), None) => Err(Failure::misused(format!("say how much is added: {form}"))),
        (None, Some(_)) => Err(Failure::misused(format!("off takes no amount: {form}"))),
    }
}

/// A level, or `off`.
fn level(text: &str) -> Result<Option<Money>, Failure> {
    if text == "off" { Ok(None) } else { amount(text).map(Some) }
}

fn find(balances: &[BalanceView], account: &str) -> Option<Money> {
    balances.iter().find(|balance| balance.account == account).map(|balance| balance.remaining)
}

fn amount(text: &str) -> Result<Money, Failure> {
    Money::typed(text).map_err(Failure::misused)
}
