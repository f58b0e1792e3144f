//! Where one plan follows another: the first commands of the new one are joined to the last of the old.

use super::limits::Limits;

/// A jump that is being spread over a few steps.
#[derive(Clone, Debug)]
pub(crate) struct Seam {
    /// Last command minus the first of the new plan, `[action]`.
    offset: Vec<f64>,
    steps: usize,
    /// Steps joined so far; `steps` where nothing is left to join.
    done: usize,
}

impl Seam {
    pub fn new(limits: &Limits) -> Self {
        Self { offset: vec![0.0; limits.safe.len()], steps: limits.seam_steps, done: limits.seam_steps }
    }

    /// Whether the first command of a new plan is too far from the last one.
    pub fn jumps(limits: &Limits, last: &[f64], first: &[f64]) -> bool {
        let Some(max_jump) = limits.max_jump else { return false };
        let space = limits.action.low().iter().zip(limits.action.high());
        last.iter().zip(first).zip(space).any(|((last, first), (low, high))| {
            let range = high - low;
            (first - last).abs() > max_jump * if range.is_finite() { range } else { 1.0 }
        })
    }

    /// Begins to join a plan whose first command is `first`.
    pub fn begin(&mut self, last: &[f64], first: &[f64]) {
        for ((offset, last), first) in self.offset.iter_mut().zip(last).zip(first) {
            *offset = last - first;
        }
        self.done = 0;
    }

    /// Nothing is left to join.
    pub fn end(&mut self) {
        self.done = self.steps;
    }

    /// Moves a command of the new plan towards the old one, by less with every step.
    pub fn join(&mut self, command: &mut [f64]) {
        if self.done >= self.steps {
            return;
        }
        self.done += 1;
        let share = 1.0 - self.done as f64 / (self.steps + 1) as f64;
        command.iter_mut().zip(&self.offset).for_each(|(value, offset)| *value += share * offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RealTimeConfig, SeamConfig};
    use forethought_envs::{BoxSpace, EnvSpec};

    fn limits(max_jump: Option<f64>, steps: usize) -> Limits {
        let spec = EnvSpec {
            step_seconds: Some(0.1),
            ..EnvSpec::of_spaces("robot", BoxSpace::symmetric(1, 1.0), BoxSpace::symmetric(2, 1.0))
        };
        let seam = SeamConfig { max_jump, steps };
        RealTimeConfig { seam, ..RealTimeConfig::default() }.limits(&spec, 5).unwrap()
    }

    #[test]
    fn a_jump_is_a_share_of_the_range() {
        let quarter = limits(Some(0.25), 3);
        assert!(!Seam::jumps(&quarter, &[0.0, 0.5], &[0.5, 0.0]));
        assert!(Seam::jumps(&quarter, &[0.0, 0.5], &[0.0, -0.125]));
        assert!(!Seam::jumps(&limits(None, 3), &[-1.0, -1.0], &[1.0, 1.0]));
    }

    #[test]
    fn it_is_spread_linearly_and_ends() {
        let mut seam = Seam::new(&limits(Some(0.0), 3));
        let step = |seam: &mut Seam| {
            let mut command = [0.0, 0.5];
            seam.join(&mut command);
            command
        };
        assert_eq!(step(&mut seam), [0.0, 0.5], "nothing to join");
        seam.begin(&[1.0, 0.5], &[0.0, 0.5]);
        let joined: Vec<_> = (0..4).map(|_| step(&mut seam)[0]).collect();
        assert_eq!(joined, [0.75, 0.5, 0.25, 0.0]);
    }
}
