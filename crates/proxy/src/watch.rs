//! A stream whose holds do not cover all that it may generate: it draws more money as it goes, and
//! is ended when there is none.

use std::time::Duration;

use futures_util::FutureExt;
use outlay_core::ledger::{Drawn, Reply, Reservation};
use outlay_core::refusal::Refusal;

use crate::app::App;

/// How often a stream is looked after that may generate without a word.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Tokens beside twice its cap that a stream may seem to have generated before its provider is taken to
/// ignore the cap.
const CAP_SLACK_TOKENS: u64 = 256;

/// What a watched stream may still generate, and when it asks for more.
#[derive(Debug)]
pub(crate) struct Watch {
    allowance: Allowance,
    /// A draw that has not been answered.
    asked: Option<Drawing>,
}

type Drawing = <Reply<Drawn> as IntoFuture>::IntoFuture;

/// Whether a watched stream may go on.
#[derive(Debug)]
pub(crate) enum Verdict {
    GoesOn,
    /// What it holds is used up and there is no more. `None` where the ledger could not be asked.
    Ends(Option<Box<Refusal>>),
}

impl Watch {
    /// For a call with this reservation; `None` where its holds cover all of it.
    pub(crate) fn of(reservation: &Reservation) -> Option<Watch> {
        let allowance = Allowance::new(reservation.covered()?);
        Some(Watch { allowance, asked: None })
    }

    /// Looks whether what `shown` tokens are billed for is paid, and draws early enough that the stream
    /// need not wait for the answer. Waits for it only where what is held is used up.
    pub(crate) async fn look(
        &mut self,
        app: &App,
        reservation: &Reservation,
        shown: u64,
    ) -> Verdict {
        let produced = reservation.billed_tokens(shown);
        let draw = || reservation.draw(produced, app.now()).into_future();
        while produced >= self.allowance.ask_at {
            if self.allowance.is_at_cap {
                tracing::warn!(
                    produced,
                    "a provider does not keep to an output cap: the stream is ended"
                );
                return Verdict::Ends(stopped_by(app, reservation).await);
            }
            let is_over = produced >= self.allowance.covered;
            let (mut asked, is_last) = match self.asked.take() {
                Some(asked) => (asked, false),
                None => (draw(), is_over),
            };
            let drawn = match is_over {
                true => asked.await,
                false => match (&mut asked).now_or_never() {
                    Some(drawn) => drawn,
                    None => {
                        self.asked = Some(asked);
                        return Verdict::GoesOn;
                    }
                },
            };
            let refusal = match drawn {
                Ok(Drawn::Covered(covered)) => {
                    self.allowance = self.allowance.grown_to(covered);
                    continue;
                }
                Ok(Drawn::Denied(refusal)) => Some(refusal),
                Err(error) => {
                    tracing::error!(%error, "a stream could not draw");
                    None
                }
            };
            // An answer to an earlier question is not the last word: money comes back.
            if is_last {
                return Verdict::Ends(refusal);
            }
            self.allowance = self.allowance.denied_at(produced);
        }
        Verdict::GoesOn
    }
}

/// The tokens that are paid for, and from how many on more are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowance {
    covered: u64,
    ask_at: u64,
    /// All up to the output cap is paid for, where the provider ends it.
    is_at_cap: bool,
}

impl Allowance {
    /// The last quarter is time enough for a draw.
    fn new(covered: u64) -> Allowance {
        Allowance { covered, ask_at: covered - covered / 4, is_at_cap: false }
    }

    /// After a draw. One that gives no more and does not deny it either has come up to the output
    /// cap: nothing is left to draw. What shows is counted high, so that a stream is far beyond its cap
    /// before it can be said to be.
    fn grown_to(self, covered: u64) -> Allowance {
        if covered > self.covered {
            return Allowance::new(covered);
        }
        let most = self.covered.saturating_mul(2).saturating_add(CAP_SLACK_TOKENS);
        Allowance { covered: most, ask_at: most, is_at_cap: true }
    }

    /// After a denial: asks again half way to the end.
    fn denied_at(self, produced: u64) -> Allowance {
        let left = self.covered.saturating_sub(produced);
        Allowance { ask_at: self.covered - left / 2, ..self }
    }
}

/// The limit that a stream has met; `None` where the ledger could not be asked.
async fn stopped_by(app: &App, reservation: &Reservation) -> Option<Box<Refusal>> {
    reservation.stop(app.now()).await.unwrap_or_else(|error| {
        tracing::error!(%error, "nobody can tell which limit a stream met");
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowances() {
        let of = |covered, ask_at| Allowance { covered, ask_at, is_at_cap: false };
        let at_cap = |most| Allowance { covered: most, ask_at: most, is_at_cap: true };
        for (what, allowance, expected) in [
            ("three quarters", Allowance::new(1_000), of(1_000, 750)),
            ("nothing", Allowance::new(0), of(0, 0)),
            ("grown", Allowance::new(1_000).grown_to(2_000), of(2_000, 1_500)),
            ("all of it", Allowance::new(1_000).grown_to(1_000), at_cap(2_256)),
            (
                "a call that needs no draw",
                Allowance::new(1_000).grown_to(u64::MAX),
                of(u64::MAX, u64::MAX - u64::MAX / 4),
            ),
            ("denied", Allowance::new(1_000).denied_at(760), of(1_000, 880)),
            ("denied at the end", Allowance::new(1_000).denied_at(999), of(1_000, 1_000)),
            ("denied too late", Allowance::new(1_000).denied_at(1_200), of(1_000, 1_000)),
        ] {
            assert_eq!(allowance, expected, "{what}");
        }
    }
}
