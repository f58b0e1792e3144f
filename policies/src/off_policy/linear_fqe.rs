//! Fitted Q evaluation with values linear in features: every iteration solved exactly, its spread over episodes in closed form.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use super::estimate::mean_of;
use super::logged::MOST_NUMBERS;
use super::{Bootstrap, Criterion, Diagnosis, Estimate, FourierFeatures, Logged};
use crate::PolicyError;
use crate::error::check_count;

/// Name of the method in estimates.
pub const LINEAR_FQE: &str = "FQE";

/// Values that some fitted Q evaluation gives to the rows of the data, each with as many steps to go as are left there.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedValues {
    /// `Q(s, a)` of each row's own action.
    pub q: Vec<f64>,
    /// `V(s) = E_(a ~ pi) Q(s, a)`.
    pub v: Vec<f64>,
}

/// What [`LinearFqe::evaluate`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearFit {
    /// What each episode says the policy is worth: the fit's value, moved by the fit's derivative with respect to how often the
    /// episode counts. Their mean is the estimate.
    pub episodes: Vec<f64>,
    /// Values at the rows.
    pub values: FittedValues,
}

/// Fitted Q evaluation (Le, Voloshin & Yue 2019) with `Q_k(s, a) = w_k' phi(s, a)` for `k` steps to go:
/// `w_k = (A + lambda I)^-1 (b + gamma C w_(k-1))` with `A = sum phi phi'`, `C = sum phi psi'`, `b = sum phi r`, where `psi` is the mean
/// of the features over the policy's actions at the next observation, 0 where the task ended. Every transition is used for
/// every `k`: what follows from a state does not depend on the clock. Without a horizon the iteration's fixed point is solved for.
///
/// Its interval draws episodes anew, as Hao et al. (2021) show to be right; instead of a new fit for each draw it uses the
/// fit's derivative, which is that of the marginalised importance weights in the same features (Duan, Jia & Wang 2020).
#[derive(Debug)]
pub struct LinearFqe<'a> {
    logged: &'a Logged,
    features: &'a FourierFeatures,
    /// Features of the data's own actions, one column a row.
    phi: DMatrix<f64>,
    /// Rows that are a whole transition, and where it leads; none where the task ended.
    steps: Vec<(usize, Option<usize>)>,
    /// `phi` of these, and `(A + lambda I)`, factored.
    phi_of_steps: DMatrix<f64>,
    factor: Cholesky<f64, Dyn>,
    reward: DVector<f64>,
}

impl<'a> LinearFqe<'a> {
    /// What is the same for every policy. `ridge` is lambda as a share of the features' mean square.
    ///
    /// # Errors
    /// [`PolicyError::Setting`] for a ridge that is not positive, for more rows than memory should hold, and where no row has a
    /// step after it.
    pub fn new(logged: &'a Logged, features: &'a FourierFeatures, ridge: f64) -> Result<Self, PolicyError> {
        logged.check()?;
        let refuse = |name, value: String, remedy: &str| {
            Err(PolicyError::Setting { name, value, remedy: remedy.to_owned() })
        };
        if !(ridge.is_finite() && ridge > 0.0) {
            return refuse("ridge", ridge.to_string(), "give a small positive number, 1e-6 say");
        }
        if logged.len().checked_mul(features.len()).is_none_or(|numbers| numbers > MOST_NUMBERS) {
            return refuse(
                "features",
                features.len().to_string(),
                "give fewer for so many rows, or fewer episodes",
            );
        }
        let mut steps = Vec::with_capacity(logged.len());
        for episode in &logged.episodes {
            let next = episode.rows.clone().skip(1).map(Some).chain([None]);
            let last = episode.rows.end.saturating_sub(1);
            steps.extend(episode.rows.clone().zip(next).filter(|(row, _)| *row < last || episode.terminal));
        }
        if steps.is_empty() {
            return refuse("data", "of single steps".into(), "give episodes of at least two steps");
        }
        let phi = features.mean_over(&logged.observations, &logged.actions, 1)?;
        let phi_of_steps = columns(&phi, steps.iter().map(|(row, _)| Some(*row)));
        let mut gram = &phi_of_steps * phi_of_steps.transpose();
        let lambda = ridge * gram.trace() / gram.nrows() as f64;
        for i in 0..gram.nrows() {
            if let Some(value) = gram.get_mut((i, i)) {
                *value += lambda;
            }
        }
        let Some(factor) = Cholesky::new(gram) else {
            return refuse(
                "ridge",
                ridge.to_string(),
                "features are too much alike for it: give a larger one",
            );
        };
        let rewards = steps.iter().map(|(row, _)| logged.rewards.get(*row).copied().unwrap_or(0.0));
        let reward = &phi_of_steps * DVector::from_iterator(steps.len(), rewards);
        Ok(Self { logged, features, phi, steps, phi_of_steps, factor, reward })
    }

    /// Fits the values of the policy that drew `actions`, `[rows, count, action]`.
    ///
    /// # Errors
    /// [`PolicyError::Length`] for other arrays, [`PolicyError::Setting`] where the iteration does not settle.
    pub fn evaluate(
        &self,
        actions: &[f64],
        count: usize,
        criterion: &Criterion,
    ) -> Result<LinearFit, PolicyError> {
        criterion.check()?;
        let kept = criterion.horizon.map(|horizon| horizon.checked_mul(self.features.len()));
        if kept.is_some_and(|numbers| numbers.is_none_or(|numbers| numbers > MOST_NUMBERS)) {
            return Err(PolicyError::Setting {
                name: "horizon",
                value: criterion.horizon.unwrap_or_default().to_string(),
                remedy: "give fewer steps, or none and a discount below 1".into(),
            });
        }
        let psi = self.features.mean_over(&self.logged.observations, actions, count)?;
        let next = columns(&psi, self.steps.iter().map(|(_, next)| *next));
        let cross = &self.phi_of_steps * next.transpose();
        let firsts = self.logged.episodes.iter().map(|episode| Some(episode.rows.start));
        let starts = columns(&psi, firsts);
        let nu = starts.column_mean();
        let fit = match criterion.horizon {
            Some(horizon) => self.iterate(&cross, nu, criterion.discount, horizon),
            None => self.settle(&cross, &nu, criterion.discount)?,
        };
        // Influence of each transition: u' phi (r + gamma psi' w - phi' w), summed over k.
        let phi = &self.phi_of_steps;
        let after = (&fit.after * &next).component_mul(phi).row_sum();
        let own = (&fit.own * phi).component_mul(phi).row_sum();
        let paid = phi.tr_mul(&fit.paid);
        let initial = starts.tr_mul(&fit.weights(criterion.horizon.unwrap_or(0)));
        let mut influence = vec![0.0; self.logged.len()];
        for (i, (row, _)) in self.steps.iter().enumerate() {
            let reward = self.logged.rewards.get(*row).copied().unwrap_or(0.0);
            if let (Some(to), Some(paid), Some(after), Some(own)) =
                (influence.get_mut(*row), paid.get(i), after.get(i), own.get(i))
            {
                *to = paid * reward + after - own;
            }
        }
        let total = self.logged.episodes.len() as f64;
        let episodes = self.logged.episodes.iter().zip(initial.iter()).map(|(episode, initial)| {
            initial + total * influence.get(episode.rows.clone()).unwrap_or_default().iter().sum::<f64>()
        });
        let episodes: Vec<f64> = episodes.collect();
        if let Some((index, &value)) = episodes.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(PolicyError::NonFinite { what: "fitted value of an episode", index, value });
        }
        Ok(LinearFit { episodes, values: self.values(&psi, &fit, criterion) })
    }

    /// `w_0 = 0` to `w_H`, and `nu_(k-1) = C' u_k` with `u_k = (A + lambda I)^-1 nu_k` back from it.
    fn iterate(&self, cross: &DMatrix<f64>, nu: DVector<f64>, discount: f64, horizon: usize) -> Fit {
        let d = nu.len();
        let map = self.factor.solve(cross) * discount;
        let shift = self.factor.solve(&self.reward);
        let mut weights = vec![DVector::zeros(d)];
        for k in 1..=horizon {
            let next = weights.get(k - 1).map_or_else(|| shift.clone(), |before| &shift + &map * before);
            weights.push(next);
        }
        let (mut nu, mut us) = (nu, DMatrix::zeros(d, horizon));
        let back = cross.transpose() * discount;
        for k in (1..=horizon).rev() {
            let u = self.factor.solve(&nu);
            nu = &back * &u;
            us.set_column(k - 1, &u);
        }
        let before = DMatrix::from_columns(weights.get(..horizon).unwrap_or_default());
        let own = DMatrix::from_columns(weights.get(1..).unwrap_or_default());
        Fit {
            paid: us.column_sum(),
            after: &us * before.transpose() * discount,
            own: &us * own.transpose(),
            weights,
        }
    }

    /// The fixed point `w = (A + lambda I - gamma C)^-1 b` (LSTDQ; Lagoudakis & Parr 2003, sec. 5.3), and the same transposed.
    fn settle(&self, cross: &DMatrix<f64>, nu: &DVector<f64>, discount: f64) -> Result<Fit, PolicyError> {
        let system = self.factor.l() * self.factor.l().transpose() - cross * discount;
        let w = system.clone().lu().solve(&self.reward);
        let u = system.transpose().lu().solve(nu);
        let (Some(w), Some(u)) = (w, u) else {
            return Err(PolicyError::Setting {
                name: "discount",
                value: discount.to_string(),
                remedy: "fitted values have no fixed point with it: give a smaller one, or a horizon".into(),
            });
        };
        let own = &u * w.transpose();
        Ok(Fit { after: &own * discount, own, paid: u, weights: vec![w] })
    }

    /// Values at the rows of the data, with the steps that are left there.
    fn values(&self, psi: &DMatrix<f64>, fit: &Fit, criterion: &Criterion) -> FittedValues {
        let (mut q, mut v) = (Vec::with_capacity(self.logged.len()), Vec::with_capacity(self.logged.len()));
        for episode in &self.logged.episodes {
            for (step, row) in episode.rows.clone().enumerate() {
                let w = fit.weights(criterion.horizon.map_or(0, |horizon| horizon.saturating_sub(step)));
                q.push(self.phi.column(row).dot(&w));
                v.push(psi.column(row).dot(&w));
            }
        }
        FittedValues { q, v }
    }

    /// An estimate with its interval.
    ///
    /// # Errors
    /// Those of [`Self::evaluate`] and [`Bootstrap::interval`].
    pub fn estimate(&self, fit: &LinearFit, bootstrap: &Bootstrap) -> Result<Estimate, PolicyError> {
        check_count("fitted episodes", fit.episodes.len(), self.logged.episodes.len())?;
        let diagnosis = Diagnosis { episodes: fit.episodes.len(), ..Diagnosis::default() };
        Estimate::of(LINEAR_FQE, diagnosis, bootstrap, &mean_of(&fit.episodes))
    }
}

/// Weights, and the sums over `k` that influences are made of.
struct Fit {
    /// `w_k`, or the fixed point alone.
    weights: Vec<DVector<f64>>,
    /// `sum u_k`.
    paid: DVector<f64>,
    /// `gamma sum u_k w_(k-1)'`.
    after: DMatrix<f64>,
    /// `sum u_k w_k'`.
    own: DMatrix<f64>,
}

impl Fit {
    fn weights(&self, to_go: usize) -> DVector<f64> {
        self.weights.get(to_go).or(self.weights.first()).cloned().unwrap_or_else(|| DVector::zeros(0))
    }
}

/// Some columns of a matrix; zeros for none.
fn columns(of: &DMatrix<f64>, which: impl ExactSizeIterator<Item = Option<usize>>) -> DMatrix<f64> {
    let mut taken = DMatrix::zeros(of.nrows(), which.len());
    for (mut column, from) in taken.column_iter_mut().zip(which) {
        if let Some(from) = from.filter(|from| *from < of.ncols()) {
            column.copy_from(&of.column(from));
        }
    }
    taken
}
