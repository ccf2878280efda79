//! The tables of a first run.

use outlay_core::money::Money;
use outlay_host::logs::Source;

use crate::look::Tone;
use crate::table::{Cell, Column, Table, bar, dollars};
use crate::words;

/// So many rows are shown.
const ROWS_SHOWN: usize = 6;

/// Whose logs are there.
pub(super) fn found(sources: &[Source]) -> Table {
    let mut table =
        Table::new(&[Column::Text("Tool"), Column::Number("Logs"), Column::Text("Size")]);
    for source in sources {
        table.row([
            Cell::toned(source.tool.title(), Tone::Strong),
            Cell::new(source.logs.len()),
            Cell::new(indicatif::HumanBytes(source.size())),
        ]);
    }
    table
}

/// The dearest of them, and what the others come to.
pub(super) fn shares(heading: &'static str, mut rows: Vec<(Option<String>, i64, Money)>) -> Table {
    let columns =
        [Column::Text(heading), Column::Number("Calls"), Column::Decimal("Cost"), Column::Text("")];
    rows.sort_by_key(|(_, _, cost)| std::cmp::Reverse(*cost));
    let dearest = rows.first().map_or(0, |(_, _, cost)| cost.picodollars());
    let rest = rows.split_off(rows.len().min(ROWS_SHOWN));
    if !rest.is_empty() {
        let calls = rest.iter().map(|(_, calls, _)| calls).sum();
        let cost = rest.iter().fold(Money::ZERO, |sum, (_, _, cost)| sum.saturating_add(*cost));
        rows.push((Some(words::counted(rest.len() as u64, "other", "others")), calls, cost));
    }
    let mut table = Table::new(&columns);
    for (name, calls, cost) in rows {
        table.row([
            Cell::new(name.as_deref().unwrap_or("(none)")),
            Cell::new(calls),
            Cell::new(dollars(cost.rounded_at_a_glance())),
            Cell::toned(bar(cost.picodollars(), dearest), Tone::Good),
        ]);
    }
    table
}
