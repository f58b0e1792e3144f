//! What a loop did, told to whoever listens with `tracing`: on the planner's thread, never in a tick.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::events::Event;
use super::ladder::Rung;
use super::link::Link;

/// What was told so far.
pub(crate) struct Telling {
    link: Arc<Link>,
    rung: usize,
    counts: [u64; Event::ALL.len()],
}

impl Telling {
    pub fn new(link: Arc<Link>) -> Self {
        Self { link, rung: Rung::Idle as usize, counts: [0; Event::ALL.len()] }
    }

    /// Tells what is new: the rung that the loop stands on, and what was counted. What it was between two calls is not told;
    /// the closing report has all of it.
    pub fn tell(&mut self) {
        let rung = usize::from(self.link.rung.load(Ordering::Relaxed));
        if let (Some(now), Some(before)) = (Rung::ALL.get(rung), Rung::ALL.get(self.rung))
            && rung != self.rung
        {
            let (rung, from) = (now.name(), before.name());
            if *now > Rung::Plan && *now < Rung::Stopped {
                tracing::warn!(rung, from, "ladder");
            } else {
                tracing::info!(rung, from, "ladder");
            }
        }
        self.rung = rung;
        for (event, told) in Event::ALL.into_iter().zip(&mut self.counts) {
            let count = self.link.events.of(event).count;
            if count > *told {
                tracing::info!(event = event.name(), count, new = count - *told, "counted");
                *told = count;
            }
        }
    }
}
