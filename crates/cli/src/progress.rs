//! How far a command is that takes its time, on a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use outlay_host::logs::Progress;

use crate::words;

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
        let template = "Reading {bar:30} {bytes} of {total_bytes}, {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        // The length is known, and drawn, before anything is read.
        bar.set_message(calls(0));
        ReadingBar(bar)
    }

    pub(crate) fn show(&mut self, progress: Progress) {
        self.0.set_message(calls(progress.calls));
        self.0.set_length(progress.bytes_total);
        self.0.set_position(progress.bytes);
    }

    pub(crate) fn end(self) {
        self.0.finish_and_clear();
    }
}

fn calls(count: u64) -> String {
    words::counted(count, "call", "calls")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_many_calls_from_its_start_on() {
        let mut bar = ReadingBar::new();
        assert_eq!(bar.0.message(), "0 calls");
        for (count, expected) in [(1, "1 call"), (2, "2 calls")] {
            bar.show(Progress { calls: count, ..Progress::default() });
            assert_eq!(bar.0.message(), expected);
        }
    }
}
