//! How a call ends: its settlement, and what the client still gets.

use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use outlay_core::cost::Bill;
use outlay_core::ledger::{LedgerError, Reply, ReplyFuture, Settled, Settlement};
use outlay_core::refusal::Refusal;
use outlay_wire::decode::decode_whole;
use outlay_wire::{ErrorKind, Meter, Reading, classify};

use crate::app::App;
use crate::bill::{self, End};
use crate::dispatch::Dispatch;
use crate::forwarded::{Call, Passed};
use crate::headers;
use crate::reply::{self, Failure};
use crate::transfer::Client;
use crate::upstream::SendError;

/// How much of an error's body is looked at.
const ERROR_BYTES_MAX: usize = 1024 * 1024;
/// How much of a whole answer.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a whole answer waits for its settlement, which may wait for a full disk.
const SETTLE_MAX: Duration = Duration::from_secs(2);

impl Call {
    /// The provider's answer is over. What was held back of it goes to the client now, with the
    /// figures after the settlement.
    pub(crate) async fn end(mut self, passed: Passed, mut client: Client) {
        self.terms.ceiling = self.reservation.ceiling();
        let cut = self.cut(&passed).await;
        let Passed { status, mut head, encoding, held, end, is_ended, .. } = passed;
        let Passed { first_byte, lasted, reading, .. } = passed;
        let (bill, error_kind) = if status.is_success() {
            bill::of_answer(&self.app.ledger().prices(), &self.terms, &reading, end, lasted)
        } else {
            let body = held.as_deref().unwrap_or_default().concat();
            let body = decode_whole(encoding.as_deref(), &body, ERROR_BYTES_MAX);
            let body = body.unwrap_or_default();
            (None, Some(classify(self.terms.dialect, status.as_u16(), &body).as_str()))
        };
        let settlement = Settlement {
            http_status: Some(status.as_u16()),
            first_byte: first_byte.map(delta),
            output_shown_tokens: self.shown_tokens(&reading, end, lasted),
            ended: is_ended || cut.is_some(),
            ..self.settlement(bill, error_kind, Some((&reading, end)))
        };
        let is_empty = error_kind == Some(ErrorKind::InsufficientQuota.as_str());
        self.block_account(is_empty);
        // Queued before the client sees the end: who asks us after the last byte finds the figures.
        let settling = self.reservation.settle(settlement);
        let Some(mut held) = held else {
            let app = &self.app;
            let leaving = async move {
                // An end of ours is a whole one.
                if is_ended || end == End::Complete {
                    return drop(client);
                }
                until_stopped(app, client.break_off()).await;
            };
            tokio::join!(leaving, async { settled(app, settling.await) });
            return;
        };
        let outcome = wait_for(&self.app, settling).await;
        let (cost, standing) =
            outcome.map_or((None, self.standing), |settled| (settled.cost, settled.standing));
        headers::add_quota(head.headers_mut(), standing.as_ref());
        if held.is_empty() && end == End::Broken {
            let error = SendError::NoAnswer("the connection was closed".to_owned());
            let failure = error.failure(&self.terms.provider, &self.authority);
            return client.send_reply(reply::failed(&failure, self.terms.dialect), head.headers());
        }
        headers::add_cost(head.headers_mut(), cost);
        match cut {
            Some(Cut::InToolCall(refusal)) => {
                let (status, base_url) = (self.refusal_status, self.app.base_url());
                let reply = reply::refused(&refusal, self.terms.dialect, status, &base_url);
                return client.send_reply(reply, head.headers());
            }
            Some(Cut::InText(noted)) => {
                headers::add_ended(head.headers_mut());
                held = vec![noted];
            }
            None => {}
        }
        if is_empty {
            headers::add_no_retry(head.headers_mut());
        }
        client.send_head(head);
        until_stopped(&self.app, async move {
            for piece in held {
                client.send_piece(piece).await;
            }
            if end != End::Complete {
                client.break_off().await;
            }
        })
        .await;
    }

    /// Generated tokens that a whole answer showed, by the count that streams are watched by.
    fn shown_tokens(&self, reading: &Reading, end: End, lasted: Duration) -> Option<u64> {
        let is_whole = end == End::Complete && !self.terms.is_hidden;
        let shown = reading.shown_tokens().filter(|_| is_whole)?;
        Some(self.terms.unseen.produced(shown, lasted))
    }

    /// Refuses the calls of an account where its provider says that it is empty, if that is wanted.
    fn block_account(&self, is_empty: bool) {
        if !is_empty || !self.app.settings().block_when_empty {
            return;
        }
        let blocking = self.app.ledger().refuse_as_empty(self.reservation.call(), self.app.now());
        tokio::spawn(async move {
            if let Err(error) = blocking.await {
                tracing::error!(%error, "an account that its provider says is empty is not blocked");
            }
        });
    }

    /// What a client gets in the stead of a whole answer that our cap cut.
    async fn cut(&self, passed: &Passed) -> Option<Cut> {
        let Passed { status, encoding, held: Some(held), .. } = passed else { return None };
        if !self.reservation.is_cap_lowered() || !status.is_success() {
            return None;
        }
        let body = decode_whole(encoding.as_deref(), &held.concat(), DOCUMENT_BYTES_MAX).ok()?;
        let dialect = self.terms.dialect;
        let is_call = outlay_wire::is_cut_tool_call(dialect, &body);
        if !is_call && outlay_wire::with_note(dialect, &body, "").is_none() {
            return None;
        }
        let refusal = match self.reservation.stop(self.app.now()).await {
            Ok(refusal) => refusal?,
            Err(error) => {
                tracing::error!(%error, "nobody can tell which limit cut an answer");
                return None;
            }
        };
        if is_call {
            return Some(Cut::InToolCall(refusal));
        }
        let note = outlay_core::refusal::message(&refusal);
        let noted = outlay_wire::with_note(dialect, &body, &note)?;
        Some(Cut::InText(noted.into()))
    }

    /// Nobody waits for the answer any more, before it began.
    pub(crate) async fn end_abandoned(self, dispatch: &Dispatch, mut client: Client) {
        let nothing = Meter::new(&self.terms.provider, self.terms.dialect, None, None).finish();
        let prices = self.app.ledger().prices();
        let bill = dispatch.left_at().and_then(|left| {
            let lasted = left.elapsed();
            bill::of_answer(&prices, &self.terms, &nothing, End::ClientLeft, lasted).0
        });
        let message = match bill {
            Some(_) => "Outlay: it is being stopped; the call was ended and counted as an estimate",
            None => "Outlay: it is being stopped; the call was not sent and cost nothing",
        };
        let settlement = self.settlement(bill, None, None);
        let settling = self.reservation.settle(settlement);
        // Only a client that did not go away itself will read this.
        let failure = Failure { status: 503, code: "stopping", message: message.to_owned() };
        client.send_reply(reply::failed(&failure, self.terms.dialect), &http::HeaderMap::new());
        settled(&self.app, settling.await);
    }

    /// The provider gave no answer that could be passed on.
    pub(crate) async fn end_unanswered(self, error: &SendError, mut client: Client) {
        self.app.stats().upstream_failed();
        let is_sent = !matches!(error, SendError::Unsent(_));
        let bill = is_sent.then(|| bill::bound(&self.terms));
        let kind = Some(ErrorKind::Other.as_str());
        let settlement = self.settlement(bill, kind, None);
        let call = self.reservation.call();
        let outcome = wait_for(&self.app, self.reservation.settle(settlement)).await;
        let standing = outcome.map_or(self.standing, |settled| settled.standing);
        let mut own = http::HeaderMap::new();
        headers::add_call(&mut own, call);
        headers::add_quota(&mut own, standing.as_ref());
        let failure = error.failure(&self.terms.provider, &self.authority);
        client.send_reply(reply::failed(&failure, self.terms.dialect), &own);
    }

    /// What the ledger and who watches for loops are told of the end.
    fn settlement(
        &self,
        bill: Option<Bill>,
        error_kind: Option<&'static str>,
        answer: Option<(&Reading, End)>,
    ) -> Settlement {
        let (at, lasted) = (self.app.now(), self.admitted.elapsed());
        self.app.loops().ended(&self.watched, at, lasted, answer, bill.as_ref());
        let metered = answer.map(|(reading, _)| &reading.metered);
        let served = metered.and_then(|metered| metered.model.clone());
        let asked = Some(self.terms.model.clone()).filter(|model| !model.is_empty());
        Settlement {
            model: served.or_else(|| asked.filter(|_| bill.is_some())),
            response_id: metered.and_then(|metered| metered.response_id.clone()),
            turn_prompt_tokens: metered.and_then(|metered| metered.turn_prompt_tokens),
            output_shown_tokens: None,
            bill,
            http_status: None,
            error_kind,
            duration: Some(delta(lasted)),
            first_byte: None,
            at,
            ended: false,
        }
    }
}

/// A whole answer that our cap cut.
enum Cut {
    /// In the middle of a tool call, which the client might mend and run: it is refused instead.
    InToolCall(Box<Refusal>),
    /// In its text: the answer with a note at its end.
    InText(Bytes),
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// Hands over what a client is to get, for as long as the process runs: the client may have stopped
/// reading.
async fn until_stopped(app: &App, handing_over: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = handing_over => {}
        () = app.stopping().cancelled() => {}
    }
}

/// What a settlement comes to. It is known at once where the ledger foresees it, else waited for,
/// but not for long: it goes on without us.
async fn wait_for(app: &App, mut settling: Reply<Settled>) -> Option<Settled> {
    if let Some(foreseen) = settling.foreseen() {
        leave(app, settling.into_future());
        return Some(foreseen);
    }
    let mut settling = settling.into_future();
    match tokio::time::timeout(SETTLE_MAX, &mut settling).await {
        Ok(outcome) => settled(app, outcome),
        Err(_) => {
            leave(app, settling);
            None
        }
    }
}

/// Lets a settlement go on by itself.
fn leave(app: &App, settling: ReplyFuture<Settled>) {
    let waiting = app.clone();
    app.running().spawn(async move { settled(&waiting, settling.await) });
}

/// Whatever became of it, money may have come back.
fn settled(app: &App, outcome: Result<Settled, LedgerError>) -> Option<Settled> {
    app.waiting().wake();
    outcome.map_err(|error| tracing::error!(%error, "a call could not be settled")).ok()
}
