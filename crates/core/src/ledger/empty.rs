//! Refusing the calls of an account in which too little is left.

use chrono::{DateTime, Utc};

use super::asker::{Asker, is_bypassed};
use super::counter::tightest;
use super::error::OpError;
use super::time::uuid_of;
use super::writer::Writing;
use super::{account, alert, floor, grant, refuse};
use crate::admission::RefusalReason;
use crate::alert::{AlertKind, Severity, floor_text};
use crate::balance::stops;
use crate::money::Money;
use crate::refusal::{self, CreditStop, Refusal};

/// The refusal of a call whose account has too little left; it is written down. Without a floor
/// anywhere nothing is asked. What costs nothing passes, and everything under a bypass.
pub(crate) fn stop(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
) -> Result<Option<Box<Refusal>>, OpError> {
    let call = asker.call;
    if call.plan_login
        || !floor::has_floors(writing)?
        || asker.demand.ceiling() == Some(Money::ZERO)
    {
        return Ok(None);
    }
    let Some(level) = floor::level(writing.connection, asker.account)? else { return Ok(None) };
    let remaining = grant::known_remaining(writing.connection, asker.account, call.at)?;
    let is_stopped = level.emptied.is_some() || stops(remaining, level.floor);
    if !is_stopped || is_bypassed(writing, call.at)? {
        return Ok(None);
    }
    let reason = RefusalReason::BalanceEmpty;
    let id = refuse::write(writing, asker, reason, None)?;
    let account = account::name(writing, asker.account)?;
    let refusal = Refusal {
        call: uuid_of(id),
        reason,
        budget: None,
        repetition: None,
        credit: Some(CreditStop {
            account: account.to_string(),
            floor: level.floor.filter(|_| level.emptied.is_none()),
        }),
        balance_remaining: remaining,
        model: call.model_requested.clone(),
        provider: call.provider.clone(),
        standing: tightest(asker.applying.iter().map(|(active, standing)| (&**active, *standing))),
    };
    fire(writing, asker.account, &account, &refusal, call.at)?;
    Ok(Some(Box::new(refusal)))
}

/// Once for each time that the balance was set or added to.
fn fire(
    writing: &mut Writing<'_>,
    account_id: i64,
    account: &str,
    refusal: &Refusal,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let told = grant::last_told(writing.connection, account_id)?;
    let fired = alert::Fired {
        kind: AlertKind::BalanceFloor,
        severity: Severity::Critical,
        subject: account,
        key: account,
        period_start: told.unwrap_or(DateTime::UNIX_EPOCH),
        threshold: 0,
        text: floor_text(account, &refusal::message(refusal)),
        raise: None,
    };
    alert::fire(writing, fired, now);
    Ok(())
}
