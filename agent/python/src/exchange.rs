//! Training by several processes, connected by an object of the caller's.

use std::sync::{Arc, Mutex, PoisonError};

use forethought_planner::PlannerError;
use forethought_planner::training::Exchange;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::types::PyAnyMethods;
use pyo3::{Bound, Py, PyAny, PyErr, Python};

/// The object, its number and the number of all.
pub type Joined<'py> = (Bound<'py, PyAny>, usize, usize);

/// What the object raised, if it did.
#[derive(Clone, Default)]
pub struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    /// Takes it.
    pub fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Hands bytes to the object's method `gather` and takes back those of all processes.
pub struct PyExchange {
    object: Py<PyAny>,
    rank: usize,
    size: usize,
    raised: Raised,
}

impl PyExchange {
    /// Exchange by this object.
    pub fn new((object, rank, size): Joined<'_>) -> Self {
        Self { object: object.unbind(), rank, size, raised: Raised::default() }
    }

    /// Where what it raises will be found.
    pub fn raised(&self) -> Raised {
        self.raised.clone()
    }
}

impl Exchange for PyExchange {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn gather(&mut self, own: &[u8], all: &mut [u8]) -> Result<(), PlannerError> {
        let gathered = Python::attach(|py| -> Result<Result<(), String>, PyErr> {
            let answer = self.object.bind(py).call_method1("gather", (PyArray1::from_slice(py, own),))?;
            let answer: PyReadonlyArray1<'_, u8> = answer.extract()?;
            let answer = answer.as_slice()?;
            if answer.len() != all.len() {
                let (got, want) = (answer.len(), all.len());
                return Ok(Err(format!(
                    "gather gave {got} bytes instead of {want}: those of every process, in order"
                )));
            }
            all.copy_from_slice(answer);
            Ok(Ok(()))
        });
        match gathered {
            Ok(outcome) => outcome.map_err(PlannerError::Exchange),
            Err(error) => {
                let said = PlannerError::Exchange(error.to_string());
                *self.raised.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(said)
            }
        }
    }
}
