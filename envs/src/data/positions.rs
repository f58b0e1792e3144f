//! Observations that come late, put right by the simulator's positions.

use super::Dataset;
use super::dataset::same;
use crate::EnvError;

impl Dataset {
    /// Replaces every observation by the simulator's positions of its row (`qpos`). Returns how many differed.
    ///
    /// For data whose observations are positions and may be late: in OGBench's teleport maze the observation after a
    /// jump still shows the place before it, while the actions already answer the place after it. What is to predict
    /// outcomes from actions must be trained on where the body was.
    ///
    /// # Errors
    /// [`EnvError::Data`] when the data fail [`Dataset::check`], and where no positions were recorded or they have
    /// another number of entries than the observations. The data are untouched then.
    pub fn observe_positions(&mut self) -> Result<usize, EnvError> {
        self.check()?;
        let width = self.observation_dim;
        let Some(simulator) = self.simulator.as_ref().filter(|simulator| simulator.dim == width) else {
            return Err(self.problem(format!(
                "there are no simulator positions (`qpos`) of {width} entries, as many as observations have: take the \
                 observations as they are"
            )));
        };
        let rows = self.observations.chunks_exact(width).zip(simulator.positions.chunks_exact(width));
        let late = rows.filter(|(seen, position)| !same(seen, *position)).count();
        self.observations.copy_from_slice(&simulator.positions);
        Ok(late)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SimulatorState;
    use super::super::dataset::tests::counter;

    #[test]
    fn observations_become_positions_or_stay_as_they_are() {
        let mut data = counter(4);
        assert!(data.observe_positions().unwrap_err().to_string().contains("no simulator positions"));
        let mut positions = data.observations.clone();
        positions[3] = 9.0;
        data.simulator = Some(SimulatorState { dim: 2, positions, velocities: vec![0.0; 8] });
        assert_eq!(data.observe_positions().unwrap(), 1);
        assert_eq!(data.observation(1), Some(&[1.0, 9.0][..]));
        data.simulator = Some(SimulatorState { dim: 1, positions: vec![0.0; 4], velocities: vec![0.0; 4] });
        let before = data.clone();
        assert!(data.observe_positions().unwrap_err().to_string().contains("of 2 entries"));
        assert_eq!(data, before);
    }
}
