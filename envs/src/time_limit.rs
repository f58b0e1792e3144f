//! A clock around an environment.

use crate::{EnvError, EnvSpec, Environment, SharedTask, Simulator, Snapshot, Start, Transition};

/// Owns an environment and truncates its episodes after a number of steps.
///
/// The last step of an episode is still taken and rewarded; it reports `truncated` unless the task ended
/// in that very step. After an end of either kind `step` refuses until `reset` or `restore`.
#[derive(Clone, Debug)]
pub struct TimeLimit<E> {
    inner: E,
    spec: EnvSpec,
    limit: usize,
    elapsed: usize,
    over: bool,
    /// Set where the environment inside can be saved, so that the whole can be.
    simulator: Option<AsSimulator<E>>,
}

type AsSimulator<E> = for<'a> fn(&'a mut TimeLimit<E>) -> &'a mut (dyn Simulator + 'a);

impl<E: Simulator> TimeLimit<E> {
    /// Ends episodes of `inner` after `limit` steps; the limit replaces the one in its specification.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] when `limit` is zero.
    pub fn new(inner: E, limit: usize) -> Result<Self, EnvError> {
        Ok(Self { simulator: Some(|this| this), ..Self::without_snapshots(inner, limit)? })
    }
}

impl<E: Environment> TimeLimit<E> {
    /// [`Self::new`] for environments that cannot be saved and restored, such as robots.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn without_snapshots(inner: E, limit: usize) -> Result<Self, EnvError> {
        if limit == 0 {
            let id = &inner.spec().id;
            return Err(EnvError::Mismatch(format!(
                "`{id}`: a time limit is at least one step, 0 was given"
            )));
        }
        let spec = EnvSpec { max_episode_steps: Some(limit), ..inner.spec().clone() };
        Ok(Self { inner, spec, limit, elapsed: 0, over: false, simulator: None })
    }

    /// Steps taken in the running episode.
    pub fn elapsed(&self) -> usize {
        self.elapsed
    }

    /// The environment inside.
    pub fn inner(&self) -> &E {
        &self.inner
    }

    /// Gives the environment back.
    pub fn into_inner(self) -> E {
        self.inner
    }
}

impl<E: Environment> Environment for TimeLimit<E> {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, start: &Start) -> Result<(), EnvError> {
        self.inner.reset(start)?;
        self.elapsed = 0;
        self.over = false;
        Ok(())
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        if self.over {
            return Err(EnvError::NeedsReset(self.spec.id.clone()));
        }
        let mut transition = self.inner.step(action)?;
        self.elapsed += 1;
        if self.elapsed >= self.limit && !transition.terminated {
            transition.truncated = true;
        }
        self.over = transition.terminated || transition.truncated;
        Ok(transition)
    }

    fn observation(&self) -> &[f64] {
        self.inner.observation()
    }

    fn task(&self) -> SharedTask {
        self.inner.task()
    }

    fn seen(&self) -> f64 {
        self.inner.seen()
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        let simulator = self.simulator?;
        Some(simulator(self))
    }
}

impl<E: Simulator> Simulator for TimeLimit<E> {
    /// The inner snapshot with two more words: steps taken, and whether the episode is over.
    fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.inner.snapshot();
        snapshot.words.extend([self.elapsed as u64, u64::from(self.over)]);
        snapshot
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        let Some((inner_words, &[elapsed, over])) = snapshot.words.split_last_chunk::<2>() else {
            return Err(EnvError::Mismatch(format!(
                "snapshot of `{}` lacks the two words of its time limit: it was taken without one",
                self.spec.id
            )));
        };
        let elapsed = usize::try_from(elapsed)
            .ok()
            .filter(|elapsed| *elapsed <= self.limit && over <= 1)
            .ok_or_else(|| {
                EnvError::Mismatch(format!(
                    "snapshot of `{}` stands at step {elapsed}, the time limit is {}",
                    self.spec.id, self.limit
                ))
            })?;
        let inner = Snapshot {
            env_id: snapshot.env_id.clone(),
            state: snapshot.state.clone(),
            words: inner_words.to_vec(),
        };
        self.inner.restore(&inner)?;
        self.elapsed = elapsed;
        self.over = over != 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maze::{Maze2dTask, MazeSize, PhysicsProfile, maze2d};

    fn limited(limit: usize) -> TimeLimit<crate::maze::MazeEnv> {
        let env = maze2d(MazeSize::UMaze, Maze2dTask::Sparse, PhysicsProfile::MuJoCo2).unwrap();
        TimeLimit::new(env, limit).unwrap()
    }

    #[test]
    fn truncates_exactly_at_the_limit_and_refuses_further_steps() {
        let mut env = limited(5);
        for seed in 0..2 {
            env.reset(&Start::seed(seed)).unwrap();
            for step in 1..=5 {
                let transition = env.step(&[0.3, 0.1]).unwrap();
                assert!(!transition.terminated);
                assert_eq!(transition.truncated, step == 5);
            }
            let before = env.observation().to_vec();
            assert!(matches!(env.step(&[0.3, 0.1]), Err(EnvError::NeedsReset(_))));
            assert_eq!(env.observation(), before);
        }
    }

    #[test]
    fn a_refused_action_costs_no_time() {
        let mut env = limited(2);
        env.reset(&Start::seed(0)).unwrap();
        assert!(env.step(&[f64::NAN, 0.0]).is_err());
        assert_eq!(env.elapsed(), 0);
    }

    #[test]
    fn snapshot_carries_the_clock() {
        let mut env = limited(4);
        env.reset(&Start::seed(3)).unwrap();
        env.step(&[1.0, 0.0]).unwrap();
        env.step(&[1.0, 0.0]).unwrap();
        let snapshot = env.snapshot();
        let mut other = limited(4);
        other.restore(&snapshot).unwrap();
        assert!(!other.step(&[0.0, 1.0]).unwrap().truncated);
        assert!(other.step(&[0.0, 1.0]).unwrap().truncated);
        assert!(limited(1).restore(&snapshot).is_err());
        let bare = env.inner().snapshot();
        assert!(env.restore(&bare).is_err());
    }

    #[test]
    fn zero_steps_are_refused() {
        let env = maze2d(MazeSize::UMaze, Maze2dTask::Sparse, PhysicsProfile::MuJoCo2).unwrap();
        assert!(TimeLimit::new(env, 0).is_err());
    }
}
