//! OGBench's point mazes as a suite of the registry: environments, reference policies, data, pictures.

use std::sync::Arc;

use crate::data::DataLayout;
use crate::maze::ogbench::{
    OgBenchBall, OgBenchEnv, OgBenchGeometry, OgBenchName, OgBenchOptions, OgBenchOracle, env,
    generate_ogbench,
};
use crate::suite::Suite;
use crate::{Entry, EnvError, TimeLimit};

/// The suite.
pub(crate) struct OgBenchMazes;

impl Suite for OgBenchMazes {
    fn names(&self) -> Vec<(String, String)> {
        OgBenchName::all().map(|name| (name.id(), name.about())).collect()
    }

    fn also(&self) -> &'static str {
        ""
    }

    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>> {
        OgBenchName::find(id).map(entry)
    }

    fn resolve(&self, _typed: &str) -> Option<Result<String, EnvError>> {
        None
    }
}

fn entry(name: OgBenchName) -> Result<Entry, EnvError> {
    let geometry = OgBenchGeometry::new(name.maze)?;
    let [id, validation_id] = [name.id(), name.id()];
    let mut entry = Entry::new(move || {
        Ok(Box::new(TimeLimit::new(OgBenchEnv::new(&name.id(), name.maze)?, env::EPISODE_STEPS)?))
    })
    .about(&name.about())
    .scene(geometry.scene())
    .data(move |rows, seed, progress| {
        generate_ogbench(&id, &OgBenchOptions { rows, seed, ..OgBenchOptions::default() }, progress)
    })
    .validation_data(move |rows, seed, progress| {
        let rows = name.data.validation_rows(name.maze, rows);
        let options = OgBenchOptions { rows, seed, validation: true, ..OgBenchOptions::default() };
        generate_ogbench(&validation_id, &options, progress)
    })
    .data_layout(DataLayout::Npz);
    let jumps = !geometry.entrances().is_empty();
    // Where the ball jumps by chance, no map from here to there is the environment's.
    if !jumps {
        entry = entry.dynamics(Arc::new(OgBenchBall::new(&geometry)));
    }
    for careful in [false, true].into_iter().filter(|careful| jumps || !careful) {
        let maze = geometry.clone();
        entry = entry.policy(OgBenchOracle::name_of(careful), move || {
            Ok(Box::new(OgBenchOracle::new(&maze, careful)))
        });
    }
    Ok(entry)
}
