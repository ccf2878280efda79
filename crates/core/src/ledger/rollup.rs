//! Sums of ended calls, kept in the transaction that ends them.

use std::ops::Range;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use foldhash::HashMap;
use rusqlite::{Connection, params_from_iter};

use super::many::{Binding, ROWS_AT_ONCE, rows_of_places};
use super::time::to_ms;
use crate::money::Money;
use crate::usage::Usage;

/// Milliseconds in a quarter-hour, the finest sum.
pub(crate) const QUARTER_MS: i64 = 15 * 60 * 1000;
/// Milliseconds in a UTC day, the coarse sum.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a coarse sum is by. The numbers are stored; never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CoarseBy {
    Model = 1,
    Project = 2,
}

/// The dimensions of one call; 0 stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RollupKey {
    pub(crate) account: i64,
    pub(crate) provider: i64,
    pub(crate) model: i64,
    pub(crate) project: i64,
    pub(crate) key: i64,
    pub(crate) client: i64,
}

/// What one ended call is worth; `None` where unpriced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// Money owed to the provider.
    Owed(Option<Money>),
    /// A subscription's use at API prices, which owes nothing.
    OfPlan(Option<Money>),
}

const COUNTS: [&str; 10] = [
    "calls",
    "unpriced_calls",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_pico",
    "plan_value_pico",
];
const QUARTER_KEY: [&str; 7] =
    ["quarter", "account_id", "provider_id", "model_id", "project_id", "key_id", "client_id"];
const DAY_KEY: [&str; 4] = ["by_kind", "day", "provider_id", "dimension_id"];

const QUARTERS_A_DAY: i64 = DAY_MS / QUARTER_MS;

/// What is to be added to the sums by the transaction that is open. Its calls mostly share them.
#[derive(Debug, Default)]
pub(crate) struct Rollups {
    quarters: HashMap<(i64, RollupKey), Counts>,
    /// Up to which day the coarse sums reach, where that is known.
    days_until: Option<i64>,
}

/// In the order of `COUNTS`.
type Counts = [i64; COUNTS.len()];

impl Rollups {
    /// Adds one ended call to the sums of the instant it was admitted at.
    pub(crate) fn add(
        &mut self,
        started: DateTime<Utc>,
        key: RollupKey,
        usage: Option<&Usage>,
        value: Value,
    ) {
        let quarter = to_ms(started).div_euclid(QUARTER_MS);
        add(self.quarters.entry((quarter, key)).or_default(), &counts(usage, value));
    }

    /// Takes one ended call out of the sums again, which [`Rollups::add`] added.
    pub(crate) fn subtract(
        &mut self,
        started: DateTime<Utc>,
        key: RollupKey,
        usage: Option<&Usage>,
        value: Value,
    ) {
        let quarter = to_ms(started).div_euclid(QUARTER_MS);
        let counts = counts(usage, value).map(|count| -count);
        add(self.quarters.entry((quarter, key)).or_default(), &counts);
    }

    /// Writes down what was added. A day has coarse sums once a call of a later one has ended.
    pub(crate) fn flush(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.quarters.is_empty() {
            return Ok(());
        }
        let until = match self.days_until {
            Some(until) => until,
            None => days_until(connection)?,
        };
        let newest = self.quarters.keys().map(|(quarter, _)| day_of(*quarter));
        let newest = newest.max().unwrap_or(until).max(until);
        // Of these days the file has sums that are to be summed once the day is over; of others all there
        // is is here.
        let unsummed =
            if newest > until { until..days_begun(connection)?.min(newest) } else { until..until };
        let mut whole: HashMap<[i64; DAY_KEY.len()], Counts> = HashMap::default();
        let mut sums: Vec<([i64; QUARTER_KEY.len()], Counts)> =
            Vec::with_capacity(self.quarters.len());
        for ((quarter, key), counts) in self.quarters.drain() {
            let RollupKey { account, provider, model, project, key, client } = key;
            sums.push(([quarter, account, provider, model, project, key, client], counts));
            let day = day_of(quarter);
            if day >= newest || unsummed.contains(&day) {
                continue;
            }
            for (by, dimension) in [(CoarseBy::Model, model), (CoarseBy::Project, project)] {
                add(whole.entry([by as i64, day, provider, dimension]).or_default(), &counts);
            }
        }
        Adding::quarters().add_all(connection, &sums)?;
        Adding::days().add_all(connection, &Vec::from_iter(whole))?;
        if newest > until {
            sum_days(connection, unsummed)?;
            let close = "UPDATE ledger SET days_until = ?1";
            connection.prepare_cached(close)?.execute([newest])?;
        }
        self.days_until = Some(newest);
        Ok(())
    }

    /// Forgets what another process may have changed.
    pub(crate) fn forget(&mut self) {
        self.days_until = None;
    }
}

/// The first day that has no coarse sums yet.
pub(crate) fn days_until(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT days_until FROM ledger")?.query_row([], |row| row.get(0))
}

/// The first day after all of which a quarter-hour has a sum.
fn days_begun(connection: &Connection) -> rusqlite::Result<i64> {
    let last = "SELECT max(quarter) FROM rollup_quarter";
    let last: Option<i64> = connection.prepare_cached(last)?.query_row([], |row| row.get(0))?;
    Ok(last.map_or(i64::MIN, |quarter| day_of(quarter) + 1))
}

fn day_of(quarter: i64) -> i64 {
    quarter.div_euclid(QUARTERS_A_DAY)
}

/// Sums the quarter-hours of these days.
fn sum_days(connection: &Connection, days: Range<i64>) -> rusqlite::Result<()> {
    if days.is_empty() {
        return Ok(());
    }
    let (counts, sums) = (COUNTS.join(", "), COUNTS.map(|name| format!("sum({name})")).join(", "));
    for (by, dimension) in [(CoarseBy::Model, "model_id"), (CoarseBy::Project, "project_id")] {
        let sql = format!(
            "INSERT INTO rollup_day (by_kind, day, provider_id, dimension_id, {counts}) \
             SELECT {}, quarter / {QUARTERS_A_DAY} AS day, provider_id, {dimension}, {sums} \
             FROM rollup_quarter WHERE quarter >= ?1 AND quarter < ?2 \
             GROUP BY day, provider_id, {dimension}",
            by as i64
        );
        let range = [days.start, days.end].map(|day| day.saturating_mul(QUARTERS_A_DAY));
        connection.prepare_cached(&sql)?.execute(range)?;
    }
    Ok(())
}

fn add(sum: &mut Counts, counts: &Counts) {
    for (sum, count) in sum.iter_mut().zip(counts) {
        *sum = sum.saturating_add(*count);
    }
}

/// Adds to rows of sums. For few of them two statements: an upsert costs half as much again as the update
/// that it nearly always is.
struct Adding {
    update: String,
    insert: String,
    /// For many, of which most are new.
    upsert: String,
    /// A row without calls is none: its dimensions may have no other.
    delete: String,
}

impl Adding {
    fn quarters() -> &'static Adding {
        static SQL: LazyLock<Adding> =
            LazyLock::new(|| Adding::new("rollup_quarter", &QUARTER_KEY));
        &SQL
    }

    fn days() -> &'static Adding {
        static SQL: LazyLock<Adding> = LazyLock::new(|| Adding::new("rollup_day", &DAY_KEY));
        &SQL
    }

    fn new(table: &str, key: &[&str]) -> Adding {
        let matched: Vec<_> = (1..).zip(key).map(|(at, name)| format!("{name} = ?{at}")).collect();
        let matched = matched.join(" AND ");
        let added: Vec<_> = (key.len() + 1..)
            .zip(COUNTS)
            .map(|(at, name)| format!("{name} = {name} + ?{at}"))
            .collect();
        let names: Vec<_> = key.iter().chain(&COUNTS).copied().collect();
        let into = format!("INTO {table} ({}) VALUES", names.join(", "));
        let one = rows_of_places(1, names.len());
        Adding {
            update: format!("UPDATE {table} SET {} WHERE {matched}", added.join(", ")),
            insert: format!("INSERT {into} {one}"),
            upsert: format!(
                "INSERT {into} {} ON CONFLICT ({}) DO UPDATE SET {}",
                rows_of_places(ROWS_AT_ONCE, names.len()),
                key.join(", "),
                COUNTS.map(|name| format!("{name} = {name} + excluded.{name}")).join(", ")
            ),
            delete: format!("DELETE FROM {table} WHERE {matched} AND calls = 0"),
        }
    }

    /// Adds these sums, each of another key.
    fn add_all<const N: usize>(
        &self,
        connection: &Connection,
        sums: &[([i64; N], Counts)],
    ) -> rusqlite::Result<()> {
        let mut sums: Vec<_> = sums.iter().collect();
        // Many are next to each other in the file.
        sums.sort_unstable_by_key(|(of, _)| *of);
        let mut chunks = sums.chunks_exact(ROWS_AT_ONCE);
        if sums.len() >= ROWS_AT_ONCE {
            let mut upsert = connection.prepare_cached(&self.upsert)?;
            for chunk in &mut chunks {
                let mut binding = Binding::of(&mut upsert);
                for (of, counts) in chunk {
                    binding.bind_all(of)?;
                    binding.bind_all(counts)?;
                }
                binding.execute()?;
            }
        }
        for (of, counts) in chunks.remainder() {
            let values = || params_from_iter(of.iter().chain(counts));
            if connection.prepare_cached(&self.update)?.execute(values())? == 0 {
                connection.prepare_cached(&self.insert)?.execute(values())?;
            }
        }
        for (of, [calls, ..]) in sums {
            if *calls <= 0 {
                connection.prepare_cached(&self.delete)?.execute(params_from_iter(of))?;
            }
        }
        Ok(())
    }
}

fn counts(usage: Option<&Usage>, value: Value) -> Counts {
    let usage = usage.copied().unwrap_or_default();
    let picodollars = |cost: Option<Money>| cost.unwrap_or_default().picodollars();
    let (unpriced, cost, plan_value) = match value {
        Value::Owed(cost) => (cost.is_none(), picodollars(cost), 0),
        Value::OfPlan(cost) => (cost.is_none(), 0, picodollars(cost)),
    };
    [
        1,
        i64::from(unpriced),
        shown_input(&usage),
        clamp(usage.cache_read_tokens),
        clamp(usage.cache_write_5m_tokens),
        clamp(usage.cache_write_1h_tokens),
        clamp(usage.output_tokens),
        clamp(usage.reasoning_tokens.unwrap_or(0)),
        cost,
        plan_value,
    ]
}

/// The prompt tokens shown as input: image and video tokens have no column of their own.
pub(crate) fn shown_input(usage: &Usage) -> i64 {
    clamp(
        usage
            .input_tokens
            .saturating_add(usage.image_input_tokens)
            .saturating_add(usage.video_input_tokens),
    )
}

/// A count as SQLite stores it.
pub(crate) fn clamp(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
