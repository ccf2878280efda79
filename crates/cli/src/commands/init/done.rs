//! What was done so far, for whoever stops in the middle.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::failure::Failure;
use crate::proxy;

/// The exit code of what Ctrl-C ended, as shells have it.
const INTERRUPTED: i32 = 130;

/// What was done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Done(Arc<Mutex<Steps>>);

#[derive(Debug, Default)]
struct Steps {
    ended: Vec<String>,
    /// What is to be said of the step that is being done.
    begun: Option<&'static str>,
}

impl Done {
    /// A step begins that takes its time, of which this is to be said until it ends.
    pub(super) fn begin(&self, what: &'static str) {
        self.steps(|steps| steps.begun = Some(what));
    }

    /// A step has ended.
    pub(super) fn end(&self, what: String) {
        self.steps(|steps| {
            steps.begun = None;
            steps.ended.push(what);
        });
    }

    /// How far it went, and how to go on.
    pub(super) fn sentence(&self) -> String {
        self.steps(|steps| {
            let ended = steps.ended.iter().map(String::as_str);
            let all: Vec<&str> = ended.chain(steps.begun).collect();
            if all.is_empty() {
                "stopped, and nothing was done yet: outlay init begins again".to_owned()
            } else {
                format!(
                    "stopped; {}, and that stays: outlay init goes on from there",
                    all.join(", ")
                )
            }
        })
    }

    /// From now on Ctrl-C says so and ends this process.
    ///
    /// # Errors
    /// When the system lets nobody wait for it.
    pub(super) fn say_when_interrupted(&self) -> Result<(), Failure> {
        let runtime = proxy::runtime()?;
        let done = self.clone();
        thread::spawn(move || {
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                // The terminal shows ^C on the line of the question.
                eprintln!("\noutlay: {}", done.sentence());
                std::process::exit(INTERRUPTED);
            }
        });
        Ok(())
    }

    fn steps<T>(&self, act: impl FnOnce(&mut Steps) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_far_it_went() {
        let done = Done::default();
        assert!(done.sentence().contains("nothing was done yet"));
        done.begin("part of the logs was imported");
        assert!(done.sentence().contains("part of the logs"));
        done.end("7 calls were imported".to_owned());
        done.end("Codex was connected".to_owned());
        assert_eq!(
            done.sentence(),
            "stopped; 7 calls were imported, Codex was connected, and that stays: outlay init goes on from there"
        );
    }
}
