//! Words in a window of their own: where no page is open, and where one has to be asked.

use rfd::{AsyncMessageDialog, MessageButtons, MessageDialogResult, MessageLevel};
use tauri::AppHandle;
use tokio::sync::oneshot;

/// A question with two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) yes: String,
    pub(crate) no: String,
}

/// Whether the user said yes; whoever closes the window says no.
pub(crate) async fn ask(app: &AppHandle, question: Question) -> bool {
    let Question { title, text, yes, no } = question;
    let buttons = MessageButtons::OkCancelCustom(yes.clone(), no);
    let dialog = AsyncMessageDialog::new().set_title(title).set_description(text);
    let dialog = dialog.set_level(MessageLevel::Warning).set_buttons(buttons);
    match show(app, dialog).await {
        Some(MessageDialogResult::Ok | MessageDialogResult::Yes) => true,
        Some(MessageDialogResult::Custom(answer)) => answer == yes,
        _ => false,
    }
}

/// Says what did not work.
pub(crate) async fn tell(app: &AppHandle, title: &str, sentence: &str) {
    let dialog = AsyncMessageDialog::new().set_title(title).set_description(sentence);
    show(app, dialog.set_level(MessageLevel::Error).set_buttons(MessageButtons::Ok)).await;
}

/// Says what is well.
#[cfg(feature = "updater")]
pub(crate) async fn inform(app: &AppHandle, title: &str, sentence: &str) {
    let dialog = AsyncMessageDialog::new().set_title(title).set_description(sentence);
    show(app, dialog.set_level(MessageLevel::Info).set_buttons(MessageButtons::Ok)).await;
}

/// Platforms want their windows made on the main thread; nobody waits for the answer there.
async fn show(app: &AppHandle, dialog: AsyncMessageDialog) -> Option<MessageDialogResult> {
    let (answered, answer) = oneshot::channel();
    app.run_on_main_thread(move || {
        let shown = dialog.show();
        tauri::async_runtime::spawn(async move {
            // Nobody listens only where the app ends.
            let _ = answered.send(shown.await);
        });
    })
    .ok()?;
    answer.await.ok()
}
