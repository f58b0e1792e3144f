//! Courses along a lane, and the law by which chance changes them.

use rand::{Rng, RngExt};

/// The law of all that moves along lanes of one kind. Lengths are metres along the lane, of the mover's centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossingLaw {
    /// Slowest and fastest speed, metres per second: any between these, all alike likely.
    pub speeds: [f64; 2],
    /// Ends of a lane. They lie where nothing is touched: what leaves by one end comes back by the other.
    pub ends: [f64; 2],
    /// Where it is decided: by those that go forward at the first place, by those that go back at the second, both a little
    /// beyond the middle. What has turned back comes to the other line after a while, and decides once more.
    pub lines: [f64; 2],
    /// Odds of the three decisions: go on, stop for a while, turn back. Their sum is 1.
    pub odds: [f64; 3],
    /// Fewest and most steps of a stop, all numbers between them alike likely.
    pub stop_steps: [u32; 2],
    /// Seconds of one step.
    pub step_seconds: f64,
}

/// What is decided at a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// Go on as before.
    GoOn,
    /// Stand still for this many steps, then go on with a speed that is drawn when it sets off.
    Stop(u32),
    /// Go back, as fast.
    TurnBack,
}

/// Where something is on its lane. Of its fields, only [`Self::at`] and [`Self::velocity`] are observed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossingCourse {
    /// Its centre's place along the lane.
    pub at: f64,
    /// Its velocity, positive forward; 0 while it stands.
    pub velocity: f64,
    /// Steps that it still stands; 0 while it moves.
    pub rest: u32,
}

impl CrossingLaw {
    /// Length of a lane.
    pub fn length(&self) -> f64 {
        self.ends[1] - self.ends[0]
    }

    /// Anywhere on its lane, forward or back.
    pub fn draw(&self, rng: &mut impl Rng) -> CrossingCourse {
        let [low, _] = self.ends;
        let at = low + self.length() * rng.random::<f64>();
        let forward = rng.random_bool(0.5);
        let speed = self.draw_speed(rng);
        CrossingCourse { at, velocity: if forward { speed } else { -speed }, rest: 0 }
    }

    /// Where something is after a part of a step, 0 to 1. It moves evenly in between.
    pub fn after(&self, course: &CrossingCourse, part: f64) -> f64 {
        course.at + course.velocity * (self.step_seconds * part)
    }

    /// Moves on by a step, with what chance has to say from `rng`; says whether chance had a say: it came to its line, or
    /// set off.
    ///
    /// A decision falls at the end of the step in which the line is reached, and shows at once. What stops does so
    /// beyond its line, by less than it moves in a step: beyond the middle those stand that go forward, before it those that go
    /// back.
    pub fn step(&self, course: &mut CrossingCourse, rng: &mut impl Rng) -> bool {
        if course.rest > 0 {
            course.rest -= 1;
            if course.rest == 0 {
                let speed = self.draw_speed(rng);
                course.velocity = if self.rests_on_its_way_forward(course) { speed } else { -speed };
            }
            return course.rest == 0;
        }
        let before = course.at;
        course.at = self.after(course, 1.0);
        let decides = self.reaches(before, course.at);
        if decides {
            match self.decide(rng) {
                Decision::GoOn => {}
                Decision::Stop(steps) => (course.velocity, course.rest) = (0.0, steps),
                Decision::TurnBack => course.velocity = -course.velocity,
            }
        }
        let [low, high] = self.ends;
        if course.at >= high {
            course.at -= self.length();
        } else if course.at < low {
            course.at += self.length();
        }
        decides
    }

    /// Whether what stands here goes forward when it sets off: beyond the middle those stand that came forward.
    pub fn rests_on_its_way_forward(&self, course: &CrossingCourse) -> bool {
        course.at > 0.5 * (self.lines[0] + self.lines[1])
    }

    /// A decision by the odds.
    fn decide(&self, rng: &mut impl Rng) -> Decision {
        let [go_on, stop, _] = self.odds;
        let drawn: f64 = rng.random();
        if drawn < go_on {
            Decision::GoOn
        } else if drawn < go_on + stop {
            let [least, most] = self.stop_steps;
            Decision::Stop(rng.random_range(least..=most))
        } else {
            Decision::TurnBack
        }
    }

    /// Whether what moves from here to there comes to its line.
    fn reaches(&self, from: f64, to: f64) -> bool {
        let [forward, back] = self.lines;
        (from < forward && forward <= to) || (from > back && back >= to)
    }

    fn draw_speed(&self, rng: &mut impl Rng) -> f64 {
        let [least, most] = self.speeds;
        least + (most - least) * rng.random::<f64>()
    }
}
