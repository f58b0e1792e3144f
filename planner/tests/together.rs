//! Several processes that train together, here threads that are connected by channels: the same bytes as one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Barrier, Mutex};

use burn::tensor::Device;
use forethought_envs::data::Dataset;
use forethought_envs::{EnvSpec, make};
use forethought_planner::network::{NetworkConfig, NetworkKind};
use forethought_planner::training::{Exchange, Trainer, TrainingData};
use forethought_planner::{ModelConfig, PlannerError, TrainConfig};

/// Threads around a table.
struct Table {
    rank: usize,
    size: usize,
    seats: Arc<Mutex<Vec<Vec<u8>>>>,
    turns: Arc<Barrier>,
    /// Gathers until this one leaves the table, and takes all with it.
    until: Option<usize>,
    calls: usize,
}

fn table(size: usize) -> Vec<Table> {
    let (seats, turns) = (Arc::new(Mutex::new(vec![Vec::new(); size])), Arc::new(Barrier::new(size)));
    (0..size)
        .map(|rank| Table { rank, size, seats: seats.clone(), turns: turns.clone(), until: None, calls: 0 })
        .collect()
}

impl Exchange for Table {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn gather(&mut self, own: &[u8], all: &mut [u8]) -> Result<(), PlannerError> {
        self.calls += 1;
        if self.until.is_some_and(|until| self.calls > until) {
            return Err(PlannerError::Exchange("process 1 is gone".into()));
        }
        self.seats.lock().unwrap()[self.rank] = own.to_vec();
        self.turns.wait();
        all.copy_from_slice(&self.seats.lock().unwrap().concat());
        self.turns.wait();
        Ok(())
    }
}

/// Points that wander, in trajectories of several lengths.
fn data() -> (EnvSpec, Dataset) {
    let spec = make("maze2d-umaze-v1").unwrap().spec().clone();
    let (o, a, rows) = (spec.observation.len(), spec.action.len(), 600);
    let wave = |i: usize| (0.37 * i as f32).sin();
    let observations = (0..rows * o).map(|i| 2.0 + wave(i) * 0.5).collect();
    let mut dataset = Dataset::of_rows(&spec.id, [o, a], observations, (0..rows * a).map(wave).collect());
    dataset.timeouts = (0..rows).map(|row| row % 150 == 149 || row % 60 == 59).collect();
    (spec, dataset)
}

fn model() -> ModelConfig {
    let network = NetworkConfig {
        kind: NetworkKind::Transformer,
        width: 16,
        layers: 2,
        heads: 2,
        ..NetworkConfig::default()
    };
    ModelConfig { frames_per_token: 5, chunks: 5, levels: 50, network, ..ModelConfig::default() }
}

/// Ten sequences in four shards, the last of which has one.
fn train(steps: u64) -> TrainConfig {
    TrainConfig {
        steps,
        batch: 10,
        shards: 4,
        warmup: 2,
        log_every: 2,
        checkpoint_every: 3,
        ..TrainConfig::default()
    }
}

/// Trains as so many processes; what each ended with.
fn run(folder: &Path, steps: u64, tables: Vec<Table>) -> Vec<Result<(), PlannerError>> {
    let (spec, dataset) = data();
    let one = |table: Table| {
        let source = TrainingData { validation: 0.2, ..TrainingData::new(&spec, &dataset) };
        let mut trainer = Trainer::together(folder, &source, &model(), &train(steps), 1, Box::new(table))?;
        let path = trainer.run(&|| 0.0, &mut |_| true)?;
        assert!(path.ends_with(format!("step-{steps:08}")) || path.exists(), "{path:?}");
        Ok(())
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = tables.into_iter().map(|table| scope.spawn(|| one(table))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// Files of a run, but for the one that the time of day names.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if !name.starts_with("events.") {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn one_two_and_four_processes_end_in_the_same_bytes() {
    let home = tempfile::tempdir().unwrap();
    let alone = home.path().join("alone");
    let (spec, dataset) = data();
    let source = TrainingData { validation: 0.2, ..TrainingData::new(&spec, &dataset) };
    let mut trainer = Trainer::new(&alone, &source, &model(), &train(7), &Device::flex(), Some(2)).unwrap();
    trainer.run(&|| 0.0, &mut |_| true).unwrap();
    let whole = files(&alone);
    assert!(whole.len() > 5);
    for size in [1, 2, 4] {
        let folder = home.path().join(size.to_string());
        for outcome in run(&folder, 7, table(size)) {
            outcome.unwrap();
        }
        assert!(files(&folder) == whole, "{size} processes left other bytes");
    }
}

#[test]
fn a_process_that_is_lost_ends_all_and_the_next_start_ends_in_the_same_bytes() {
    let home = tempfile::tempdir().unwrap();
    let (alone, folder) = (home.path().join("alone"), home.path().join("lost"));
    run(&alone, 7, table(1)).remove(0).unwrap();
    let mut lost = table(2);
    lost.iter_mut().for_each(|table| table.until = Some(8));
    for outcome in run(&folder, 7, lost) {
        assert!(outcome.unwrap_err().to_string().contains("process 1 is gone"));
    }
    assert!(files(&folder) != files(&alone));
    run(&folder, 7, table(4)).into_iter().for_each(Result::unwrap);
    assert!(files(&folder) == files(&alone));
}

#[test]
fn what_cannot_be_shared_is_refused() {
    let home = tempfile::tempdir().unwrap();
    for outcome in run(home.path(), 1, table(3)) {
        let message = outcome.unwrap_err().to_string();
        assert!(message.contains("train.shards") && message.contains("multiple of 3"), "{message}");
    }
    // Processes that were given different things.
    let (spec, dataset) = data();
    let one = |table: Table| {
        let train = TrainConfig { seed: table.rank as u64, ..train(2) };
        let source = TrainingData::new(&spec, &dataset);
        Trainer::together(home.path(), &source, &model(), &train, 1, Box::new(table)).map(|_| ())
    };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = table(2).into_iter().map(|table| scope.spawn(|| one(table))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for outcome in outcomes {
        let message = outcome.unwrap_err().to_string();
        assert!(message.contains("the same data, settings and folder"), "{message}");
    }
}

#[test]
fn where_one_is_asked_to_stop_all_stop_with_a_checkpoint() {
    let home = tempfile::tempdir().unwrap();
    let (alone, folder) = (home.path().join("alone"), home.path().join("stopped"));
    run(&alone, 7, table(1)).remove(0).unwrap();
    let (spec, dataset) = data();
    let one = |table: Table| {
        let source = TrainingData { validation: 0.2, ..TrainingData::new(&spec, &dataset) };
        // The one that does not write is asked first.
        let asked = table.rank == 1;
        let mut trainer = Trainer::together(&folder, &source, &model(), &train(7), 1, Box::new(table))?;
        trainer.run(&|| 0.0, &mut |now| !(asked && now.step == 2)).map(|_| ())
    };
    let outcomes: Vec<Result<(), PlannerError>> = std::thread::scope(|scope| {
        let all: Vec<_> = table(2).into_iter().map(|table| scope.spawn(|| one(table))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(PlannerError::Interrupted))), "{outcomes:?}");
    assert!(folder.join("checkpoints/step-00000002").is_dir());
    run(&folder, 7, table(2)).into_iter().for_each(Result::unwrap);
    assert_eq!(files(&folder).get("metrics.jsonl"), files(&alone).get("metrics.jsonl"));
}
