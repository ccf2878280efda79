//! How far a command is that takes its time, on a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use outlay_host::logs::Progress;

/// How much of the logs is read.
pub(crate) struct ReadingBar(ProgressBar);

impl ReadingBar {
    /// A bar that is drawn where somebody looks, and once it is worth it.
    pub(crate) fn new() -> ReadingBar {
        let bar = ProgressBar::no_length();
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        bar.set_draw_target(target);
        let template = "Reading {bar:30} {bytes} of {total_bytes}, {msg} calls";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        ReadingBar(bar)
    }

    pub(crate) fn show(&mut self, progress: Progress) {
        self.0.set_length(progress.bytes_total);
        self.0.set_position(progress.bytes);
        self.0.set_message(progress.calls.to_string());
    }

    pub(crate) fn end(self) {
        self.0.finish_and_clear();
    }
}
