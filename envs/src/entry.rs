//! What the registry knows of an environment.

use std::fmt;
use std::sync::Arc;

use crate::data::{DataLayout, Dataset};
use crate::picture::Photographer;
use crate::{Dynamics, EnvError, Environment, Policy, Scene};

type MakeEnvironment = dyn Fn() -> Result<Box<dyn Environment>, EnvError> + Send + Sync;
type MakePolicy = dyn Fn() -> Result<Box<dyn Policy>, EnvError> + Send + Sync;
type MakePhotographer = dyn Fn([usize; 2]) -> Result<Box<dyn Photographer>, EnvError> + Send + Sync;
type Collect = dyn Fn(usize, u64, &mut dyn FnMut(usize, usize)) -> Result<Dataset, EnvError> + Send + Sync;

/// How an environment is made, and what it brings besides itself.
#[derive(Clone)]
pub struct Entry {
    pub(crate) about: String,
    pub(crate) make: Arc<MakeEnvironment>,
    pub(crate) policies: Vec<(String, Arc<MakePolicy>)>,
    pub(crate) collect: Option<Arc<Collect>>,
    pub(crate) validation: Option<Arc<Collect>>,
    pub(crate) layout: DataLayout,
    pub(crate) scene: Option<Scene>,
    pub(crate) photographer: Option<Arc<MakePhotographer>>,
    pub(crate) dynamics: Option<Arc<dyn Dynamics>>,
}

impl Entry {
    /// An environment that brings nothing but itself.
    pub fn new<F>(make: F) -> Self
    where
        F: Fn() -> Result<Box<dyn Environment>, EnvError> + Send + Sync + 'static,
    {
        Self {
            about: String::new(),
            make: Arc::new(make),
            policies: Vec::new(),
            collect: None,
            validation: None,
            layout: DataLayout::default(),
            scene: None,
            photographer: None,
            dynamics: None,
        }
    }

    /// A line about it, for lists.
    #[must_use]
    pub fn about(mut self, line: &str) -> Self {
        line.clone_into(&mut self.about);
        self
    }

    /// A reference policy under a name.
    #[must_use]
    pub fn policy<F>(mut self, name: &str, make: F) -> Self
    where
        F: Fn() -> Result<Box<dyn Policy>, EnvError> + Send + Sync + 'static,
    {
        self.policies.push((name.to_owned(), Arc::new(make)));
        self
    }

    /// A generator of offline data: called with the number of rows, the seed and whom to tell rows done and rows in all.
    #[must_use]
    pub fn data<F>(mut self, collect: F) -> Self
    where
        F: Fn(usize, u64, &mut dyn FnMut(usize, usize)) -> Result<Dataset, EnvError> + Send + Sync + 'static,
    {
        self.collect = Some(Arc::new(collect));
        self
    }

    /// A generator of episodes to validate with, which are none of those to train on. Called as that one is, with the
    /// number of rows to train on: how many belong to these is the benchmark's to say.
    #[must_use]
    pub fn validation_data<F>(mut self, collect: F) -> Self
    where
        F: Fn(usize, u64, &mut dyn FnMut(usize, usize)) -> Result<Dataset, EnvError> + Send + Sync + 'static,
    {
        self.validation = Some(Arc::new(collect));
        self
    }

    /// Layout of the files that its data are published in. Without, D4RL's.
    #[must_use]
    pub fn data_layout(mut self, layout: DataLayout) -> Self {
        self.layout = layout;
        self
    }

    /// A top view.
    #[must_use]
    pub fn scene(mut self, scene: Scene) -> Self {
        self.scene = Some(scene);
        self
    }

    /// Pictures of it: called with their width and height, pixels.
    #[must_use]
    pub fn photographer<F>(mut self, make: F) -> Self
    where
        F: Fn([usize; 2]) -> Result<Box<dyn Photographer>, EnvError> + Send + Sync + 'static,
    {
        self.photographer = Some(Arc::new(make));
        self
    }

    /// The environment's dynamics, for planners that are given them.
    #[must_use]
    pub fn dynamics(mut self, dynamics: Arc<dyn Dynamics>) -> Self {
        self.dynamics = Some(dynamics);
        self
    }

    /// Names of the reference policies, in the order in which they were given.
    pub fn policies(&self) -> Vec<&str> {
        self.policies.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Whether a generator of offline data belongs to it.
    pub fn has_data(&self) -> bool {
        self.collect.is_some()
    }

    /// Whether it can be pictured.
    pub fn has_photographer(&self) -> bool {
        self.photographer.is_some()
    }

    /// Whether episodes to validate with are kept apart from those data.
    pub fn has_validation_data(&self) -> bool {
        self.validation.is_some()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("about", &self.about)
            .field("policies", &self.policies())
            .field("has_data", &self.has_data())
            .field("scene", &self.scene)
            .finish_non_exhaustive()
    }
}
