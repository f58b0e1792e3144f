//! Figures from papers, for orientation.

/// One published row: D4RL-normalised scores in the order of [`super::MAZES`].
pub struct Published {
    /// Method, with its executor where the paper names one.
    pub method: &'static str,
    /// Where the figures stand.
    pub source: &'static str,
    /// Mean scores.
    pub scores: [f64; 6],
}

const DIFFUSION_FORCING: &str =
    "Chen et al., Diffusion Forcing: Next-token Prediction Meets Full-Sequence Diffusion, NeurIPS 2024";

const DIFFUSER: &str = "Janner et al., Planning with Diffusion for Flexible Behavior Synthesis, ICML 2022";

/// The rows.
pub const PUBLISHED: [Published; 5] = [
    Published {
        method: "Diffusion Forcing, diffused actions",
        source: DIFFUSION_FORCING,
        scores: [116.7, 149.4, 159.0, 119.1, 152.3, 167.1],
    },
    Published {
        method: "Diffuser, diffused actions",
        source: DIFFUSION_FORCING,
        scores: [6.3, 13.5, 6.3, 32.8, 22.0, 6.9],
    },
    Published {
        method: "Diffuser, PD controller",
        source: DIFFUSER,
        scores: [113.9, 121.5, 123.0, 128.9, 127.2, 132.1],
    },
    Published { method: "MPPI, true dynamics", source: DIFFUSER, scores: [33.2, 10.2, 5.1, 41.2, 15.4, 8.0] },
    Published {
        method: "HorizonFlow",
        source: "the HorizonFlow paper (plan length is an output; shortest of 16 candidates)",
        scores: [137.5, 154.8, 205.2, 145.1, 170.5, 216.5],
    },
];

/// What to keep in mind beside them.
pub const REMARK: &str = "As published, not measured here. Data, physics and starts differ from this \
    benchmark's (their data are D4RL's files and their physics is MuJoCo; here both are regenerated), so these \
    figures show the order of magnitude and are not paired with anything above.";
