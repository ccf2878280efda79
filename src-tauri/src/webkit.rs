//! What WebKit is told before it begins, on Linux: to paint a page without layers, and to hold less
//! for one that is left open. See `docs/decisions/0024-a-page-without-layers.md` and
//! `docs/decisions/0025-a-page-that-holds-little.md`.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// WebKit reads these once, before the page's process begins; it has no settings for them, or only
/// some that come too late.
const TOLD: [(&str, &str); 4] = [
    ("WEBKIT_DISABLE_COMPOSITING_MODE", "1"),
    // The compiler for code that runs hot for long, which a page of tables has not.
    ("JSC_useDFGJIT", "0"),
    // Bytes of objects before what is not needed any more is looked for the first time.
    ("JSC_largeHeapSize", "4000000"),
    // Bytes of memory that this machine is taken to have: how far they may grow between two looks.
    ("JSC_forceRAMSize", "134217728"),
];

/// Starts this program anew with what WebKit is to be told; what the user has said to it stands.
///
/// A program cannot safely change its own surroundings, hence the new start: the process stays the same.
///
/// # Errors
/// Returns at all only where nothing was to be said, or with the reason why it could not be.
pub(crate) fn tell() -> io::Result<()> {
    let unsaid = TOLD.iter().filter(|(name, _)| std::env::var_os(name).is_none());
    let unsaid: Vec<_> = unsaid.copied().collect();
    if unsaid.is_empty() {
        return Ok(());
    }
    let mut anew = Command::new(std::env::current_exe()?);
    Err(anew.args(std::env::args_os().skip(1)).envs(unsaid).exec())
}
