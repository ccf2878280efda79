//! `outlay balance`.

use std::process::ExitCode;

use outlay_core::ledger::BalanceView;
use outlay_core::money::Money;
use outlay_core::report;

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;
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
    },
    /// Warn when the balance falls below a level
    Warn {
        /// The account
        account: String,
        /// The level in US dollars
        #[arg(allow_negative_numbers = true)]
        usd: String,
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
  outlay balance warn openai 5";

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
        }
        Command::Set { account, usd } => {
            let observed = amount(&usd)?;
            let ledger = session.ledger()?;
            let before = find(&report::balances(&ledger, now, session.zone)?, &account);
            let left = ledger.set_balance(account.clone(), observed, now).wait()?;
            let drift = before.map(|before| left.saturating_sub(before));
            let drift = match drift {
                Some(drift) if drift != Money::ZERO => {
                    let expected = dollars(left.saturating_sub(drift));
                    format!(" ({expected} was expected: a drift of {})", dollars(drift))
                }
                _ => String::new(),
            };
            out.line(format!("Account '{account}' has {} left{drift}.", dollars(left)))?;
        }
        Command::Warn { account, usd } => {
            let level = amount(&usd)?;
            let ledger = session.ledger()?;
            ledger.warn_balance(account.clone(), level, now).wait()?;
            let known = find(&report::balances(&ledger, now, session.zone)?, &account).is_some();
            let hint = if known {
                String::new()
            } else {
                format!(" Its balance is not known yet: outlay balance set {account} USD")
            };
            out.line(format!("Account '{account}' warns below {}.{hint}", dollars(level)))?;
        }
        Command::List { form } => {
            let balances = report::balances(&session.ledger()?, now, session.zone)?;
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

fn find(balances: &[BalanceView], account: &str) -> Option<Money> {
    balances.iter().find(|balance| balance.account == account).map(|balance| balance.remaining)
}

fn amount(text: &str) -> Result<Money, Failure> {
    text.parse().map_err(Failure::misused)
}
