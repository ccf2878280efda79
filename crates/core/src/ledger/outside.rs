//! Sums of calls that did not pass here, by the tool whose log told of them.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use foldhash::HashMap;
use rusqlite::Connection;

use super::many::{Binding, ROWS_AT_ONCE, rows_of_places};
use super::rollup::{QUARTER_MS, Value};
use super::time::to_ms;
use crate::money::Money;

/// What a tool spent without passing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// The tool, as a call's source: `import:<tool>`.
    pub source: String,
    /// How many calls.
    pub calls: i64,
    /// Of these, the ones of unknown cost.
    pub unpriced_calls: i64,
    /// Money owed.
    pub cost: Money,
    /// What subscriptions used, at API prices.
    pub plan_value: Money,
}

/// What is to be added to the sums: calls of one slice mostly share them.
#[derive(Debug, Default)]
pub(crate) struct Sums(HashMap<(i64, i64), [i64; 4]>);

impl Sums {
    /// Adds one call (`count` 1), or takes it out again (-1).
    pub(crate) fn add(&mut self, started: DateTime<Utc>, source: i64, value: Value, count: i64) {
        let (owed, of_plan, is_unpriced) = match value {
            Value::Owed(cost) => (cost, None, cost.is_none()),
            Value::OfPlan(cost) => (None, cost, cost.is_none()),
        };
        let picodollars = |cost: Option<Money>| cost.map_or(0, Money::picodollars);
        let quarter = to_ms(started).div_euclid(QUARTER_MS);
        let sums = self.0.entry((quarter, source)).or_default();
        let more = [1, i64::from(is_unpriced), picodollars(owed), picodollars(of_plan)];
        for (sum, more) in sums.iter_mut().zip(more) {
            *sum = sum.saturating_add(count * more);
        }
    }

    /// Writes down what was added.
    pub(crate) fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        static ONE: LazyLock<String> = LazyLock::new(|| adding(1));
        static MANY: LazyLock<String> = LazyLock::new(|| adding(ROWS_AT_ONCE));
        let mut sums: Vec<_> = self.0.into_iter().collect();
        sums.sort_unstable_by_key(|(of, _)| *of);
        for sums in sums.chunks(ROWS_AT_ONCE) {
            let (rows, sql) = match sums.len() {
                ROWS_AT_ONCE => (ROWS_AT_ONCE, &*MANY),
                _ => (1, &*ONE),
            };
            let mut add = connection.prepare_cached(sql)?;
            for sums in sums.chunks(rows) {
                let mut binding = Binding::of(&mut add);
                for ((quarter, source), counts) in sums {
                    binding.bind_all([quarter, source].into_iter().chain(counts))?;
                }
                binding.execute()?;
            }
        }
        Ok(())
    }
}

fn adding(rows: usize) -> String {
    format!(
        "INSERT INTO outside_quarter VALUES {} ON CONFLICT (quarter, source_id) DO UPDATE SET \
         calls = calls + excluded.calls, unpriced_calls = unpriced_calls + excluded.unpriced_calls, \
         cost_pico = cost_pico + excluded.cost_pico, \
         plan_value_pico = plan_value_pico + excluded.plan_value_pico",
        rows_of_places(rows, 6)
    )
}

/// The sums of the quarter-hours from that of `since` to before `until`, the dearest first.
pub(crate) fn sums(
    connection: &Connection,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> rusqlite::Result<Vec<Outside>> {
    connection
        .prepare_cached(
            "SELECT d.text, sum(calls), sum(unpriced_calls), sum(cost_pico), sum(plan_value_pico) \
             FROM outside_quarter JOIN dimension d ON d.id = source_id \
             WHERE quarter >= ?1 AND quarter < ?2 \
             GROUP BY 1 HAVING sum(calls) > 0 ORDER BY 4 DESC, 5 DESC, 1",
        )?
        .query_map(
            [to_ms(since), to_ms(until) + QUARTER_MS - 1].map(|ms| ms.div_euclid(QUARTER_MS)),
            |row| {
                Ok(Outside {
                    source: row.get(0)?,
                    calls: row.get(1)?,
                    unpriced_calls: row.get(2)?,
                    cost: Money::from_picodollars(row.get(3)?),
                    plan_value: Money::from_picodollars(row.get(4)?),
                })
            },
        )?
        .collect()
}
