//! How WebKit paints the page on Linux: on the page's own surface, without one more for each layer.
//!
//! With layers the page's process held about twice the memory and was never quite idle; see
//! `docs/decisions/0024-a-page-without-layers.md`.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// WebKit reads it once, before the page's process begins.
const WITHOUT_LAYERS: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";

/// Starts this program anew without layers, unless the user has said how to paint.
///
/// A program cannot safely change its own surroundings, hence the new start: the process stays the same.
///
/// # Errors
/// Returns at all only where nothing was to be changed, or with the reason why it could not be.
pub(crate) fn without_layers() -> io::Result<()> {
    if std::env::var_os(WITHOUT_LAYERS).is_some() {
        return Ok(());
    }
    let mut anew = Command::new(std::env::current_exe()?);
    Err(anew.args(std::env::args_os().skip(1)).env(WITHOUT_LAYERS, "1").exec())
}
