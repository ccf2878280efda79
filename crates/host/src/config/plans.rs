//! The plans of the configuration: named sets of hard budgets.

use outlay_core::ledger::Plan;
use outlay_core::money::Money;

use super::ConfigError;
use super::section::Section;

/// Reads `[plans.NAME]`, each with the limits of its windows in US dollars.
pub(super) fn read(mut all: Section) -> Result<Vec<Plan>, ConfigError> {
    let mut plans = Vec::new();
    for name in all.keys() {
        let Some(mut section) = all.section(&name)? else { continue };
        let plan = Plan {
            name,
            day: limit(&mut section, "day")?,
            week: limit(&mut section, "week")?,
            month: limit(&mut section, "month")?,
            total: limit(&mut section, "total")?,
        };
        section.finish()?;
        plans.push(plan);
    }
    Ok(plans)
}

fn limit(section: &mut Section, window: &str) -> Result<Option<Money>, ConfigError> {
    let Some(text) = section.text(window)? else { return Ok(None) };
    let limit = section.value(window, &text, text.parse::<Money>(), "write it like \"5.00\"")?;
    if limit < Money::ZERO {
        return Err(section.wrong(window, &text, "a limit is zero or more, like \"5.00\""));
    }
    Ok(Some(limit))
}
