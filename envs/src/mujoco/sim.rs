//! A simulation: one state of a model, moved on by controls.

use std::fmt;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::native::Data;
use super::symbols;
use super::{MujocoError, MujocoModel, MujocoPart, MujocoSensor};

/// Bits of `mjtState` that are read after every step: time, positions, velocities, activations.
const SEEN: i32 = 0b1111;
/// How MuJoCo's warnings begin that mean that it has thrown the state away.
const UNSTABLE: &str = "Nan, Inf or huge value";

/// A simulation of a model. It belongs to one thread at a time and may move between them.
///
/// Readings of sensors and Jacobians are those of the last [`Self::forward`] or of the beginning of the last time step, as
/// in MuJoCo; positions and velocities are those of now. Nothing here allocates but [`Self::save`] and what makes an
/// error.
pub struct MujocoSim {
    data: Data,
    model: MujocoModel,
    /// Time, positions, velocities and activations of now.
    seen: Vec<f64>,
    /// Both Jacobians as MuJoCo writes them.
    rows: [Vec<f64>; 2],
    /// Why the state means nothing; `None` where it does.
    diverged: Option<String>,
    warning: Option<String>,
}

/// A saved state of a simulation: all that its future depends on, the warm start of the solver included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MujocoState {
    /// [`MujocoModel::hash`] of its model.
    pub model: String,
    /// MuJoCo's `mjSTATE_INTEGRATION`.
    pub values: Vec<f64>,
}

impl MujocoSim {
    pub(super) fn new(model: &MujocoModel) -> Result<Self, MujocoError> {
        let compiled = model.compiled();
        let rows = vec![0.0; 3 * model.len_of(MujocoPart::Velocities)];
        let mut sim = Self {
            data: Data::new(compiled).ok_or(MujocoError::NoData)?,
            model: model.clone(),
            seen: vec![0.0; compiled.size(SEEN)],
            rows: [rows.clone(), rows],
            diverged: None,
            warning: None,
        };
        sim.forward();
        sim.look();
        Ok(sim)
    }

    /// The model.
    pub fn model(&self) -> &MujocoModel {
        &self.model
    }

    /// Simulated seconds.
    pub fn time(&self) -> f64 {
        self.seen.first().copied().unwrap_or(0.0)
    }

    /// Joint positions, MuJoCo's `qpos`.
    pub fn positions(&self) -> &[f64] {
        self.seen_part(1, self.model.len_of(MujocoPart::Positions))
    }

    /// Joint velocities, MuJoCo's `qvel`.
    pub fn velocities(&self) -> &[f64] {
        let before = 1 + self.model.len_of(MujocoPart::Positions);
        self.seen_part(before, self.model.len_of(MujocoPart::Velocities))
    }

    fn seen_part(&self, from: usize, len: usize) -> &[f64] {
        self.seen.get(from..from + len).unwrap_or_default()
    }

    /// Back to the model's own first state, with everything derived from it.
    pub fn reset(&mut self) {
        self.data.reset();
        self.data.forward();
        self.diverged = None;
        self.warning = None;
        self.look();
    }

    /// Sets the controls of the steps to come. MuJoCo clips them to the ranges of the actuators.
    ///
    /// # Errors
    /// [`MujocoError::Length`] or [`MujocoError::NonFinite`], with the controls untouched.
    pub fn set_control(&mut self, control: &[f64]) -> Result<(), MujocoError> {
        self.write(MujocoPart::Controls, control)
    }

    /// Reads a part of the state.
    ///
    /// # Errors
    /// [`MujocoError::Length`].
    pub fn read(&self, part: MujocoPart, out: &mut [f64]) -> Result<(), MujocoError> {
        let got = out.len();
        if self.data.read(part.bit(), out) { Ok(()) } else { Err(self.length(part, got)) }
    }

    /// Writes a part of the state. What is derived from it is as before until [`Self::forward`] or [`Self::step`].
    ///
    /// # Errors
    /// [`MujocoError::Length`] or [`MujocoError::NonFinite`], with nothing changed.
    pub fn write(&mut self, part: MujocoPart, values: &[f64]) -> Result<(), MujocoError> {
        finite(part.name(), values)?;
        if !self.data.write(part.bit(), values) {
            return Err(self.length(part, values.len()));
        }
        if part.bit() & SEEN != 0 {
            self.look();
        }
        Ok(())
    }

    fn length(&self, part: MujocoPart, got: usize) -> MujocoError {
        MujocoError::Length { what: part.name(), want: self.model.len_of(part), got }
    }

    /// Computes all that follows from the state, sensors and Jacobians included, without moving on. The state stays as it
    /// is, to the bit.
    pub fn forward(&mut self) {
        self.data.forward();
    }

    /// Takes `count` time steps with the controls in force.
    ///
    /// # Errors
    /// [`MujocoError::Diverged`] where a position, velocity or activation is no longer finite, or MuJoCo found the state
    /// too large and began again from its own; refused from then on until [`Self::reset`] or [`Self::restore`].
    pub fn step(&mut self, count: usize) -> Result<(), MujocoError> {
        if let Some(what) = &self.diverged {
            return Err(MujocoError::Diverged { time: self.time(), what: what.clone() });
        }
        let due = self.time() + count as f64 * self.model.timestep();
        symbols::forget_warning();
        self.data.step(count);
        self.look();
        // Time that jumped back tells of a fresh beginning also where somebody else hears MuJoCo's warnings.
        let on_time = (self.time() - due).abs() < 0.5 * self.model.timestep();
        // A sum of zeros times the numbers is zero, unless one of them is not finite.
        let finite = self.seen.iter().map(|value| value * 0.0).sum::<f64>() == 0.0;
        if finite && on_time && !symbols::warned() {
            return Ok(());
        }
        self.look_into_it(finite, on_time)
    }

    #[cold]
    fn look_into_it(&mut self, finite: bool, on_time: bool) -> Result<(), MujocoError> {
        let warning = symbols::take_warning();
        let unstable = warning.as_ref().filter(|text| text.starts_with(UNSTABLE)).cloned();
        let what = if finite { unstable } else { unstable.or_else(|| self.not_finite()) };
        let reset = || "MuJoCo found it too large and began again from the model's own state".to_owned();
        let what = what.or_else(|| (!on_time).then(reset));
        self.warning = warning.or(self.warning.take());
        match what {
            None => Ok(()),
            Some(what) => {
                self.diverged = Some(what.clone());
                Err(MujocoError::Diverged { time: self.time(), what })
            }
        }
    }

    /// Names the first number seen that is not finite.
    fn not_finite(&self) -> Option<String> {
        let at = self.seen.iter().position(|value| !value.is_finite())?;
        let (nq, nv) = (self.positions().len(), self.velocities().len());
        let (name, index) = match at {
            0 => return Some(format!("time is {}", self.seen[0])),
            at if at <= nq => ("qpos", at - 1),
            at if at <= nq + nv => ("qvel", at - 1 - nq),
            at => ("act", at - 1 - nq - nv),
        };
        Some(format!("{name}[{index}] is {}", self.seen[at]))
    }

    /// MuJoCo's last warning in a step since the last reset, such as that of too many contacts; `None` where there was none.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Copies the whole state out; [`MujocoModel::state_len`] numbers.
    ///
    /// # Errors
    /// [`MujocoError::Length`].
    pub fn state(&self, out: &mut [f64]) -> Result<(), MujocoError> {
        let got = out.len();
        if self.data.read(self.whole(), out) { Ok(()) } else { Err(self.state_length(got)) }
    }

    /// Goes on from a state of this model, bit for bit as the simulation that it was copied from would. Derived quantities
    /// are those of the state after [`Self::forward`] or [`Self::step`].
    ///
    /// # Errors
    /// [`MujocoError::Length`] or [`MujocoError::NonFinite`], with nothing changed.
    pub fn restore(&mut self, state: &[f64]) -> Result<(), MujocoError> {
        if state.len() != self.model.state_len() {
            return Err(self.state_length(state.len()));
        }
        finite("state", state)?;
        // What the state does not hold begins anew, MuJoCo's counts of its warnings among it: it speaks of the first only.
        self.data.reset();
        self.diverged = None;
        self.warning = None;
        if !self.data.write(self.whole(), state) {
            return Err(self.state_length(state.len()));
        }
        self.look();
        Ok(())
    }

    fn whole(&self) -> i32 {
        self.data.model().whole()
    }

    fn state_length(&self, got: usize) -> MujocoError {
        MujocoError::Length { what: "a state", want: self.model.state_len(), got }
    }

    /// The whole state with the hash of the model that it is of.
    pub fn save(&self) -> MujocoState {
        let mut values = vec![0.0; self.model.state_len()];
        // The length is the model's own.
        let _fits = self.data.read(self.whole(), &mut values);
        MujocoState { model: self.model.hash().to_owned(), values }
    }

    /// [`Self::restore`] of a saved state.
    ///
    /// # Errors
    /// [`MujocoError::OtherModel`] for a state of another model, and as [`Self::restore`]; nothing is changed then.
    pub fn load(&mut self, state: &MujocoState) -> Result<(), MujocoError> {
        if state.model != self.model.hash() {
            return Err(MujocoError::OtherModel {
                of: state.model.clone(),
                own: self.model.hash().to_owned(),
            });
        }
        self.restore(&state.values)
    }

    /// Reads a sensor. One with a delay is read as of now, without interpolation (`mj_readSensor`), where MuJoCo's own array of
    /// readings has it as of the beginning of the last time step.
    ///
    /// # Errors
    /// [`MujocoError::Length`] where `out` has another length than the sensor of this number in this model.
    pub fn sensor(&self, sensor: MujocoSensor, out: &mut [f64]) -> Result<(), MujocoError> {
        let got = out.len();
        if self.data.sensor(sensor.id, self.time(), out) {
            return Ok(());
        }
        let want = self.model.compiled().sensors().get(sensor.id).copied().unwrap_or(0);
        Err(MujocoError::Length { what: "a reading of this sensor", want, got })
    }

    /// Jacobian of a site, `[6, velocities]`: how its place (three rows, metres) and its rotation (three rows, radians) in
    /// the world move with the joints. `site` is its number, `out` a matrix of that shape.
    ///
    /// # Errors
    /// [`MujocoError::Length`] for another shape, and for a site that the model does not have.
    pub fn site_jacobian(&mut self, site: usize, out: &mut DMatrix<f64>) -> Result<(), MujocoError> {
        let nv = self.model.len_of(MujocoPart::Velocities);
        if out.shape() != (6, nv) {
            return Err(MujocoError::Length { what: "a Jacobian", want: 6 * nv, got: out.len() });
        }
        let [place, rotation] = &mut self.rows;
        if !self.data.site_jacobian(site, place, rotation) {
            let sites = self.model.count(super::MujocoObject::Site);
            return Err(MujocoError::Length {
                what: "the list of sites",
                want: sites,
                got: site.saturating_add(1),
            });
        }
        // A model that nothing moves in has rows of no numbers.
        let wide = nv.max(1);
        for (row, values) in place.chunks_exact(wide).chain(rotation.chunks_exact(wide)).enumerate() {
            out.row_mut(row).iter_mut().zip(values).for_each(|(slot, value)| *slot = *value);
        }
        Ok(())
    }

    pub(super) fn data(&self) -> &Data {
        &self.data
    }

    /// Takes what is seen of the state from MuJoCo.
    fn look(&mut self) {
        // The length is the model's own.
        let _fits = self.data.read(SEEN, &mut self.seen);
    }
}

/// Refuses NaN and infinities.
fn finite(what: &'static str, values: &[f64]) -> Result<(), MujocoError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(MujocoError::NonFinite { what, index, value: values[index] }),
        None => Ok(()),
    }
}

impl fmt::Debug for MujocoSim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MujocoSim")
            .field("model", &self.model)
            .field("time", &self.time())
            .field("positions", &self.positions())
            .field("diverged", &self.diverged)
            .finish_non_exhaustive()
    }
}
