//! What a picture of an environment needs to know.

use serde::{Deserialize, Serialize};

/// An axis-aligned rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// Lower corner (x, y).
    pub min: [f64; 2],
    /// Upper corner (x, y).
    pub max: [f64; 2],
}

impl Area {
    /// Whether a point lies inside or on the edge.
    pub fn contains(&self, [x, y]: [f64; 2]) -> bool {
        (self.min[0]..=self.max[0]).contains(&x) && (self.min[1]..=self.max[1]).contains(&y)
    }
}

/// A disc of the ground in which something happens to the body, or where it is put when that has happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// What it is, in a word.
    pub name: String,
    /// Centre (x, y).
    pub at: [f64; 2],
    /// Radius; 0 where it is a point.
    pub radius: f64,
}

/// One coordinate of a body that moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coordinate {
    /// The same at all times.
    Fixed(f64),
    /// An entry of the observation.
    Entry(usize),
}

impl Coordinate {
    /// Its value in an observation; `None` where that has no such entry.
    pub fn value(self, observation: &[f64]) -> Option<f64> {
        match self {
            Self::Fixed(value) => Some(value),
            Self::Entry(entry) => observation.get(entry).copied(),
        }
    }
}

/// A disc that moves besides the body that acts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mover {
    /// What it is, in a word.
    pub name: String,
    /// Its centre (x, y).
    pub at: [Coordinate; 2],
    /// Radius.
    pub radius: f64,
}

impl Mover {
    /// Its centre in an observation; `None` where that has no such entries.
    pub fn place(&self, observation: &[f64]) -> Option<[f64; 2]> {
        let [x, y] = self.at.map(|coordinate| coordinate.value(observation));
        Some([x?, y?])
    }
}

/// A top view of an environment: what stands still in it, what moves, and what of an observation to draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// What a picture shows.
    pub bounds: Area,
    /// Boxes that nothing passes through.
    pub solids: Vec<Area>,
    /// Places of which there is more to say, those that act first.
    #[serde(default)]
    pub zones: Vec<Zone>,
    /// Bodies that move besides the one that acts.
    #[serde(default)]
    pub movers: Vec<Mover>,
    /// Radius of the body that acts; 0 where it is a point.
    pub body_radius: f64,
    /// Observation entries of its x and y.
    pub position: [usize; 2],
}

impl Scene {
    /// An empty field with a body of no size.
    pub fn open(bounds: Area, position: [usize; 2]) -> Self {
        Self { bounds, solids: Vec::new(), zones: Vec::new(), movers: Vec::new(), body_radius: 0.0, position }
    }
}
