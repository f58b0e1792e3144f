//! A checkpoint that acts in real time.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use forethought_agent::{Agent, AgentError, ClosingReport, RealTimeConfig, Rung};
use forethought_envs::{EnvSpec, TaskConfig};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::types::PyDict;
use pyo3::{Bound, Py, PyResult, Python, pyclass, pymethods};

use crate::agent::{changes, told};
use crate::arrays::{numbers, row};
use crate::error::Error;
use crate::task::{Task, wanted};

/// The loop, and where it stood last.
struct Core {
    /// None once it is closed: its planner's thread ends when it is dropped.
    agent: Option<forethought_agent::RealTimeAgent>,
    /// As JSON, of when it was closed.
    report: String,
    rung: Rung,
    step: u64,
    begun: bool,
}

/// `forethought.RealTimeAgent` without its checks of what is given.
#[pyclass(frozen, module = "forethought._native")]
pub struct RealTimeAgent {
    core: Mutex<Core>,
    spec: EnvSpec,
    task: TaskConfig,
    safe: Vec<f64>,
    period_s: f64,
}

impl RealTimeAgent {
    fn open(
        path: &Path,
        period_s: Option<f64>,
        threads: Option<usize>,
        settings: Option<&str>,
        realtime: Option<&str>,
    ) -> Result<Self, Error> {
        let mut config = RealTimeConfig::default().with(&changes("realtime", realtime)?)?;
        config.period_s = period_s.or(config.period_s);
        let mut builder = Agent::builder(path);
        if let Some(threads) = threads {
            builder = builder.threads(threads);
        }
        for (key, value) in changes("settings", settings)? {
            builder = builder.set(&key, value);
        }
        let agent = builder.real_time(&config)?;
        Ok(Self {
            spec: agent.spec().clone(),
            task: agent.task().clone(),
            safe: agent.safe_command().to_vec(),
            period_s: agent.period().as_secs_f64(),
            core: Mutex::new(Core {
                agent: Some(agent),
                report: String::new(),
                rung: Rung::Idle,
                step: 0,
                begun: false,
            }),
        })
    }

    fn core(&self) -> Result<MutexGuard<'_, Core>, Error> {
        self.core.lock().map_err(|_| Error::Broken("agent"))
    }
}

impl Core {
    fn open(&mut self) -> Result<&mut forethought_agent::RealTimeAgent, Error> {
        self.agent.as_mut().ok_or(Error::Order("this agent is closed: load another one"))
    }

    /// An episode or a start: the loop counts anew, and waits for a plan where it runs.
    fn anew(&mut self, running: bool) {
        (self.step, self.rung) = (0, if running { Rung::Waiting } else { self.rung });
    }
}

// A call takes microseconds and waits for nothing: releasing the interpreter would cost more, and another thread that takes it
// would keep a tick from ending. So whoever holds the lock holds the interpreter too, and nobody waits for it.
#[pymethods]
impl RealTimeAgent {
    #[staticmethod]
    #[pyo3(signature = (path, period_s, threads, settings, realtime))]
    fn load(
        py: Python<'_>,
        path: &str,
        period_s: Option<f64>,
        threads: Option<usize>,
        settings: Option<&str>,
        realtime: Option<&str>,
    ) -> PyResult<Self> {
        Ok(py.detach(|| Self::open(Path::new(path), period_s, threads, settings, realtime))?)
    }

    #[pyo3(signature = (seed, goal, task))]
    fn reset(
        &self,
        seed: u64,
        goal: Option<PyReadonlyArray1<'_, f64>>,
        task: Option<Py<Task>>,
    ) -> PyResult<()> {
        let goal = goal.map(|goal| numbers("goal", &goal)).transpose()?;
        let task = wanted(&self.task, goal.as_deref(), task.as_ref())?;
        let mut core = self.core()?;
        core.open()?.reset(seed, task);
        core.begun = true;
        let running = !matches!(core.rung, Rung::Idle | Rung::Stopped);
        core.anew(running);
        Ok(())
    }

    fn start(&self) -> PyResult<()> {
        let mut core = self.core()?;
        let begun = core.begun;
        let agent = core.open()?;
        if !begun {
            return Err(Error::Order("no episode has begun: call reset(seed, goal) before start").into());
        }
        agent.start();
        core.anew(true);
        Ok(())
    }

    fn tick<'py>(
        &self,
        py: Python<'py>,
        observation: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Option<Bound<'py, PyArray1<f64>>>> {
        let observation = numbers("obs", &observation)?;
        let want = self.spec.observation.len();
        if observation.len() != want {
            let got = observation.len();
            return Err(Error::Refused(format!("obs has {got} entries, expected {want}")).into());
        }
        let mut core = self.core()?;
        let Core { agent, rung, step, .. } = &mut *core;
        let Some(agent) = agent else { return Ok(Some(row(py, self.safe.clone()))) };
        let tick = agent.tick(&observation);
        (*rung, *step) = (tick.rung, tick.step);
        Ok(tick.command.map(|command| row(py, command.to_vec())))
    }

    /// The closing report, as JSON.
    fn stop(&self) -> PyResult<String> {
        let mut core = self.core()?;
        let Some(agent) = &mut core.agent else { return Ok(core.report.clone()) };
        let report = json(&agent.stop())?;
        (core.rung, core.step) = (Rung::Stopped, 0);
        Ok(report)
    }

    /// What happened so far, as JSON.
    fn report(&self) -> PyResult<String> {
        let core = self.core()?;
        match &core.agent {
            Some(agent) => Ok(json(&agent.report())?),
            None => Ok(core.report.clone()),
        }
    }

    /// Stops, and lets the planner's thread go, whatever state an earlier call has left.
    fn close(&self) -> PyResult<()> {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut agent) = core.agent.take() else { return Ok(()) };
        (core.rung, core.step) = (Rung::Stopped, 0);
        core.report = json(&agent.stop())?;
        Ok(())
    }

    #[getter]
    fn rung(&self) -> PyResult<&'static str> {
        Ok(self.core()?.rung.name())
    }

    #[getter]
    fn step(&self) -> PyResult<u64> {
        Ok(self.core()?.step)
    }

    #[getter]
    fn safe_command<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        row(py, self.safe.clone())
    }

    #[getter]
    fn period_s(&self) -> f64 {
        self.period_s
    }

    /// What the checkpoint's environment is, as `Agent.spec`.
    #[getter]
    fn spec<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        told(py, &self.spec, &self.task)
    }
}

fn json(report: &ClosingReport) -> Result<String, Error> {
    Ok(serde_json::to_string(report).map_err(|error| AgentError::Settings(error.to_string()))?)
}
