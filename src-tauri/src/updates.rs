//! Looks for a newer version when the user asks for it, and at no other time (docs/decisions/0022).

use tauri::AppHandle;

/// Asks the address that the package was made with, and installs what it offers where the user agrees.
///
/// # Errors
/// Why nobody knows of a newer version, or why it was not installed.
#[cfg(feature = "updater")]
pub(crate) async fn look(app: &AppHandle) -> Result<(), String> {
    use tauri_plugin_updater::UpdaterExt;

    use crate::dialog;

    let words = |error: tauri_plugin_updater::Error| error.to_string();
    let found = app.updater().map_err(words)?.check().await.map_err(words)?;
    let Some(update) = found else {
        dialog::inform(app, "Outlay is up to date", env!("CARGO_PKG_VERSION")).await;
        return Ok(());
    };
    if dialog::ask(app, question(&update.current_version, &update.version)).await {
        update.download_and_install(|_, _| (), || ()).await.map_err(words)?;
        app.restart();
    }
    Ok(())
}

/// No menu offers it where it is not compiled in.
///
/// # Errors
/// Always.
#[cfg(not(feature = "updater"))]
pub(crate) async fn look(_app: &AppHandle) -> Result<(), String> {
    Err("This Outlay has no updater: get the new version where you got this one.".to_owned())
}

/// What is asked before anything is installed.
#[cfg(any(feature = "updater", test))]
fn question(current: &str, newest: &str) -> crate::dialog::Question {
    crate::dialog::Question {
        title: format!("Install Outlay {newest}?"),
        text: format!(
            "This is {current}. Outlay closes and starts again; calls that run through it now end early."
        ),
        yes: "Install".to_owned(),
        no: "Not now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_named() {
        let question = question("0.1.0", "0.2.0");
        assert!(
            question.title.contains("0.2.0") && question.text.contains("0.1.0"),
            "{question:?}"
        );
    }
}
