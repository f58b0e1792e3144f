//! Observations that come late, put right by the simulator's positions.

use super::Dataset;
use super::dataset::same;

/// Of so many rows one may be late; where more differ, observations are something else than positions.
const RARE: usize = 10;

impl Dataset {
    /// Replaces late observations by the simulator's positions of their rows, where observations are positions. Returns how
    /// many were replaced.
    ///
    /// In OGBench's teleport maze the observation after a jump still shows the place before it, while the actions already
    /// answer the place after it: what is to predict outcomes from actions must be trained on where the body was. An
    /// observation is late where it is not its row's position but nearer to the one before, and only few are, none after
    /// another.
    pub(super) fn put_late_right(&mut self) -> usize {
        let width = self.observation_dim;
        let Some(simulator) = self.simulator.as_ref().filter(|simulator| simulator.dim == width) else {
            return 0;
        };
        let rows = self.observations.chunks_exact(width).zip(simulator.positions.chunks_exact(width));
        let late: Vec<usize> = rows
            .enumerate()
            .filter(|(_, (seen, position))| !same(seen, *position))
            .map(|(row, _)| row)
            .collect();
        let place = |row: usize| &simulator.positions[row * width..(row + 1) * width];
        let off = |seen: &[f32], place: &[f32]| -> f32 {
            seen.iter().zip(place).map(|(seen, place)| (seen - place).powi(2)).sum()
        };
        let behind = |&row: &usize| {
            let seen = &self.observations[row * width..(row + 1) * width];
            row > 0 && off(seen, place(row - 1)) < off(seen, place(row))
        };
        let in_a_row = late.windows(2).any(|pair| pair[0] + 1 == pair[1]);
        if in_a_row
            || !late.iter().all(behind)
            || late.len().saturating_mul(RARE) > self.observations.len() / width
        {
            return 0;
        }
        for row in &late {
            let at = row * width..(row + 1) * width;
            if let Some(position) = simulator.positions.get(at.clone()) {
                self.observations[at].copy_from_slice(position);
            }
        }
        late.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::SimulatorState;
    use super::super::dataset::tests::counter;

    #[test]
    fn rare_late_observations_become_positions_and_others_stay() {
        let mut data = counter(40);
        assert_eq!(data.put_late_right(), 0, "no positions were recorded");
        let mut positions = data.observations.clone();
        positions[2 * 7 + 1] = 9.0;
        data.simulator =
            Some(SimulatorState { dim: 2, positions: positions.clone(), velocities: vec![0.0; 80] });
        assert_eq!(data.repair_stale_observations().unwrap(), 1);
        assert_eq!(data.observation(7), Some(&[7.0, 9.0][..]));
        assert_eq!(data.repair_stale_observations().unwrap(), 0, "once is enough");
        for different in [vec![3, 4], (0..40).step_by(5).collect::<Vec<_>>()] {
            let mut data = counter(40);
            let mut positions = data.observations.clone();
            different.iter().for_each(|row| positions[2 * row] += 9.0);
            data.simulator = Some(SimulatorState { dim: 2, positions, velocities: vec![0.0; 80] });
            let before = data.clone();
            assert_eq!(data.repair_stale_observations().unwrap(), 0, "{different:?}");
            assert_eq!(data, before);
        }
    }
}
