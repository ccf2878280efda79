//! Streams that generate on, and what is drawn for them.

use crate::provider::Generated;
use crate::world::{Checked, Running, World};

/// Tokens of a piece of an answer that nobody interrupts.
const PIECE: u64 = 100;

impl World {
    /// The `which`th of the streams generates so many tokens.
    pub(crate) fn generate(&mut self, which: usize, tokens: u64) -> Checked {
        let streams: Vec<usize> = (0..self.running.len())
            .filter(|at| self.running[*at].served.plan.bounds().can_stop)
            .collect();
        let Some(at) = streams.get(which % streams.len().max(1)) else { return Ok(()) };
        let mut running = self.running.remove(*at);
        let generated = self.generate_on(&mut running, tokens)?;
        if generated == Generated::GoesOn {
            self.running.insert(*at, running);
            return Ok(());
        }
        let consumed = running.served.consumed(100);
        self.settle(running, Some(consumed), generated == Generated::OurEnd)
    }

    /// A running call says all, or comes to its cap, or to our end.
    pub(crate) fn end_by_itself(&mut self, mut running: Running) -> Checked {
        let mut generated = Generated::GoesOn;
        while running.served.plan.can_stop && generated == Generated::GoesOn {
            generated = self.generate_on(&mut running, PIECE)?;
        }
        let consumed = running.served.consumed(100);
        self.settle(running, Some(consumed), generated == Generated::OurEnd)
    }

    fn generate_on(&self, running: &mut Running, tokens: u64) -> Result<Generated, String> {
        let before = self.sight();
        let generated = running.served.generate(tokens, self.now)?;
        self.check_drawn(running, &before, &self.sight())?;
        if generated == Generated::OurEnd {
            self.check_ended(running, &self.sight())?;
        }
        Ok(generated)
    }
}
