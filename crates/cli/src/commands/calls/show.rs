//! `outlay calls show`: one call and its arithmetic.

use outlay_core::ledger::{Ledger, Logged};
use outlay_core::report::{self, BudgetShare, CallDetail, CallQuery};
use uuid::Uuid;

use crate::commands::{Form, cost};
use crate::failure::Failure;
use crate::look::Tone;
use crate::output::Out;
use crate::session::Session;
use crate::table::{Cell, Column, Table};
use crate::when;

const PAGE_ROWS: u32 = 1_000;
/// Fewer digits would name too many calls.
const DIGITS_MIN: usize = 6;
/// An id ends in so many random digits, as lists show them: no two calls have the same.
const DIGITS_OF_THE_END: usize = 12;

pub(super) fn run(
    ledger: &Ledger,
    session: &Session,
    id: &str,
    form: Form,
    out: &mut Out,
) -> Result<(), Failure> {
    let id = find(ledger, id)?;
    let detail = report::call(ledger, id)?.ok_or_else(|| unknown(&id.to_string()))?;
    if form.json {
        return out.json(&detail);
    }
    facts(&detail, session, out)?;
    arithmetic(&detail, out)?;
    shares(&detail.budgets, session, out)
}

/// The call whose id it is, or begins or ends with it.
pub(in crate::commands) fn find(ledger: &Ledger, text: &str) -> Result<Uuid, Failure> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let is_part = text.len() >= DIGITS_MIN
        && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if !is_part {
        return Err(Failure::Misused(format!(
            "'{text}' is not the id of a call, nor {DIGITS_MIN} digits of one's beginning or end: outlay calls lists them"
        )));
    }
    let part = text.to_ascii_lowercase();
    let mut found = None;
    let mut query = CallQuery::default();
    loop {
        let page = report::calls(ledger, &query, PAGE_ROWS)?;
        for call in &page.rows {
            let id = call.id.to_string();
            if id.ends_with(&part) && part.len() >= DIGITS_OF_THE_END {
                return Ok(call.id);
            }
            if !(id.starts_with(&part) || id.ends_with(&part)) {
                continue;
            }
            if let Some(other) = found.replace(call.id) {
                return Err(Failure::Misused(format!(
                    "'{text}' is part of the ids of several calls, such as {other} and {id}: write more of it"
                )));
            }
        }
        query.cursor = page.cursor;
        if query.cursor.is_none() {
            return found.ok_or_else(|| unknown(text));
        }
    }
}

fn unknown(id: &str) -> Failure {
    Failure::Failed(format!("there is no call {id}: outlay calls lists them"))
}

/// Which logs tell of it too, and how that is known.
fn logged(logged: &[Logged]) -> Option<String> {
    let part = |logged: &Logged| {
        let tool = logged.source.strip_prefix("import:").unwrap_or(&logged.source);
        match logged.how {
            "answer_id" => Some(format!("by {tool}, by the id of its answer")),
            "matched" => Some(format!("by {tool}, matched by model, tokens and time")),
            _ => None,
        }
    };
    let parts: Vec<String> = logged.iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn facts(detail: &CallDetail, session: &Session, out: &mut Out) -> Result<(), Failure> {
    let call = &detail.call;
    let look = out.look();
    let model = match (&call.model, &call.model_requested) {
        (Some(served), Some(asked)) if served != asked => {
            Some(format!("{served} (asked for {asked})"))
        }
        (served, _) => served.clone(),
    };
    let ms = |ms: Option<i64>| ms.map(|ms| format!("{ms} ms"));
    let money = |money: Option<outlay_core::money::Money>| money.map(|money| format!("${money}"));
    let time = call.time.with_timezone(&session.zone).format("%Y-%m-%d %H:%M:%S%.3f %Z");
    let status = look.paint(super::status_tone(call), super::status(call));
    let rows = [
        ("Id", Some(call.id.to_string())),
        ("Time", Some(time.to_string())),
        ("Status", Some(status)),
        ("HTTP status", call.http_status.map(|status| status.to_string())),
        ("Provider", Some(call.provider.clone())),
        ("Account", Some(call.account.clone())),
        ("Model", model),
        ("Service tier", call.service_tier.clone()),
        ("Project", call.project.clone()),
        ("Client", call.client.clone()),
        ("Session", call.session.clone()),
        ("Key", call.key.clone()),
        ("Tags", call.tags.clone()),
        ("Source", Some(call.source.clone())),
        ("Logged", logged(&detail.logged)),
        ("Response", call.response_id.clone()),
        ("First byte", ms(call.first_byte_ms)),
        ("Duration", ms(call.duration_ms)),
        ("At most", money(detail.ceiling_usd)),
        ("Output cap set", detail.output_cap.map(|cap| cap.to_string())),
        ("Stated cost", money(call.cost_stated_usd)),
        ("Basis", call.basis.clone()),
        ("Cost", money(call.cost_usd)),
    ];
    for (name, text) in rows {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            out.line(format!("{name:<15} {text}"))?;
        }
    }
    Ok(())
}

fn arithmetic(detail: &CallDetail, out: &mut Out) -> Result<(), Failure> {
    if detail.lines.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut table = Table::new(&[
        Column::Text("Bucket"),
        Column::Number("Units"),
        Column::Text("Rate"),
        Column::Decimal("Cost"),
    ]);
    for line in &detail.lines {
        table.row(cost::line_cells(line));
    }
    out.table(&table)?;
    let Some(price) = &detail.price else { return Ok(()) };
    let origin = match price.origin.as_str() {
        "user" => "you set it",
        "override" => "from the list, corrected",
        _ => "from the list",
    };
    let note = format!("Price {} of {} ({origin}).", price.id, price.model);
    out.line(out.look().paint(Tone::Quiet, note))
}

/// What the call holds in its budgets, or was charged there.
pub(in crate::commands) fn shares(
    shares: &[BudgetShare],
    session: &Session,
    out: &mut Out,
) -> Result<(), Failure> {
    if shares.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut table = Table::new(&[
        Column::Text("Budget"),
        Column::Text("Period from"),
        Column::Decimal("Held"),
        Column::Decimal("Charged"),
    ]);
    for share in shares {
        let from = match share.period_start.timestamp() {
            0 => "the beginning".to_owned(),
            _ => when::shown(share.period_start, session.now, session.zone),
        };
        table.row([
            Cell::new(&share.budget),
            Cell::new(from),
            Cell::new(share.held.spoken()),
            Cell::known(share.charged.map(|charged| charged.spoken())),
        ]);
    }
    out.table(&table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::Look;
    use crate::output::printed;
    use crate::testing::Day;

    #[test]
    fn a_settled_call_with_its_arithmetic() {
        let day = Day::full();
        let rows = report::calls(&day.ledger, &CallQuery::default(), 20).unwrap().rows;
        let settled = rows.iter().find(|call| call.status == "settled").unwrap();
        let detail = report::call(&day.ledger, settled.id).unwrap().unwrap();
        let session = day.session();
        let shown = printed(Look::PIPE, |out| {
            facts(&detail, &session, out)?;
            arithmetic(&detail, out)?;
            shares(&detail.budgets, &session, out)
        });
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_call_is_found_by_a_part_of_its_id() {
        let day = Day::full();
        let rows = report::calls(&day.ledger, &CallQuery::default(), 20).unwrap().rows;
        let id = rows[1].id;
        let text = id.to_string();
        let begin = &text[..35];
        let end = &text[24..];
        for part in [text.as_str(), end, &end.to_uppercase(), begin, &end[4..]] {
            assert_eq!(find(&day.ledger, part), Ok(id), "{part}");
        }
        // All are of one year, whose digits an id begins with.
        let ambiguous = find(&day.ledger, &text[..6]).unwrap_err().to_string();
        assert!(ambiguous.contains("several calls, such as "), "{ambiguous}");
        for (text, is_misuse) in [("no-uuid", true), ("abc", true), ("ffffffffffff", false)] {
            let failure = find(&day.ledger, text).unwrap_err();
            assert_eq!(matches!(failure, Failure::Misused(_)), is_misuse, "{failure:?}");
        }
    }
}
