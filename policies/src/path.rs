//! A planned path as geometry: where it runs and how fast each part of it may be driven.
//!
//! Time-optimal driving of a given path under limits on acceleration is a forward and a backward pass over its
//! arc length (Bobrow, Dubowsky and Gibson, 1985). Only the backward pass is needed here: the controller drives as
//! fast as it can, so acceleration limits itself, and braking is what has to be known beforehand.

/// What the actuators can do, on every axis alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Actuators {
    /// Acceleration of a full command, units per second squared.
    pub acceleration: f64,
    /// Largest speed along one axis, units per second.
    pub speed: f64,
}

/// Points of a path at equal distances, flat `[points, axes]`, and the speed allowed at each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    axes: usize,
    points: Vec<f64>,
    smoothed: Vec<f64>,
    speed: Vec<f64>,
}

/// Distance between neighbouring points, in units of the position.
pub(crate) const SPACING: f64 = 0.05;
/// Most points that are looked at: far more than the longest braking distance.
const MOST: usize = 100;
/// Distance over which a path that begins beside the planned one runs into it.
const JOINING: f64 = 0.4;
/// Share of the actuators' acceleration that the speed limits count on; the rest is for keeping to the path.
const RESERVE: f64 = 0.85;

impl Path {
    /// A path over so many axes, with room for the longest that is laid.
    pub(crate) fn new(axes: usize) -> Self {
        // The points themselves, and the plan's own end behind them.
        let room = || Vec::with_capacity((MOST + 2).saturating_mul(axes));
        Self { axes, points: room(), smoothed: room(), speed: room() }
    }

    /// Lays a path from `start` that joins the planned positions and follows them, rounded over `smoothing` units
    /// to both sides; `pick` says which entries of a planned observation are positions.
    pub(crate) fn lay<'a>(
        &mut self,
        start: &[f64],
        planned: impl Iterator<Item = &'a [f64]>,
        pick: &[usize],
        smoothing: f64,
    ) {
        self.axes = start.len();
        self.points.clear();
        // Without axes there is nowhere to go.
        if self.axes == 0 {
            return;
        }
        let mut last_planned = None;
        for planned in planned {
            if last_planned.is_none() {
                self.points.extend(pick.iter().map(|&index| planned[index]));
            }
            last_planned = Some(planned);
            // Points at equal distances on the way to the next planned one.
            loop {
                let from = self.points.len() - self.axes;
                let away = distance(&self.points[from..], planned, pick);
                if away < SPACING || self.len() >= MOST {
                    break;
                }
                for axis in 0..self.axes {
                    let at = self.points[from + axis];
                    self.points.push(at + (planned[pick[axis]] - at) * SPACING / away);
                }
            }
            if self.len() >= MOST {
                break;
            }
        }
        // The end is where the plan ends, however near the last point is to it.
        if let Some(end) = last_planned.filter(|_| self.len() < MOST) {
            self.points.extend(pick.iter().map(|&index| end[index]));
        }
        self.smooth((smoothing / SPACING).round() as usize);
        self.join(start);
    }

    /// Bends the beginning of the path so that it starts at `start` and runs into its old course.
    fn join(&mut self, start: &[f64]) {
        // Axis by axis, so that the offsets need no room of their own.
        for (axis, start) in start.iter().enumerate() {
            let Some(first) = self.points.get(axis) else { return };
            let offset = start - first;
            for (i, point) in self.points.iter_mut().skip(axis).step_by(self.axes).enumerate() {
                *point += (-(i as f64) * SPACING / JOINING).exp() * offset;
            }
        }
    }

    /// Points laid.
    pub(crate) fn len(&self) -> usize {
        self.points.len() / self.axes.max(1)
    }

    /// Point `i`, or the last one; empty where there is none.
    pub(crate) fn point(&self, i: usize) -> &[f64] {
        let at = i.min(self.len().saturating_sub(1)) * self.axes;
        self.points.get(at..at + self.axes).unwrap_or_default()
    }

    /// Speed allowed at point `i`, or at the last one.
    pub(crate) fn speed(&self, i: usize) -> f64 {
        self.speed.get(i).or(self.speed.last()).copied().unwrap_or(0.0)
    }

    /// Replaces every point by the mean of those around it, of fewer towards the end, which stays where it is.
    fn smooth(&mut self, reach: usize) {
        let (count, axes) = (self.len(), self.axes);
        for _ in 0..2 {
            self.smoothed.clone_from(&self.points);
            for i in 0..count {
                let reach = reach.min(count - 1 - i);
                let (from, to) = (i.saturating_sub(reach), i + reach);
                for axis in 0..axes {
                    let sum: f64 = (from..=to).map(|j| self.points[j * axes + axis]).sum();
                    self.smoothed[i * axes + axis] = sum / (to - from + 1) as f64;
                }
            }
            std::mem::swap(&mut self.points, &mut self.smoothed);
        }
    }

    /// Speed that every point may be passed with, so that every bend ahead can be taken and the end is reached
    /// at rest. A path cut off at [`MOST`] points does not end there.
    pub(crate) fn limit(&mut self, actuators: Actuators) {
        let count = self.len();
        self.speed.clear();
        self.speed.resize(count, 0.0);
        let acceleration = RESERVE * actuators.acceleration;
        for i in (0..count).rev() {
            let (before, here, after) = (i.saturating_sub(1), i, (i + 1).min(count - 1));
            let (mut bend, mut share): (f64, f64) = (0.0, 0.0);
            let (to, on) = (
                norm(self.point(before), self.point(here)).max(1e-9),
                norm(self.point(here), self.point(after)).max(1e-9),
            );
            for axis in 0..self.axes {
                let (b, h, a) = (self.point(before)[axis], self.point(here)[axis], self.point(after)[axis]);
                share = share.max((a - b).abs() / (to + on));
                if i > 0 && i + 1 < count {
                    bend = bend.max(((a - h) / on - (h - b) / to).abs() / (0.5 * (to + on)));
                }
            }
            let share = share.max(1e-3);
            let straight = actuators.speed / share;
            let bent = (acceleration / bend.max(1e-9)).sqrt();
            let braking = match self.speed.get(i + 1) {
                Some(next) => {
                    let gap = norm(self.point(here), self.point(after));
                    (next * next + 2.0 * acceleration / share * gap).sqrt()
                }
                None if count >= MOST => straight,
                None => 0.0,
            };
            self.speed[i] = straight.min(bent).min(braking);
        }
    }
}

fn distance(point: &[f64], planned: &[f64], pick: &[usize]) -> f64 {
    point.iter().zip(pick).map(|(p, &index)| (planned[index] - p).powi(2)).sum::<f64>().sqrt()
}

fn norm(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}
