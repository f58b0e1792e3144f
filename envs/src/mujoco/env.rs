//! The environment that rules make of a model.

use super::{MujocoError, MujocoModel, MujocoPart, MujocoRules, MujocoSim};
use crate::environment::check_action;
use crate::phase::Phase;
use crate::{EnvError, EnvSpec, Environment, SharedTask, Simulator, Snapshot, Start, Transition};

/// Words of a snapshot before those of the rules: phase, whether a time step follows the state, the model's hash.
const WORDS: usize = 3;
/// Digits of the model's hash that are kept in a snapshot.
const HASH_DIGITS: usize = 16;

/// A model, simulated by rules.
///
/// A snapshot holds the state before the last time step, which is taken again when it is restored: so what MuJoCo derives
/// from a state, and leaves behind the state by one time step, is put back bit for bit as well. It belongs to one
/// model as one release of MuJoCo compiles it.
pub struct MujocoEnv<R> {
    rules: R,
    sim: MujocoSim,
    /// Whole state before the last time step, or after the start.
    before: Vec<f64>,
    /// Whether the last time step follows it.
    stepped: bool,
    action: Vec<f64>,
    control: Vec<f64>,
    seen: Vec<f64>,
    phase: Phase,
    /// Beginning of the hash of the model that it was made of, which stands for the variants that rules may exchange it for.
    model: u64,
}

impl<R: MujocoRules> MujocoEnv<R> {
    /// An environment of this model, with a simulation of its own. A time limit is [`crate::TimeLimit`]'s.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for rules with a specification that contradicts itself or without time steps;
    /// [`EnvError::Engine`] where MuJoCo makes no data.
    pub fn new(model: &MujocoModel, rules: R) -> Result<Self, EnvError> {
        let spec = rules.spec();
        spec.check()?;
        if rules.substeps() == 0 {
            return Err(EnvError::Mismatch(format!(
                "`{}`: a step has at least one time step, its rules say 0",
                spec.id
            )));
        }
        let sim = model.simulate().map_err(|error| error.of(&spec.id))?;
        let mut env = Self {
            before: vec![0.0; model.state_len()],
            stepped: false,
            action: vec![0.0; spec.action.len()],
            control: vec![0.0; model.len_of(MujocoPart::Controls)],
            seen: vec![0.0; spec.observation.len()],
            phase: Phase::Before,
            model: word_of(model),
            sim,
            rules,
        };
        env.keep()?;
        env.rules.observe(&mut env.sim, &mut env.seen)?;
        Ok(env)
    }

    /// The simulation.
    pub fn simulation(&self) -> &MujocoSim {
        &self.sim
    }

    /// The rules.
    pub fn rules(&self) -> &R {
        &self.rules
    }

    fn named(&self, answer: Result<(), MujocoError>) -> Result<(), EnvError> {
        answer.map_err(|error| error.of(&self.rules.spec().id))
    }

    /// Keeps the state of now as the one that a snapshot holds.
    fn keep(&mut self) -> Result<(), EnvError> {
        self.stepped = false;
        let kept = self.sim.state(&mut self.before);
        self.named(kept)
    }

    fn begin(&mut self) -> Result<(), EnvError> {
        self.sim.reset();
        self.rules.place(&mut self.sim)?;
        self.sim.forward();
        self.keep()?;
        self.rules.observe(&mut self.sim, &mut self.seen)
    }

    fn advance(&mut self) -> Result<(), EnvError> {
        self.rules.control(&self.action, &mut self.sim, &mut self.control)?;
        let set = self.sim.set_control(&self.control);
        self.named(set)?;
        let stepped = self.sim.step(self.rules.substeps().saturating_sub(1));
        self.named(stepped)?;
        self.keep()?;
        let stepped = self.sim.step(1);
        self.named(stepped)?;
        self.stepped = true;
        self.rules.observe(&mut self.sim, &mut self.seen)
    }

    fn put_back(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        let id = &self.rules.spec().id;
        snapshot.check_from(id)?;
        let damaged = |what: &str| {
            EnvError::Mismatch(format!(
                "a snapshot of `{id}` {what}: it is damaged or of another model, take another"
            ))
        };
        let (Some((state, numbers)), Some((&[phase, stepped, model], words))) =
            (snapshot.state.split_at_checked(self.before.len()), snapshot.words.split_first_chunk::<WORDS>())
        else {
            return Err(damaged(&format!("has {} numbers and {WORDS} words or more", self.before.len())));
        };
        if model != self.model {
            return Err(damaged("was taken with another model or another release of MuJoCo"));
        }
        let Some(phase) = Phase::of_word(phase) else {
            return Err(damaged(&format!("stands in phase 0, 1 or 2, this one in {phase}")));
        };
        if stepped > 1 {
            return Err(damaged("has 0 or 1 as its second word"));
        }
        self.rules.restore(numbers, words)?;
        self.phase = phase;
        self.rules.prepare(&mut self.sim)?;
        let restored = self.sim.restore(state);
        self.named(restored)?;
        self.sim.forward();
        self.keep()?;
        if stepped == 1 {
            let taken = self.sim.step(1);
            self.named(taken)?;
            self.stepped = true;
        }
        self.rules.observe(&mut self.sim, &mut self.seen)
    }
}

/// Beginning of a model's hash.
fn word_of(model: &MujocoModel) -> u64 {
    let digits = model.hash().get(..HASH_DIGITS);
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

impl<R: MujocoRules> Environment for MujocoEnv<R> {
    fn spec(&self) -> &EnvSpec {
        self.rules.spec()
    }

    fn reset(&mut self, start: &Start) -> Result<(), EnvError> {
        self.rules.draw(start)?;
        let begun = self.begin();
        self.phase = if begun.is_ok() { Phase::Running } else { Phase::Over };
        begun
    }

    /// # Errors
    /// [`EnvError::Engine`] where the simulation diverged; the episode is over then.
    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        let spec = self.rules.spec();
        check_action(spec, action)?;
        if self.phase != Phase::Running {
            return Err(EnvError::NeedsReset(spec.id.clone()));
        }
        let bounds = spec.action.low().iter().zip(spec.action.high());
        for ((slot, value), (low, high)) in self.action.iter_mut().zip(action).zip(bounds) {
            *slot = value.clamp(*low, *high);
        }
        if let Err(error) = self.advance() {
            // What can still be saved is the state before, which nothing follows.
            self.stepped = false;
            self.phase = Phase::Over;
            return Err(error);
        }
        let transition = self.rules.outcome(&self.action, &self.sim, &self.seen);
        if transition.ended() {
            self.phase = Phase::Over;
        }
        Ok(transition)
    }

    fn observation(&self) -> &[f64] {
        &self.seen
    }

    fn task(&self) -> SharedTask {
        self.rules.task()
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        Some(self)
    }
}

impl<R: MujocoRules> Simulator for MujocoEnv<R> {
    /// State: MuJoCo's before the last time step, and the numbers of the rules. Words: 0 before the first episode, 1 in one, 2
    /// after one's end; whether a time step follows; the first eight bytes of the model's hash; the words of the rules.
    fn snapshot(&self) -> Snapshot {
        let phase = self.phase.word();
        let mut snapshot = Snapshot {
            env_id: self.rules.spec().id.clone(),
            state: self.before.clone(),
            words: vec![phase, u64::from(self.stepped), self.model],
        };
        self.rules.save(&mut snapshot.state, &mut snapshot.words);
        snapshot
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        let own = self.snapshot();
        self.put_back(snapshot).inspect_err(|_| {
            // Its own state is one that it can go back to; what was refused is what the caller hears of.
            let _back = self.put_back(&own);
        })
    }
}
