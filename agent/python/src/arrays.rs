//! Numbers in and out.

use numpy::{Element, IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray};
use pyo3::prelude::{Bound, PyResult, Python};

use crate::error::Error;

/// The numbers of an array in C order.
pub fn numbers<T: Element + Copy, D: numpy::ndarray::Dimension>(
    what: &str,
    array: &PyReadonlyArray<'_, T, D>,
) -> Result<Vec<T>, Error> {
    match array.as_slice() {
        Ok(slice) => Ok(slice.to_vec()),
        Err(_) => {
            Err(Error::Refused(format!("{what} is not contiguous: pass it through numpy.ascontiguousarray")))
        }
    }
}

/// One row.
pub fn row<'py>(py: Python<'py>, values: Vec<f64>) -> Bound<'py, PyArray1<f64>> {
    values.into_pyarray(py)
}

/// `[rows, width]`.
///
/// # Errors
/// numpy's, where the numbers are not as many.
pub fn table<'py>(
    py: Python<'py>,
    values: Vec<f64>,
    rows: usize,
    width: usize,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    values.into_pyarray(py).reshape([rows, width])
}
