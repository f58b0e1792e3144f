//! A recorded loop for Rerun's viewer: `forethought replay FILE --rerun OUT.rrd`.
//!
//! Every episode is a recording of its own inside the file, so that the viewer shows one at a time, under the same names. Two
//! timelines: `loop_time`, the loop's clock, and `step`, commands given in the episode. In the file:
//!
//! ```text
//! scene/...                      walls, zones or, where nothing stands still, the bounds; the goal
//! robot/at, robot/executed/N     where it is; where it was, in lines of so many ticks each
//! plan/near, plan/rest           the plan in force: frames that were sampled to their end, and estimates after them
//! plan/outcomes                  what doing it was expected to lead to, where that was drawn
//! planning/forming               the next plan while it is made, paler where it is more uncertain
//! planning/seconds, .../rows     from its observation until it is followed; rows granted for it
//! loop/rung, loop/plan_age_s     the ladder, counted from the top; age of the observation behind the plan
//! loop/log, command              steps on the ladder and plans that came to nothing; what was commanded
//! ```
//!
//! Places are drawn in the plane z = 0 of a space with z up: Rerun's flat views have y down, which would show a mirrored world.

mod course;
mod drawing;
mod log;
mod traced;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use forethought_agent::{Followed, Made, RecordedEpisode, Recording, Replayed, TickLine};
use forethought_envs::Scene;
use re_log_encoding::EncodeError;

pub use self::log::RrdFile;
pub use self::traced::Traced;

use self::log::{Log, Moment};

/// Why there is no file for the viewer.
#[derive(Debug, thiserror::Error)]
pub enum RerunError {
    /// There is a file already.
    #[error("{path} exists already: name another file with --rerun, or replace it with --force")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error(
        "cannot write {path}: {source}; check its folder, permissions and free space, or name another file with --rerun"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Rerun's encoder refused.
    #[error("cannot encode {path} for Rerun: {source}; the replay itself needs no --rerun")]
    Encode {
        /// The file.
        path: PathBuf,
        /// What the encoder said.
        source: Box<EncodeError>,
    },
}

/// A plan from its observation until the loop follows it.
struct Coming<'a> {
    /// When its observation was seen.
    observed: Moment,
    /// The place of that observation among the episode's ticks.
    observed_tick: usize,
    /// When it came into force.
    from: Moment,
    /// Rows granted for it.
    rows: usize,
    followed: &'a Followed,
}

/// One episode, as far as it was driven again.
struct Episode<'a> {
    recorded: &'a RecordedEpisode,
    /// The moment of each tick.
    moments: Vec<Moment>,
    /// Plans by the tick from which on they are followed.
    plans: BTreeMap<u64, Coming<'a>>,
}

impl<'a> Episode<'a> {
    fn new(recorded: &'a RecordedEpisode, replayed: &'a Replayed) -> Self {
        let mut step = 0;
        let mut moments = Vec::with_capacity(recorded.ticks.len());
        for line in &recorded.ticks {
            moments.push(Moment { time: line.now, step });
            step += u64::from(line.rung.commands());
        }
        let mut episode = Self { recorded, moments, plans: BTreeMap::new() };
        let of_episode = |followed: &&Followed| followed.epoch == recorded.begin.epoch;
        for followed in replayed.followed.iter().filter(of_episode) {
            if let Some((tick, coming)) = episode.coming(followed) {
                episode.plans.insert(tick, coming);
            }
        }
        episode
    }

    fn coming(&self, followed: &'a Followed) -> Option<(u64, Coming<'a>)> {
        let from = followed.from?;
        let RecordedEpisode { ticks, plans, .. } = self.recorded;
        // Both come in the order of time.
        let place = |tick| ticks.binary_search_by_key(&tick, |line| line.tick).ok();
        let observed_tick = place(followed.tick)?;
        let line = plans.binary_search_by_key(&followed.tick, |line| line.tick).ok()?;
        let Made::Plan { rows, .. } = plans.get(line)?.made else { return None };
        let observed = *self.moments.get(observed_tick)?;
        let came = *self.moments.get(place(from)?)?;
        Some((from, Coming { observed, observed_tick, from: came, rows, followed }))
    }

    /// Ticks with their moments.
    fn ticks(&self) -> impl Iterator<Item = (Moment, &'a TickLine)> + '_ {
        self.moments.iter().copied().zip(&self.recorded.ticks)
    }
}

/// Writes a replayed recording. Without a scene, which environments without a top view have none of, only what can be
/// plotted is in it.
///
/// # Errors
/// [`RerunError`]; no file is left then.
pub fn export(
    file: RrdFile,
    recording: &Recording,
    replayed: &Replayed,
    scene: Option<&Scene>,
) -> Result<PathBuf, RerunError> {
    file.write(|encoder| {
        for recorded in &recording.episodes {
            let episode = Episode::new(recorded, replayed);
            let mut log = Log::begin(encoder, &recording.header, recorded)?;
            course::log(&mut log, &episode)?;
            if let Some(scene) = scene {
                drawing::log(&mut log, &episode, scene)?;
            }
            log.end()?;
        }
        Ok(())
    })
}
