//! Putting right observations that are not where the body was when its action was chosen.

use super::dataset::same;
use super::{Dataset, TimeoutMeaning};
use crate::EnvError;

impl Dataset {
    /// Replaces every repeated observation after a goal switch by the simulator's state at that row, so
    /// that each observation is what the previous row's action led to. Returns how many were replaced.
    ///
    /// D4RL's generator does not refresh the observation when the target changes, and its actions go on
    /// acting on the real state: without the repair neither the step into nor the step out of such a row
    /// is one that the physics could make. Rewards are left as recorded (they belong to the repeated
    /// observation). Where observations are the simulator's positions alone, the few that come a row late are replaced
    /// (`positions.rs`). Repairing twice changes nothing, and nothing is done to other data: to episodes that end at
    /// their time-outs, and where no simulator state of half the observation's width was recorded (windows leave
    /// repeated rows out then).
    ///
    /// # Errors
    /// [`EnvError::Data`] when the data fail [`Dataset::check`], or an observation differs from `infos/qpos` and
    /// `infos/qvel` elsewhere than after a time-out. The data are untouched then.
    pub fn repair_stale_observations(&mut self) -> Result<usize, EnvError> {
        self.check()?;
        let late = self.put_late_right();
        if late > 0 {
            return Ok(late);
        }
        let width = self.observation_dim;
        let Some(simulator) = self.simulator.as_ref().filter(|s| s.dim.checked_mul(2) == Some(width)) else {
            return Ok(0);
        };
        if self.metadata.timeouts != TimeoutMeaning::GoalSwitch {
            return Ok(0);
        }
        let mut stale = Vec::new();
        let states = simulator.positions.chunks_exact(simulator.dim);
        let states = states.zip(simulator.velocities.chunks_exact(simulator.dim));
        for (row, (recorded, (position, velocity))) in
            self.observations.chunks_exact(width).zip(states).enumerate()
        {
            if same(recorded, position.iter().chain(velocity)) {
                continue;
            }
            if !row.checked_sub(1).and_then(|r| self.timeouts.get(r)).copied().unwrap_or(false) {
                return Err(self.problem(format!(
                    "the observation of row {row} is not its infos/qpos and infos/qvel, though the row does \
                     not follow a goal switch: drop the row, or leave infos/qpos out if it is something else"
                )));
            }
            stale.push((row, position.iter().chain(velocity).copied().collect::<Vec<f32>>()));
        }
        for (row, state) in &stale {
            if let Some(recorded) = self.observations.get_mut(row * width..(row + 1) * width) {
                recorded.copy_from_slice(state);
            }
        }
        Ok(stale.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::dataset::tests::counter;
    use super::super::{Dataset, SimulatorState, TimeoutMeaning};

    /// A counter whose row 3 repeats row 2.
    fn recorded_twice() -> Dataset {
        let mut data = counter(6);
        data.simulator = Some(SimulatorState {
            dim: 1,
            positions: data.observations.iter().step_by(2).copied().collect(),
            velocities: data.observations.iter().skip(1).step_by(2).copied().collect(),
        });
        data.metadata.timeouts = TimeoutMeaning::GoalSwitch;
        data.timeouts[2] = true;
        data.observations[6] = 2.0;
        data
    }

    #[test]
    fn puts_back_the_repeated_row_once() {
        let mut data = recorded_twice();
        assert_eq!(data.repair_stale_observations().unwrap(), 1);
        assert_eq!(data.observations, counter(6).observations);
        assert_eq!(data.repair_stale_observations().unwrap(), 0);
    }

    #[test]
    fn refuses_what_it_cannot_explain_and_changes_nothing() {
        let mut data = recorded_twice();
        data.observations[9] = 7.0;
        let before = data.clone();
        let message = data.repair_stale_observations().unwrap_err().to_string();
        assert!(message.contains("row 4"), "{message}");
        assert_eq!(data, before);
    }

    #[test]
    fn other_data_are_left_alone() {
        let mut data = recorded_twice();
        data.metadata.timeouts = TimeoutMeaning::Truncation;
        let before = data.clone();
        assert_eq!(data.repair_stale_observations().unwrap(), 0);
        assert_eq!(data, before);
        data.metadata.timeouts = TimeoutMeaning::GoalSwitch;
        data.simulator = None;
        assert_eq!(data.repair_stale_observations().unwrap(), 0);
    }
}
