//! Spend and tokens over a range, by two dimensions at once.

use std::collections::BTreeMap;

use super::usage::{By, Usage, UsageQuery, keyed, source};
use crate::ledger::query::{self, SumRow};
use crate::ledger::{Ledger, LedgerError};

/// The keys of a row, in the order of the dimensions asked for.
type Keys = [Option<String>; 2];

/// Sums by `query.by` and `second` over a range.
///
/// # Errors
/// When the file cannot be read.
pub fn usage_by_two(
    ledger: &Ledger,
    query: &UsageQuery,
    second: By,
) -> Result<Usage<[By; 2], Keys>, LedgerError> {
    let UsageQuery { since, until, by, timezone } = *query;
    let by = [by, second];
    let sum_by = by.map(|by| source(by, timezone));
    let found = ledger.read(|connection| Ok(query::pairs(connection, sum_by, since, until)?))?;
    let mut total = SumRow::default();
    let mut sums: BTreeMap<Keys, SumRow> = BTreeMap::new();
    for row in found {
        total.add(&row.sum);
        sums.entry(row.keys).or_default().add(&row.sum);
    }
    let mut rows: Vec<(Keys, SumRow)> = sums.into_iter().collect();
    let dates = |keys: &Keys| {
        let dated = keys.iter().zip(sum_by).filter(|(_, by)| by.calendar().is_some());
        dated.map(|(key, _)| key.clone()).collect::<Vec<_>>()
    };
    // Stable: equal costs stay in the order of their keys.
    rows.sort_by(|(one, a), (other, b)| {
        dates(one).cmp(&dates(other)).then_with(|| b.cost.cmp(&a.cost))
    });
    let rows = rows.into_iter().map(|(keys, sum)| keyed(keys, &sum)).collect();
    Ok(Usage { since, until, by, rows, total: keyed(None, &total) })
}
