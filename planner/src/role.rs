//! What one network is, by what it is shown (Zhu et al., *Unified World Models*, RSS 2025, does this for single steps).
//!
//! | shown | asked | it is |
//! |---|---|---|
//! | past | decisions and outcomes | a planner |
//! | past, outcomes ahead at pure noise | decisions | a policy |
//! | past and decisions | outcomes | a world model |
//! | past and outcomes | decisions | an inverse model |
//!
//! To do is not to see: in data, decisions answer outcomes, so a network that is shown later decisions reads off them how
//! things went. A world model is therefore asked block by block: what a block leads to is drawn with every later decision
//! at pure noise (Ortega et al., *Shaking the foundations*, arXiv 2110.10819).

use crate::layout::FIRST_CHUNK;
use crate::{Half, PlannerError, Shown, TokenLayout};

/// See the file's heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything ahead.
    Plan,
    /// The decisions of a chunk, counted from 0; the chunks before it are known.
    Act {
        /// The chunk.
        chunk: usize,
    },
    /// The outcomes of a block of a chunk, given its decisions and all that comes before.
    Imagine {
        /// The chunk.
        chunk: usize,
        /// The block of it.
        block: usize,
    },
    /// Decisions and outcomes from a chunk on; the chunks before it are known. What goes on as it does in the data.
    GoOn {
        /// The chunk.
        chunk: usize,
    },
    /// All decisions, given all outcomes.
    InferActions,
}

impl Role {
    /// Refuses layouts whose tokens do not tell decisions from outcomes.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] with the remedy.
    pub fn check(self, layout: &TokenLayout) -> Result<(), PlannerError> {
        if matches!(self, Self::Plan | Self::GoOn { .. }) || layout.level_blocks > 0 {
            return Ok(());
        }
        Err(PlannerError::Setting {
            name: "model.level_blocks",
            value: "0".into(),
            remedy: "this checkpoint has one noise level for decisions and outcomes, so it can be asked for plans alone: \
                     train again with blocks of levels, 2 by default"
                .into(),
        })
    }

    /// What is shown of a part of a token, for [`crate::SchedulingMatrix::show`].
    pub fn shown(self, layout: &TokenLayout, token: usize, part: usize) -> Shown {
        let Some(at) = token.checked_sub(FIRST_CHUNK) else { return Shown::Known };
        let (block, action) = (part / 2, part == layout.part(part / 2, Half::Action));
        match self {
            Self::Plan => Shown::Asked,
            Self::Act { chunk } | Self::Imagine { chunk, .. } | Self::GoOn { chunk } if at < chunk => {
                Shown::Known
            }
            Self::GoOn { .. } => Shown::Asked,
            Self::Act { chunk } if at == chunk && action => Shown::Asked,
            Self::Imagine { chunk, block: asked } if at == chunk && block <= asked => {
                if block == asked && !action { Shown::Asked } else { Shown::Known }
            }
            Self::Act { .. } | Self::Imagine { .. } => Shown::Open,
            Self::InferActions => {
                if action {
                    Shown::Asked
                } else {
                    Shown::Known
                }
            }
        }
    }
}
