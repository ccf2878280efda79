//! What calls that were made elsewhere have in common, told by somebody or found in a log: they are
//! charged and never refused, for the money is spent.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::active::ActiveBudget;
use super::call::{Entry, NewCall};
use super::counter::Standing;
use super::error::OpError;
use super::settlement::Settlement;
use super::shares::{Share, Shares};
use super::time::to_ms;
use super::writer::Writing;
use super::{asker, budget};
use crate::admission::Bounds;
use crate::budget::Window;
use crate::cost::Bill;

/// The bounds of a call that has ended already.
pub(crate) const ENDED: Bounds = Bounds {
    input_tokens_max: 0,
    input_tokens_usual: 0,
    output_tokens_max: Some(0),
    output_tokens_default: 0,
    default_is_proven: true,
    output_tokens_floor: 0,
    can_cap: false,
    can_stop: false,
    is_bounded: true,
};

/// What its row says when it is entered: it runs without a hold.
pub(crate) fn entry(shares: Shares) -> Entry {
    Entry {
        status: "running",
        limit_action: None,
        output_cap: None,
        ceiling: None,
        refusal: None,
        refused_by: None,
        shares,
        owner: None,
        is_unbounded: false,
    }
}

/// How it ended, as far as anybody here knows.
pub(crate) fn settlement(
    bill: Bill,
    model: Option<String>,
    response_id: Option<String>,
    duration: Option<TimeDelta>,
    now: DateTime<Utc>,
) -> Settlement {
    Settlement {
        bill: Some(bill),
        model,
        response_id,
        turn_prompt_tokens: None,
        output_shown_tokens: None,
        http_status: None,
        error_kind: None,
        duration,
        first_byte: None,
        at: now,
        ended: false,
    }
}

/// The budgets that it is charged in: those whose present period it belongs to. What an earlier
/// period spent changes reports, and is no news.
pub(crate) fn shares(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
    now: DateTime<Utc>,
) -> Result<Shares, OpError> {
    let applying = asker::applying(writing, call, account)?;
    let share = |(active, standing): &(Arc<ActiveBudget>, Standing)| Share {
        budget_seq: active.seq,
        period_start_ms: to_ms(standing.period.start),
        held: 0,
        charged: None,
    };
    let is_present = |(active, standing): &&(Arc<ActiveBudget>, Standing)| {
        let end = match active.budget.window {
            Window::Rolling { span } => Some(span.leaves_at(standing.period.start)),
            _ => standing.period.end,
        };
        end.is_none_or(|end| end > now)
    };
    Ok(Shares(applying.iter().filter(is_present).map(share).collect()))
}

/// Since when calls belong to a present period of any budget; `None` where there are no budgets.
pub(crate) fn present_since(
    writing: &mut Writing<'_>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, OpError> {
    let start = |active: &Arc<ActiveBudget>| match active.budget.window {
        Window::Rolling { span } => span.reach(now),
        window => window.period(now, active.budget.timezone).start,
    };
    Ok(budget::active(writing)?.iter().map(start).min())
}
