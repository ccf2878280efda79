//! What budgets look at of calls that are past: what they are about, and what they spent.

use crate::budget::{BudgetUnit, CallFacts, ScopeMatcher};

/// The columns of [`StoredFacts::read`].
pub(super) const FACTS: &str = "p.text, a.name, coalesce(m.text, ''), j.text, k.text, c.text, s.text, \
     coalesce(t.text, ''), a.plan_login, r.text";
/// The joins that they need.
pub(super) const FACT_JOINS: &str = "JOIN account a ON a.id = call.account_id \
     JOIN dimension p ON p.id = call.provider_id \
     LEFT JOIN dimension m ON m.id = call.model_requested_id \
     LEFT JOIN dimension j ON j.id = call.project_id \
     LEFT JOIN dimension k ON k.id = call.key_id \
     LEFT JOIN dimension c ON c.id = call.client_id \
     LEFT JOIN dimension s ON s.id = call.session_id \
     LEFT JOIN dimension t ON t.id = call.tags_id \
     LEFT JOIN dimension r ON r.id = call.run_id";

/// What budgets look at of a call.
pub(super) struct StoredFacts {
    provider: String,
    account: String,
    model: String,
    project: Option<String>,
    key: Option<String>,
    client: Option<String>,
    session: Option<String>,
    tags: String,
    plan_login: bool,
    run: Option<String>,
}

impl StoredFacts {
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredFacts> {
        Ok(StoredFacts {
            provider: row.get(0)?,
            account: row.get(1)?,
            model: row.get(2)?,
            project: row.get(3)?,
            key: row.get(4)?,
            client: row.get(5)?,
            session: row.get(6)?,
            tags: row.get(7)?,
            plan_login: row.get(8)?,
            run: row.get(9)?,
        })
    }

    /// Whether a budget of this unit and scope counts the call.
    pub(super) fn counts_for(&self, unit: BudgetUnit, scope: &ScopeMatcher) -> bool {
        let facts = CallFacts {
            provider: &self.provider,
            account: &self.account,
            model: &self.model,
            project: self.project.as_deref(),
            key: self.key.as_deref(),
            client: self.client.as_deref(),
            session: self.session.as_deref(),
            tags: &self.tags,
            run: self.run.as_deref(),
        };
        !(self.plan_login && unit == BudgetUnit::Usd) && scope.matches(&facts)
    }
}

/// What a call spent in a unit, as SQL over its row.
pub(super) const fn spent(unit: BudgetUnit) -> &'static str {
    match unit {
        BudgetUnit::Usd => "coalesce(cost_pico, 0)",
        BudgetUnit::Calls => "1",
        BudgetUnit::Tokens => {
            "(coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0) \
             + coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0) \
             + coalesce(output_tokens, 0) + coalesce(audio_input_tokens, 0) \
             + coalesce(audio_output_tokens, 0))"
        }
    }
}
