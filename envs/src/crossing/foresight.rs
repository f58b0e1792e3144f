//! Where what moves may be in the seconds to come, as policies foresee it from what they have seen.

use rand::{Rng, RngExt};

use crate::crossing::{CrossingCourse, CrossingLaw};

/// Instants in a step at which who acts and what moves are held against one another: in the middle, and at the end.
pub(super) const INSTANTS: usize = 2;

/// Futures that are drawn in each step by those that draw any.
const FUTURES: usize = 48;

/// Part of a lane in which a centre is at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Span {
    pub low: f64,
    pub high: f64,
}

impl Span {
    fn at(at: f64) -> Self {
        Self { low: at, high: at }
    }
}

/// What may lie between where something is and where a course that runs on over the lane's ends says that it is: in the time of a
/// plan, nothing goes further than a lane and a half from where it is.
pub(super) fn rounds(law: &CrossingLaw) -> [f64; 5] {
    let lane = law.length();
    [0.0, -lane, lane, -2.0 * lane, 2.0 * lane]
}

/// One way that things may go: where each of `N` movers is at each instant.
pub(super) type Future<const N: usize> = Vec<[Span; N]>;

/// What is foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foresight {
    /// Nothing.
    None,
    /// That all go on as they do now.
    AsNow,
    /// Every place that one may be at, whatever it decides.
    Anywhere,
    /// Futures drawn by the law.
    Drawn,
}

impl Foresight {
    /// As many futures, still empty, as are foreseen.
    pub fn futures<const N: usize>(self) -> Vec<Future<N>> {
        let count = match self {
            Self::None => 0,
            Self::AsNow | Self::Anywhere => 1,
            Self::Drawn => FUTURES,
        };
        vec![Future::new(); count]
    }

    /// Foresees `steps` steps.
    pub fn fill<const N: usize>(
        self,
        law: &CrossingLaw,
        seen: &[Seen; N],
        steps: usize,
        rng: &mut impl Rng,
        futures: &mut [Future<N>],
    ) {
        for future in futures {
            match self {
                Self::None => {}
                Self::AsNow => foresee(seen, steps, |seen, instant| seen.as_now(law, instant), future),
                Self::Anywhere => foresee(seen, steps, |seen, instant| seen.anywhere(law, instant), future),
                Self::Drawn => sample(law, seen, steps, rng, future),
            }
        }
    }
}

/// How futures are weighed against one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weighing {
    /// The mean of all.
    Mean,
    /// The best of them: that of who takes luck for granted.
    Best,
}

/// Something as it has been seen: where it is, how fast, and for how many steps it has been standing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub at: f64,
    pub velocity: f64,
    pub standing: u32,
}

/// What is seen of `N` movers now (place and velocity of one after another), after what was seen a step ago.
pub(super) fn look<const N: usize>(before: Option<&[Seen; N]>, observed: &[f64]) -> [Seen; N] {
    let mut now = before.copied().unwrap_or([Seen::default(); N]);
    for (mover, seen) in now.iter_mut().zip(observed.chunks_exact(2)) {
        if let &[at, velocity] = seen {
            let stands = velocity == 0.0;
            let stood = before.is_some() && mover.velocity == 0.0;
            let standing = if stands && stood { mover.standing + 1 } else { 0 };
            *mover = Seen { at, velocity, standing };
        }
    }
    now
}

impl Seen {
    /// Goes on as it does now, for ever: one future's course.
    fn as_now(self, law: &CrossingLaw, instant: usize) -> Span {
        Span::at(self.at + self.velocity * seconds(law, instant))
    }

    /// Every place that it can be at, whatever it decides and however long it stops: from its line on it may go either way, as
    /// fast as now, or as fast as any once it has stopped.
    fn anywhere(self, law: &CrossingLaw, instant: usize) -> Span {
        let [_, fastest] = law.speeds;
        let (t, speed) = (seconds(law, instant), self.velocity.abs());
        let line = self.next_line(law);
        let decides = if speed > 0.0 { (line - self.at).abs() / speed } else { 0.0 };
        if t <= decides {
            return self.as_now(law, instant);
        }
        let since = t - decides;
        let stop = if speed > 0.0 { f64::from(law.stop_steps[0]) * law.step_seconds } else { 0.0 };
        // A step's way beyond the line, as decisions fall at the end of steps.
        let late = speed * law.step_seconds;
        let from = if speed > 0.0 { line + late.copysign(self.velocity) } else { self.at };
        let far = (speed * since).max(fastest * (since - stop)).max(0.0) + late;
        Span { low: from - far, high: from + far }
    }

    /// The line that it comes to next, counted on over the lane's end.
    fn next_line(self, law: &CrossingLaw) -> f64 {
        let [forward, back] = law.lines;
        let advancing =
            self.velocity > 0.0 || (self.velocity == 0.0 && law.rests_on_its_way_forward(&self.course(0)));
        match advancing {
            true if self.at < forward => forward,
            true => forward + law.length(),
            false if self.at > back => back,
            false => back - law.length(),
        }
    }

    /// Its course as far as it is known, with a rest of so many steps.
    fn course(self, rest: u32) -> CrossingCourse {
        CrossingCourse { at: self.at, velocity: self.velocity, rest }
    }

    /// Its course with what is hidden drawn by the law, given what has been seen: of a stop, how long it still lasts.
    fn drawn(self, law: &CrossingLaw, rng: &mut impl Rng) -> CrossingCourse {
        if self.velocity != 0.0 {
            return self.course(0);
        }
        let [least, most] = law.stop_steps;
        let shortest = least.max(self.standing + 1).min(most);
        let whole = rng.random_range(shortest..=most);
        self.course(whole.saturating_sub(self.standing).max(1))
    }
}

/// Seconds from now to an instant, counted from 0.
fn seconds(law: &CrossingLaw, instant: usize) -> f64 {
    law.step_seconds * (instant + 1) as f64 / INSTANTS as f64
}

/// The future of `steps` steps in which each does as `course` says.
fn foresee<const N: usize>(
    seen: &[Seen; N],
    steps: usize,
    course: impl Fn(Seen, usize) -> Span,
    future: &mut Future<N>,
) {
    future.clear();
    future.extend((0..steps * INSTANTS).map(|instant| seen.map(|mover| course(mover, instant))));
}

/// A future of `steps` steps drawn by the law.
fn sample<const N: usize>(
    law: &CrossingLaw,
    seen: &[Seen; N],
    steps: usize,
    rng: &mut impl Rng,
    future: &mut Future<N>,
) {
    let mut courses = seen.map(|mover| mover.drawn(law, rng));
    future.clear();
    for _ in 0..steps {
        future.push(courses.map(|course| Span::at(law.after(&course, 0.5))));
        courses.iter_mut().for_each(|course| {
            law.step(course, rng);
        });
        future.push(courses.map(|course| Span::at(course.at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crossing::search::HORIZON;
    use crate::crossing::{CROSSING_CARTS, CROSSING_LAW};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// What is drawn by the law is never outside of where a cart may be.
    #[test]
    fn every_drawn_course_lies_where_a_cart_may_be() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut future = Future::new();
        for _ in 0..3000 {
            let seen = [(); CROSSING_CARTS].map(|()| {
                let cart = CROSSING_LAW.draw(&mut rng);
                let stands = rng.random_bool(0.2);
                let at = if stands { rng.random_range(2.3..3.7) } else { cart.at };
                Seen {
                    at,
                    velocity: if stands { 0.0 } else { cart.velocity },
                    standing: 3 * u32::from(stands),
                }
            });
            sample(&CROSSING_LAW, &seen, HORIZON, &mut rng, &mut future);
            for (instant, spans) in future.iter().enumerate() {
                for (drawn, cart) in spans.iter().zip(seen) {
                    let may = cart.anywhere(&CROSSING_LAW, instant);
                    let inside =
                        |by: f64| may.low - 1e-9 <= drawn.low + by && drawn.high + by <= may.high + 1e-9;
                    assert!(
                        rounds(&CROSSING_LAW).into_iter().any(inside),
                        "{instant}: {drawn:?} {may:?} {cart:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_stop_that_has_lasted_ends_in_what_is_left_of_three_seconds() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let left = |standing: u32, rng: &mut ChaCha8Rng| {
            let seen = Seen { at: 3.6, velocity: 0.0, standing };
            (0..2000)
                .map(|_| seen.drawn(&CROSSING_LAW, rng).rest)
                .fold((u32::MAX, 0), |(a, b), rest| (a.min(rest), b.max(rest)))
        };
        assert_eq!(left(0, &mut rng), (5, 15));
        assert_eq!(left(3, &mut rng), (2, 12));
        assert_eq!(left(9, &mut rng), (1, 6));
        assert_eq!(left(14, &mut rng), (1, 1));
    }
}
