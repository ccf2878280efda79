//! Spend by quarter-hour, for forecasts.

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt};
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use crate::budget::{BudgetUnit, CallFacts, Scope, ScopeMatcher};
use crate::forecast::{Burn, Hit};
use crate::ledger::error::OpError;
use crate::ledger::rollup::QUARTER_MS;
use crate::ledger::time::{from_ms, to_ms};

use super::sums::quarter;

/// Whose spend is asked for, and in which unit.
pub(crate) struct Spender {
    unit: BudgetUnit,
    /// `None` where sums by quarter-hour do not tell.
    matcher: Option<ScopeMatcher>,
}

impl Spender {
    pub(crate) fn new(scope: &Scope, unit: BudgetUnit) -> Spender {
        let is_kept = scope.session.is_none() && scope.tag.is_none() && scope.run.is_none();
        Spender { unit, matcher: scope.matcher().ok().filter(|_| is_kept) }
    }

    /// The money that an account owes.
    pub(crate) fn account(name: &str) -> Spender {
        let scope = Scope { account: Some(name.to_owned()), ..Scope::default() };
        Spender::new(&scope, BudgetUnit::Usd)
    }
}

/// All that is owed, in dollars.
pub(crate) fn burn(connection: &Connection, now: DateTime<Utc>) -> Result<Burn, OpError> {
    burn_since(connection, now - chrono::TimeDelta::days(crate::forecast::DAYS_OF_HISTORY))
}

/// All that is owed since then, in dollars.
pub(crate) fn burn_since(connection: &Connection, since: DateTime<Utc>) -> Result<Burn, OpError> {
    let all = Spender::new(&Scope::default(), BudgetUnit::Usd);
    Ok(burns(connection, &[all], since)?.pop().unwrap_or_default())
}

/// The dimensions of a sum: account, provider, model, project, key, client; 0 for none.
type Ids = [i64; 6];

/// What each of these spent from the quarter-hour of `since` on, in one pass.
pub(crate) fn burns(
    connection: &Connection,
    spenders: &[Spender],
    since: DateTime<Utc>,
) -> Result<Vec<Burn>, OpError> {
    if spenders.is_empty() {
        return Ok(Vec::new());
    }
    let mut burns = vec![Vec::<(i64, i64)>::new(); spenders.len()];
    let mut names = Names::new(connection)?;
    let mut known: HashMap<Ids, Vec<usize>> = HashMap::new();
    let mut statement = connection.prepare_cached(
        "SELECT quarter, account_id, provider_id, model_id, project_id, key_id, client_id, cost_pico, \
         input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens \
         + output_tokens, calls FROM rollup_quarter WHERE quarter >= ?1 ORDER BY quarter",
    )?;
    let mut rows = statement.query([quarter(since)])?;
    while let Some(row) = rows.next()? {
        let mut ids: Ids = [0; 6];
        for (index, id) in ids.iter_mut().enumerate() {
            *id = row.get(index + 1)?;
        }
        let counting = match known.get(&ids) {
            Some(counting) => counting,
            None => {
                let counting = names.counting(&ids, spenders)?;
                known.entry(ids).or_insert(counting)
            }
        };
        for index in counting {
            let amount: i64 = match spenders[*index].unit {
                BudgetUnit::Usd => row.get(7)?,
                BudgetUnit::Tokens => row.get(8)?,
                BudgetUnit::Calls => row.get(9)?,
            };
            let quarter: i64 = row.get(0)?;
            match burns[*index].last_mut().filter(|last| last.0 == quarter) {
                Some((_, sum)) => *sum = sum.saturating_add(amount),
                None => burns[*index].push((quarter, amount)),
            }
        }
    }
    let first: Option<i64> = connection
        .prepare_cached("SELECT min(quarter) FROM rollup_quarter")?
        .query_row([], |row| row.get(0))?;
    let since = first.map(|first| from_ms(first.saturating_mul(QUARTER_MS)).max(since));
    let burns = burns.into_iter().zip(spenders).map(|(quarters, spender)| Burn {
        since: since.filter(|_| spender.matcher.is_some()),
        quarters,
    });
    Ok(burns.collect())
}

/// The texts of dimensions and accounts.
struct Names<'a> {
    account: CachedStatement<'a>,
    dimension: CachedStatement<'a>,
}

impl<'a> Names<'a> {
    fn new(connection: &'a Connection) -> rusqlite::Result<Names<'a>> {
        Ok(Names {
            account: connection.prepare_cached("SELECT name FROM account WHERE id = ?1")?,
            dimension: connection.prepare_cached("SELECT text FROM dimension WHERE id = ?1")?,
        })
    }

    /// Which of `spenders` calls of these dimensions count for.
    fn counting(&mut self, ids: &Ids, spenders: &[Spender]) -> rusqlite::Result<Vec<usize>> {
        let account: Option<String> =
            self.account.query_row([ids[0]], |row| row.get(0)).optional()?;
        let mut texts: [Option<String>; 5] = Default::default();
        for (text, id) in texts.iter_mut().zip(&ids[1..]) {
            *text = self.dimension.query_row([id], |row| row.get(0)).optional()?;
        }
        let [provider, model, project, key, client] = &texts;
        let facts = CallFacts {
            provider: provider.as_deref().unwrap_or_default(),
            account: account.as_deref().unwrap_or_default(),
            model: model.as_deref().unwrap_or_default(),
            project: project.as_deref(),
            key: key.as_deref(),
            client: client.as_deref(),
            ..CallFacts::default()
        };
        let counts = |spender: &Spender| {
            spender.matcher.as_ref().is_some_and(|matcher| matcher.matches(&facts))
        };
        Ok((0..spenders.len()).filter(|index| counts(&spenders[*index])).collect())
    }
}

/// The periods since then in which the budget refused a call or was used up.
pub(crate) fn hits(
    connection: &Connection,
    budget: uuid::Uuid,
    since: DateTime<Utc>,
) -> rusqlite::Result<Vec<Hit>> {
    connection
        .prepare_cached(
            "SELECT period_start_ms, min(at_ms) FROM alert WHERE at_ms >= ?1 \
             AND (kind = 'budget_refused' OR (kind = 'budget_threshold' AND threshold >= 100)) \
             AND substr(subject_key, 1, 36) = ?2 GROUP BY period_start_ms",
        )?
        .query_map(rusqlite::params![to_ms(since), budget.to_string()], |row| {
            Ok(Hit { period_start: from_ms(row.get(0)?), at: from_ms(row.get(1)?) })
        })?
        .collect()
}
