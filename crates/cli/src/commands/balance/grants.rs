//! `outlay balance grants`: what was bought and given, and what is left of it.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use outlay_core::balance::spoken;
use outlay_core::ledger::GrantView;
use outlay_core::report;

use crate::commands::Form;
use crate::failure::Failure;
use crate::look::Tone;
use crate::output::Out;
use crate::session::Session;
use crate::table::{Cell, Column, Table};
use crate::when;

/// `GET /api/v1/grants`.
#[derive(serde::Serialize)]
struct Grants {
    grants: Vec<GrantView>,
}

pub(super) fn run(
    session: &Session,
    account: Option<&str>,
    form: Form,
    out: &mut Out,
) -> Result<(), Failure> {
    let grants = report::grants(&session.ledger()?, account, session.now)?;
    if form.json {
        return out.json(&Grants { grants });
    }
    if grants.is_empty() {
        let whose = account.map_or_else(String::new, |account| format!(" of '{account}'"));
        return out.line(format!(
            "No credit{whose} is recorded: outlay balance add ACCOUNT USD records what was bought."
        ));
    }
    out.table(&table(&grants, session.now, session.zone))
}

fn table(grants: &[GrantView], now: DateTime<Utc>, zone: Tz) -> Table {
    let mut table = Table::new(&[
        Column::Text("Account"),
        Column::Decimal("Amount"),
        Column::Decimal("Left"),
        Column::Text("Since"),
        Column::Text("Expires"),
        Column::Text("Note"),
    ])
    .expendable(&["Note", "Since"]);
    for grant in grants {
        let expiry = grant.expires_at.map_or_else(
            || "never".to_owned(),
            |at| match grant.is_expired {
                true => format!("expired {}", when::shown(at, now, zone)),
                false => when::shown(at, now, zone),
            },
        );
        // What an expiry took is not there to be spent.
        let tone = if grant.is_expired { Tone::Quiet } else { Tone::Good };
        table.row([
            Cell::toned(&grant.account, Tone::Strong),
            Cell::new(spoken(grant.amount, &grant.currency)),
            Cell::toned(spoken(grant.remaining, &grant.currency), tone),
            Cell::new(when::shown(grant.granted_at, now, zone)),
            Cell::new(expiry),
            Cell::new(grant.note.as_deref().unwrap_or_default()),
        ]);
    }
    table
}
