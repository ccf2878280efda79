//! `outlay account`.

use std::process::ExitCode;

use outlay_core::ledger::AccountView;

use super::Form;
use crate::failure::Outcome;
use crate::look::Tone;
use crate::output::Out;
use crate::session::Session;
use crate::table::{Cell, Column, Table};

/// The commands about accounts.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show every account and the keys that draw on it, by their fingerprints
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Let a key draw on another account from now on
    #[command(after_help = "Example:\n  outlay account link 3f9a work")]
    Link {
        /// The key's fingerprint or its beginning, as `account list` shows it
        key: String,
        /// The account, made if it is new
        account: String,
    },
    /// Remove an account on which no call was made, with what was noted of its credit
    #[command(after_help = "Example:\n  outlay account rm opanai")]
    Rm {
        /// The account
        account: String,
    },
}

/// `--json` of `account list`.
#[derive(serde::Serialize)]
struct Accounts {
    accounts: Vec<AccountView>,
}

pub(crate) fn run(session: &Session, command: Command, out: &mut Out) -> Outcome {
    let ledger = session.ledger()?;
    match command {
        Command::List { form } => {
            let accounts = ledger.accounts()?;
            if form.json {
                out.json(&Accounts { accounts })?;
                return Ok(ExitCode::SUCCESS);
            }
            if accounts.is_empty() {
                out.line("No account is known yet: each provider's appears with its first call.")?;
            }
            out.table(&table(&accounts))?;
        }
        Command::Link { key, account } => {
            let fingerprint = ledger.link_key(key, account.clone()).wait()?;
            out.line(format!("Key {fingerprint} draws on account '{account}' from now on."))?;
        }
        Command::Rm { account } => {
            ledger.remove_account(account.clone()).wait()?;
            out.line(format!("Account '{account}' is removed; no call was made on it."))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(accounts: &[AccountView]) -> Table {
    let mut table =
        Table::new(&[Column::Text("Account"), Column::Text("Pays"), Column::Text("Keys")]);
    for account in accounts {
        table.row([
            Cell::toned(&account.name, Tone::Strong),
            Cell::new(if account.plan_login { "a subscription" } else { "per call" }),
            Cell::new(account.keys.join(" ")),
        ]);
    }
    table
}
