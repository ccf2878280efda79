//! Why a provider could not be reached, as its callers are told.

use std::error::Error;

/// The last two links of the chain, which say what happened.
pub(super) fn root_cause(error: &dyn Error) -> String {
    let mut links = vec![error.to_string()];
    let mut source = error.source();
    while let Some(link) = source {
        links.push(link.to_string());
        source = link.source();
    }
    links.dedup();
    links[links.len().saturating_sub(2)..].join(": ")
}
