//! All points with their figures, and the picture of them.

use serde::Serialize;

use super::marks::Marks;
use super::times::{Effort, Times};
use crate::figures::Figures;
use crate::picture::{self, Frontier, Level, Picture, Place};

/// Format of the summary.
pub const FORMAT: u64 = 1;

/// The curve of one environment.
#[derive(Debug, Serialize)]
pub struct Curve {
    /// [`FORMAT`].
    pub format: u64,
    /// Environment id.
    pub environment: String,
    /// SHA-256 of the checkpoint's weights.
    pub checkpoint: String,
    /// First seed; episode `i` has seed `first_seed + i`, for the environment and for the planner's noise.
    pub first_seed: u64,
    /// Episodes of each point.
    pub episodes: usize,
    /// Device of the planner.
    pub device: String,
    /// Threads of a plan on the CPU.
    pub threads: usize,
    /// Processor.
    pub processor: String,
    /// Version of this program.
    pub code_version: String,
    /// How the times were taken.
    pub timing: Effort,
    /// Points, the configuration itself first.
    pub points: Vec<Point>,
    /// What others have.
    pub marks: Marks,
}

/// One point.
#[derive(Debug, Serialize)]
pub struct Point {
    /// Its name.
    pub name: String,
    /// Settings changed.
    pub settings: Vec<String>,
    /// Whether it is the configuration itself.
    pub configured: bool,
    /// Whether no other point replans faster and scores higher.
    pub on_front: bool,
    /// Its episodes.
    #[serde(flatten)]
    pub figures: Figures,
    /// One plan alone.
    pub times: Times,
}

impl Point {
    /// Milliseconds of a replan: mean over states. Where every plan is followed to its end there is none in force
    /// when the next is made, and all are made like the first.
    pub fn replan_ms(&self) -> Option<f64> {
        self.times.replan.or(self.times.cold).map(|time| time.mean_ms)
    }

    /// Milliseconds of a first plan.
    pub fn cold_ms(&self) -> Option<f64> {
        self.times.cold.map(|time| time.mean_ms)
    }
}

/// Marks the points that no other point beats in both.
pub fn mark_front(points: &mut [Point]) {
    let places: Vec<Option<(f64, f64)>> =
        points.iter().map(|point| Some((point.replan_ms()?, point.figures.score.mean))).collect();
    for (at, point) in points.iter_mut().enumerate() {
        let own = places[at];
        point.on_front = own.is_some_and(|(ms, score)| {
            let beats = |other: &(f64, f64)| other.0 <= ms && other.1 >= score && *other != (ms, score);
            !places.iter().flatten().any(beats)
        });
    }
}

/// The picture.
pub fn picture(curve: &Curve) -> Picture {
    let places: Vec<Place<'_>> = curve
        .points
        .iter()
        .filter_map(|point| {
            Some(Place {
                name: &point.name,
                ms: point.replan_ms()?,
                cold_ms: point.cold_ms(),
                score: point.figures.score.mean,
                interval: point.figures.score.mean_interval,
                configured: point.configured,
                on_front: point.on_front,
            })
        })
        .collect();
    let published = curve.marks.published.iter();
    let levels: Vec<Level<'_>> =
        published.map(|(method, score)| Level { name: method, score: *score }).collect();
    picture::frontier(&Frontier {
        title: &format!("{}: score against planning time", curve.environment),
        subtitle: &format!(
            "{} episodes a point, 95 % intervals; one plan at a time on {} ({} threads)",
            curve.episodes, curve.device, curve.threads
        ),
        places: &places,
        levels: &levels,
        reference: curve.marks.reference.as_ref().map(|reference| reference.ms),
    })
}
