//! Columns of a maze's data set under construction.

use crate::EnvError;
use crate::data::{Dataset, DatasetMetadata, SimulatorState};

/// One row.
pub(super) struct Row<'a> {
    pub observation: &'a [f64],
    pub action: [f64; 2],
    pub reward: f64,
    pub timeout: bool,
    pub goal: [f64; 2],
    pub position: [f64; 2],
    pub velocity: [f64; 2],
}

#[derive(Default)]
pub(super) struct Columns {
    observation_dim: usize,
    observations: Vec<f32>,
    actions: Vec<f32>,
    rewards: Vec<f32>,
    timeouts: Vec<bool>,
    goals: Vec<f32>,
    positions: Vec<f32>,
    velocities: Vec<f32>,
}

impl Columns {
    pub fn with_capacity(id: &str, observation_dim: usize, rows: usize) -> Result<Self, EnvError> {
        let refuse = |problem: String| EnvError::Data { path: id.into(), problem };
        if rows == 0 {
            return Err(refuse("zero rows were asked for; ask for at least one".into()));
        }
        let mut new = Self { observation_dim, ..Self::default() };
        let full = |_| refuse(format!("{rows} rows do not fit into memory; ask for fewer"));
        new.observations.try_reserve_exact(rows.saturating_mul(observation_dim)).map_err(full)?;
        for pair in [&mut new.actions, &mut new.goals, &mut new.positions, &mut new.velocities] {
            pair.try_reserve_exact(rows.saturating_mul(2)).map_err(full)?;
        }
        new.rewards.try_reserve_exact(rows).map_err(full)?;
        new.timeouts.try_reserve_exact(rows).map_err(full)?;
        Ok(new)
    }

    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    pub fn push(&mut self, row: &Row<'_>) {
        let single = |pair: [f64; 2]| pair.map(|value| value as f32);
        self.observations.extend(row.observation.iter().map(|value| *value as f32));
        self.actions.extend(single(row.action));
        self.rewards.push(row.reward as f32);
        self.timeouts.push(row.timeout);
        self.goals.extend(single(row.goal));
        self.positions.extend(single(row.position));
        self.velocities.extend(single(row.velocity));
    }

    pub fn finish(self, id: &str, metadata: DatasetMetadata) -> Dataset {
        Dataset {
            env_id: id.to_owned(),
            observation_dim: self.observation_dim,
            action_dim: 2,
            goal_dim: 2,
            observations: self.observations,
            actions: self.actions,
            terminals: vec![false; self.rewards.len()],
            rewards: self.rewards,
            timeouts: self.timeouts,
            goals: Some(self.goals),
            simulator: Some(SimulatorState {
                dim: 2,
                positions: self.positions,
                velocities: self.velocities,
            }),
            metadata,
        }
    }
}
