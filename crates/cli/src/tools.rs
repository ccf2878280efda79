//! Tools whose own settings point at Outlay: what is done to them from other commands.

use std::net::SocketAddr;

use crate::failure::Failure;

/// The proxy now listens at `address` and not where it was meant to: what tools have to know, a sentence
/// each.
pub(crate) fn moved(address: SocketAddr) -> Result<Vec<String>, Failure> {
    Ok(vec![format!(
        "Tools that were pointed at another address are pointed here by: eval \"$(outlay env)\", or http://{address} in their settings."
    )])
}

/// Outlay goes: puts every tool back that was pointed here, and says so, a sentence each.
pub(crate) fn put_back() -> Result<Vec<String>, Failure> {
    Ok(Vec::new())
}
