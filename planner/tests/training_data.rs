//! What sequences are cut from: no row of another trajectory, padding that nobody sees, each step's own reward,
//! trajectories that are held out.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use burn::tensor::Device;
use forethought_envs::data::{
    DataReport, Dataset, DatasetMetadata, DatasetNormalizer, FindingKind, Normalizer, NormalizerKind,
    RewardConvention,
};
use forethought_envs::{BoxSpace, EnvSpec};
use forethought_planner::network::{NetworkConfig, NetworkKind};
use forethought_planner::noise::Target;
use forethought_planner::training::{BatchMaker, MetricRow, Trainer, TrainingData};
use forethought_planner::{
    FIRST_CHUNK, GOAL, LocalDynamics, ModelConfig, PlannerError, STATE, TokenLayout, TrainConfig,
};
use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

/// Trajectories of these lengths. Observation: row, trajectory. Action and reward: row.
fn dataset(lengths: &[usize]) -> Dataset {
    let rows: usize = lengths.iter().sum();
    let trajectory: Vec<usize> =
        lengths.iter().enumerate().flat_map(|(i, len)| std::iter::repeat_n(i, *len)).collect();
    let last = |row: usize| trajectory.get(row + 1) != trajectory.get(row);
    Dataset {
        env_id: "rows".into(),
        observation_dim: 2,
        action_dim: 1,
        goal_dim: 0,
        observations: (0..rows).flat_map(|row| [row as f32, trajectory[row] as f32]).collect(),
        actions: (0..rows).map(|row| row as f32).collect(),
        rewards: (0..rows).map(|row| row as f32).collect(),
        terminals: (0..rows).map(|row| last(row) && row % 2 == 0).collect(),
        timeouts: (0..rows).map(|row| last(row) && row % 2 == 1).collect(),
        goals: None,
        simulator: None,
        metadata: DatasetMetadata::default(),
    }
}

fn spec() -> EnvSpec {
    EnvSpec {
        condition: vec![0],
        ..EnvSpec::of_spaces("rows", BoxSpace::symmetric(2, 1e6), BoxSpace::symmetric(1, 1e6))
    }
}

/// Numbers as they are.
fn unscaled() -> DatasetNormalizer {
    let identity =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
    DatasetNormalizer { observation: identity(2), action: identity(1) }
}

fn model(reward: bool) -> ModelConfig {
    let network = NetworkConfig {
        kind: NetworkKind::Transformer,
        width: 8,
        layers: 1,
        heads: 2,
        fourier_features: 0,
        causal: false,
        ..NetworkConfig::default()
    };
    ModelConfig {
        frames_per_token: 2,
        chunks: 3,
        reward,
        levels: 100,
        level_blocks: 0,
        target: Target::X0,
        network,
        ..ModelConfig::default()
    }
}

fn train() -> TrainConfig {
    TrainConfig {
        steps: 12,
        batch: 16,
        warmup: 3,
        shards: 2,
        checkpoint_every: 5,
        log_every: 2,
        condition_dropout: 0.2,
        ..TrainConfig::default()
    }
}

/// Every sequence of a batch, decoded: rows of its state and its frames, and its goal.
struct Sequence {
    state: usize,
    goal: Option<f32>,
    /// Action, row and trajectory of the next observation, reward.
    frames: Vec<[f32; 4]>,
}

fn sequences(maker: &BatchMaker, layout: &TokenLayout, step: u64) -> Vec<Sequence> {
    let batch = maker.batch(step);
    let (t, d) = (maker.tokens(), layout.width());
    let token = |b: usize, t_at: usize| &batch.clean_btd[(b * t + t_at) * d..(b * t + t_at + 1) * d];
    (0..batch.chunks_b.len())
        .map(|b| {
            let chunks = batch.chunks_b[b];
            // What is not there has neither target nor weight nor noise.
            for hidden in FIRST_CHUNK + chunks..t {
                let at = (b * t + hidden) * d..(b * t + hidden + 1) * d;
                for array in [&batch.input_bti, &batch.clean_btd, &batch.weight_btd] {
                    assert!(array[at.clone()].iter().all(|value| *value == 0.0));
                }
            }
            let last = layout.last_observation();
            let frames = (0..chunks * layout.frames_per_token).map(|frame| {
                let (token, i) = (
                    token(b, FIRST_CHUNK + frame / layout.frames_per_token),
                    frame % layout.frames_per_token,
                );
                let observation = layout.observation_at(i);
                let reward = layout.reward_at(i).map_or(0.0, |at| token[at]);
                [token[layout.action_at(i)], token[observation], token[observation + 1], reward]
            });
            Sequence {
                state: token(b, STATE)[last] as usize,
                goal: batch.goal_b[b].then(|| token(b, GOAL)[last]),
                frames: frames.collect(),
            }
        })
        .collect()
}

proptest! {
    /// Whatever the lengths, a sequence is made of rows that follow one another in one trajectory, and it ends where
    /// its goal says.
    #[test]
    fn no_sequence_reads_across_an_end(
        lengths in prop::collection::vec(1usize..14, 1..12),
        seed in 0u64..1000,
        random_ends in prop::bool::ANY,
        begin_anywhere in prop::bool::ANY,
        balance in prop::sample::select(vec![0.0, 0.5, 1.0]),
        step in 0u64..5,
    ) {
        let (data, model) = (dataset(&lengths), model(false));
        let layout = model.layout(&spec()).unwrap();
        let train = TrainConfig { seed, random_ends, begin_anywhere, balance, ..train() };
        let longest = lengths.iter().max().copied().unwrap_or(0);
        match BatchMaker::new(&data, &unscaled(), None, &layout, &model, &train) {
            Err(error) => prop_assert!(longest < 3, "{}", error),
            Ok(maker) => {
                prop_assert!(longest >= 3);
                for sequence in sequences(&maker, &layout, step) {
                    let trajectory = data.observations[2 * sequence.state + 1];
                    prop_assert!(!sequence.frames.is_empty());
                    for (i, [action, row, of, _]) in sequence.frames.iter().enumerate() {
                        prop_assert_eq!(*action as usize, sequence.state + i);
                        prop_assert_eq!(*row as usize, sequence.state + i + 1);
                        prop_assert_eq!(*of, trajectory);
                    }
                    if let Some(goal) = sequence.goal {
                        prop_assert_eq!(goal as usize, sequence.state + sequence.frames.len());
                    }
                }
            }
        }
    }
}

#[test]
fn short_trajectories_are_padded_and_long_ones_keep_their_windows() {
    let (model, train) = (model(false), TrainConfig { random_ends: false, ..train() });
    let layout = model.layout(&spec()).unwrap();
    let maker = |lengths: &[usize]| {
        BatchMaker::new(&dataset(lengths), &unscaled(), None, &layout, &model, &train).unwrap()
    };
    // Windows of 7 rows; a chunk takes 3.
    assert_eq!(maker(&[20, 7]).windows().len(), 14 + 1);
    assert_eq!(maker(&[20, 6, 3, 2]).windows().len(), 14 + 4 + 1);
    // Without random ends a sequence is as long as its trajectory allows.
    let lengths: Vec<usize> = sequences(&maker(&[6]), &layout, 0).iter().map(|s| s.frames.len()).collect();
    assert!(lengths.contains(&4) && lengths.contains(&2) && !lengths.contains(&6), "{lengths:?}");
    assert!(sequences(&maker(&[20]), &layout, 0).iter().all(|s| s.frames.len() == 6));
}

/// All sequences of some hundred batches.
fn many(maker: &BatchMaker, layout: &TokenLayout) -> Vec<Sequence> {
    (0..200).flat_map(|step| sequences(maker, layout, step)).collect()
}

#[test]
fn balanced_sequences_begin_anywhere_and_all_lengths_are_as_likely() {
    for balance in [1e-9, 1.0] {
        sequences_begin_anywhere(&TrainConfig { balance, ..train() });
    }
}

#[test]
fn sequences_begin_anywhere_without_balance_where_that_is_asked_for() {
    sequences_begin_anywhere(&TrainConfig { begin_anywhere: true, ..train() });
}

fn sequences_begin_anywhere(train: &TrainConfig) {
    let model = model(false);
    let layout = model.layout(&spec()).unwrap();
    let all = |lengths: &[usize]| {
        many(&BatchMaker::new(&dataset(lengths), &unscaled(), None, &layout, &model, train).unwrap(), &layout)
    };
    // Trajectories that hold a whole sequence and little more: most begin in the last rows.
    let of_nine = all(&[9, 9]);
    for frames in [2, 4, 6] {
        let share = of_nine.iter().filter(|s| s.frames.len() == frames).count() as f64 / of_nine.len() as f64;
        assert!((share - 1.0 / 3.0).abs() < 0.05, "{frames}: {share}");
    }
    for row in 0..18 {
        let begins = of_nine.iter().any(|sequence| sequence.state == row);
        assert_eq!(begins, row % 9 < 7, "{row}");
    }
    // Of data without a whole sequence the longest there is counts; one trajectory of a hundred is not drawn over and over.
    assert!(
        all(&[6, 5]).iter().any(|s| s.frames.len() == 4) && all(&[6, 5]).iter().all(|s| s.frames.len() <= 4)
    );
    let mut lengths = vec![4; 300];
    lengths.push(7);
    let long = all(&lengths).iter().filter(|s| s.state >= 1200).count();
    assert!(long < 600, "{long} of 3200 begin in the last seven rows");
}

#[test]
fn balance_draws_what_is_rare_and_without_places_it_is_refused() {
    let (model, layout) = (model(false), model(false).layout(&spec()).unwrap());
    // Two places, told by the row: 0 to 399, and 400 to 409, a thousand rows further.
    let mut data = dataset(&[400, 10]);
    data.observations.chunks_exact_mut(2).skip(400).for_each(|observation| observation[0] += 1000.0);
    data.observations.chunks_exact_mut(2).take(400).for_each(|observation| observation[0] /= 400.0);
    let maker = |balance: f64| {
        let train = TrainConfig { balance, ..train() };
        BatchMaker::new(&data, &unscaled(), None, &layout, &model, &train)
    };
    let rare = |balance: f64| {
        let batches = (0..50).map(|step| maker(balance).unwrap().batch(step));
        let (mut rare, mut all) = (0, 0);
        let (t, d) = (layout.tokens(layout.chunks), layout.width());
        for batch in batches {
            for b in 0..batch.chunks_b.len() {
                all += 1;
                let state = batch.clean_btd[(b * t + STATE) * d + layout.last_observation()];
                rare += usize::from(state > 500.0);
            }
        }
        rare as f64 / all as f64
    };
    let (as_they_are, balanced) = (rare(0.0), rare(1.0));
    assert!(as_they_are < 0.05 && balanced > 3.0 * as_they_are, "{as_they_are} {balanced}");

    let nowhere = EnvSpec { condition: Vec::new(), ..spec() };
    let layout = model.layout(&nowhere).unwrap();
    for (name, train) in [
        ("train.balance", TrainConfig { balance: 0.5, ..train() }),
        ("train.near_leaps", TrainConfig { near_leaps: 0.5, ..train() }),
    ] {
        let refused =
            BatchMaker::new(&data, &unscaled(), None, &layout, &model, &train).err().unwrap().to_string();
        assert!(refused.contains(name) && refused.contains("position"), "{refused}");
    }
}

/// Blocks that begin near a pad at 30 from which one drive in three leaps to 80, some of them first blocks: more of them are
/// drawn, and of the sequences that begin there as many leap as before.
#[test]
fn sequences_near_leaps_are_drawn_more_often_and_the_odds_of_a_leap_stay() {
    const LEAPS: f64 = 1.0 / 3.0;
    let mut data = dataset(&[201; 300]);
    for (drive, rows) in data.observations.chunks_exact_mut(2 * 201).enumerate() {
        for (row, observation) in rows.chunks_exact_mut(2).enumerate() {
            let leapt = drive % 3 == 0 && row > 60;
            observation[0] = if leapt { 80.0 } else { 0.0 } + 0.5 * (row - if leapt { 61 } else { 0 }) as f32;
        }
    }
    // Of one chunk: what follows a block in question that comes later has a say in what leads up to it.
    let model = ModelConfig { level_blocks: 1, chunks: 1, ..model(false) };
    let layout = model.layout(&spec()).unwrap();
    let drawn = |near_leaps: f64| {
        let train = TrainConfig {
            near_leaps,
            begin_anywhere: true,
            pyramids: 0.0,
            imagine: 1.0,
            act: 0.0,
            infer_actions: 0.0,
            ..train()
        };
        let dynamics = LocalDynamics::persistence(&layout);
        let maker = BatchMaker::new(&data, &unscaled(), Some(&dynamics), &layout, &model, &train).unwrap();
        let (t, d) = (layout.tokens(layout.chunks), layout.width());
        // Sequences, those that begin on the pad, and those of them that leap.
        let mut counts = [0.0; 3];
        for batch in (0..600).map(|step| maker.batch(step)) {
            for b in 0..batch.chunks_b.len() {
                let token = |at: usize| &batch.clean_btd[(b * t + at) * d..(b * t + at + 1) * d];
                let on = token(STATE)[layout.last_observation()] == 30.0;
                let leaps = token(FIRST_CHUNK)[layout.last_observation()] > 79.0;
                counts[0] += 1.0;
                counts[1] += f64::from(u8::from(on));
                counts[2] += f64::from(u8::from(on && leaps));
            }
        }
        (counts[1] / counts[0], counts[2] / counts[1], (LEAPS * (1.0 - LEAPS) / counts[1]).sqrt())
    };
    let ((seldom, plain, _), (often, leapt, error)) = (drawn(0.0), drawn(1.0));
    assert!(often > 5.0 * seldom && plain > 0.1, "{seldom} {often} {plain}");
    assert!((leapt - LEAPS).abs() < 3.0 * error, "{leapt} +- {error}");
}

/// What is known of the chunks of forced rows, and of a past, is shown and not asked for; everything else weighs.
#[test]
fn what_is_the_past_of_a_question_weighs_nothing() {
    let model = ModelConfig { level_blocks: 1, ..model(false) };
    let layout = model.layout(&spec()).unwrap();
    let dynamics = LocalDynamics::persistence(&layout);
    let weighs = |train: TrainConfig| {
        let maker =
            BatchMaker::new(&dataset(&[400]), &unscaled(), Some(&dynamics), &layout, &model, &train).unwrap();
        let (t, d, l) = (layout.tokens(layout.chunks), layout.width(), layout.told_levels());
        let known = (model.levels as f64 * train.known_level).round() as u16;
        let (mut shown, mut asked) = ([0, 0], [0, 0]);
        for batch in (0..40).map(|step| maker.batch(step)) {
            for at in (0..batch.chunks_b.len() * t).filter(|at| at % t >= FIRST_CHUNK) {
                // The last slot is one of the outcomes.
                let (level, weight) = (batch.level_btl[at * l + 1], batch.weight_btd[(at + 1) * d - 1]);
                let counts = if level == 0 {
                    continue;
                } else if level <= known {
                    &mut shown
                } else {
                    &mut asked
                };
                counts[usize::from(weight > 0.0)] += 1;
            }
        }
        (shown, asked)
    };
    let only = |pyramids, forcing, history| TrainConfig {
        pyramids,
        forcing,
        history,
        imagine: 0.0,
        act: 0.0,
        infer_actions: 0.0,
        ..train()
    };
    let ([_, weighing], [idle, _]) = weighs(only(0.0, 1.0, 0.0));
    assert_eq!((weighing, idle), (0, 0));
    let ([_, weighing], [idle, asked]) = weighs(only(1.0, 0.0, 0.0));
    assert!(weighing > 0 && idle == 0 && asked > 0);
}

#[test]
fn short_sequences_are_drawn_more_often_where_that_is_asked_for() {
    let model = model(false);
    let layout = model.layout(&spec()).unwrap();
    let share = |length_bias: f64| {
        let train = TrainConfig { length_bias, random_ends: true, ..train() };
        let maker = BatchMaker::new(&dataset(&[4000]), &unscaled(), None, &layout, &model, &train).unwrap();
        let drawn: Vec<usize> = (0..400).flat_map(|step| maker.batch(step).chunks_b).collect();
        assert!(drawn.iter().all(|&chunks| (1..=layout.chunks).contains(&chunks)));
        drawn.iter().filter(|&&chunks| chunks == 1).count() as f64 / drawn.len() as f64
    };
    // `u^2` is below a third in 0.58 of all draws.
    let third = 1.0_f64 / 3.0;
    assert!((share(1.0) - third).abs() < 0.03, "{}", share(1.0));
    assert!((share(2.0) - third.sqrt()).abs() < 0.03, "{}", share(2.0));
    for length_bias in [0.5, f64::NAN] {
        let message = TrainConfig { length_bias, ..train() }.check().unwrap_err().to_string();
        assert!(message.contains("train.length_bias") && message.contains("1 or more"), "{message}");
    }
}

/// Half from within the first chunk of trajectories, of all lengths; the others begin anywhere, and are short more often.
#[test]
fn sequences_from_the_start_are_drawn_where_that_is_asked_for() {
    let model = model(false);
    let layout = model.layout(&spec()).unwrap();
    let (data, f) = (dataset(&[101; 20]), layout.frames_per_token);
    let drawn = |from_start: f64| {
        let train = TrainConfig { from_start, begin_anywhere: true, length_bias: 3.0, ..train() };
        let maker = BatchMaker::new(&data, &unscaled(), None, &layout, &model, &train).unwrap();
        let (mut all, mut early, mut longest) = (0.0, 0.0, 0.0);
        for step in 0..60 {
            let batch = maker.batch(step);
            for (sequence, chunks) in sequences(&maker, &layout, step).iter().zip(&batch.chunks_b) {
                let begins = sequence.state % 101 < f;
                all += 1.0;
                early += f64::from(u8::from(begins));
                longest += f64::from(u8::from(begins && *chunks == layout.chunks));
            }
        }
        (early / all, longest / early)
    };
    let ((seldom, _), (often, long)) = (drawn(0.0), drawn(0.5));
    assert!(seldom < 0.06 && (often - 0.51).abs() < 0.06, "{seldom} {often}");
    assert!((long - 1.0 / 3.0).abs() < 0.08, "{long}");
}

#[test]
fn a_frame_carries_the_reward_of_its_own_step() {
    let model = model(true);
    let layout = model.layout(&spec()).unwrap();
    for (rewards, late) in [(RewardConvention::OfAction, 0.0), (RewardConvention::OfObservation, 1.0)] {
        let mut data = dataset(&[30, 9, 5]);
        data.metadata.rewards = rewards;
        let maker = BatchMaker::new(&data, &unscaled(), None, &layout, &model, &train()).unwrap();
        for sequence in sequences(&maker, &layout, 1) {
            assert!(
                sequence.frames.iter().all(|[action, _, _, reward]| *reward == action + late),
                "{rewards:?}"
            );
        }
    }
    let mut data = dataset(&[30]);
    data.metadata.rewards = RewardConvention::Missing;
    let message =
        BatchMaker::new(&data, &unscaled(), None, &layout, &model, &train()).err().unwrap().to_string();
    assert!(message.contains("model.reward") && message.contains("rewards"), "{message}");
}

fn trainer(folder: &std::path::Path, data: &Dataset, validation: f64) -> Result<Trainer, PlannerError> {
    let spec = spec();
    let data = TrainingData { validation, ..TrainingData::new(&spec, data) };
    Trainer::new(folder, &data, &model(false), &train(), &Device::flex(), Some(1))
}

fn metrics(folder: &std::path::Path) -> (Vec<u8>, Vec<MetricRow>) {
    let bytes = std::fs::read(folder.join("metrics.jsonl")).unwrap();
    let rows = String::from_utf8(bytes.clone()).unwrap();
    (bytes, rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn held_out_trajectories_are_measured_and_a_resumed_run_writes_the_same_bytes() {
    let data = dataset(&[9; 20]);
    let folder = tempfile::tempdir().unwrap();
    let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
    let mut run = trainer(&whole, &data, 0.25).unwrap();
    let counts = run.report().windows.unwrap();
    assert_eq!((counts.used, counts.held_out, counts.windows), (20, 5, 15 * 3));
    run.run(&|| 0.0, &mut |_| true).unwrap();
    let (bytes, rows) = metrics(&whole);
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row.validation_loss.is_some_and(f64::is_finite)));

    let stop = |progress: forethought_planner::training::Progress| progress.step < 4;
    let outcome = trainer(&stopped, &data, 0.25).unwrap().run(&|| 0.0, &mut |now| stop(now));
    assert!(matches!(outcome, Err(PlannerError::Interrupted)));
    let message = trainer(&stopped, &data, 0.5).err().unwrap().to_string();
    assert!(message.contains("other data"), "another share is another run: {message}");
    trainer(&stopped, &data, 0.25).unwrap().run(&|| 0.0, &mut |_| true).unwrap();
    assert_eq!(metrics(&stopped).0, bytes);

    // Nothing held out: no such key.
    let plain = folder.path().join("plain");
    trainer(&plain, &data, 0.0).unwrap().run(&|| 0.0, &mut |_| true).unwrap();
    assert!(!String::from_utf8(metrics(&plain).0).unwrap().contains("validation"));
}

#[test]
fn holding_out_everything_or_parts_of_trajectories_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let counts = |data: &Dataset, validation: f64| {
        trainer(folder.path(), data, validation).map(|trainer| trainer.report().windows.unwrap())
    };
    let data = dataset(&[9; 4]);
    for (validation, problem) in [(4.0, "hold out fewer"), (1.5, "share below 1"), (-0.1, "share below 1")] {
        let message = counts(&data, validation).unwrap_err().to_string();
        assert!(message.contains("data.validation") && message.contains(problem), "{message}");
    }
    assert_eq!(counts(&data, 0.01).unwrap().held_out, 1, "a share of something is at least one");
    assert_eq!(counts(&data, 3.0).unwrap().held_out, 3);
    // One trajectory: its end.
    let one = counts(&dataset(&[100]), 0.2).unwrap();
    assert_eq!((one.windows, one.held_out), (80 - 6, 1));
    assert!(counts(&dataset(&[100]), 0.001).is_err());
}

#[test]
fn what_is_not_used_is_told_with_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let report: DataReport = trainer(folder.path(), &dataset(&[12, 2, 5, 1]), 0.0).unwrap().report().clone();
    let counts = report.windows.unwrap();
    assert_eq!((report.trajectories, counts.used, counts.padded, counts.left_out), (4, 2, 1, 2));
    let left = report.findings.iter().find(|finding| finding.kind == FindingKind::LeftOut).unwrap();
    assert_eq!((left.row, left.count), (Some(12), 2));
    assert!(left.message.contains("row 12") && left.message.contains("3 rows"), "{}", left.message);
    let lines = report.lines().join("\n");
    assert!(lines.contains("1 shorter than a window and padded") && lines.contains("2 left out"), "{lines}");
    // Twenty rows are too few for inverse dynamics of two entries? They are not; ten are.
    let few = trainer(folder.path(), &dataset(&[6]), 0.0).unwrap();
    let unfitted = few.report().findings.iter().find(|finding| finding.kind == FindingKind::NotFitted);
    assert!(unfitted.unwrap().message.contains("too few"), "{unfitted:?}");
}

#[test]
fn actions_that_the_environment_would_clip_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (dataset(&[30, 20]), model(false));
    let spec = EnvSpec { action: BoxSpace::new(vec![0.0], vec![46.0]).unwrap(), ..spec() };
    let source = TrainingData::new(&spec, &data);
    let trainer = Trainer::new(folder.path(), &source, &model, &train(), &Device::flex(), Some(1)).unwrap();
    let findings = &trainer.report().findings;
    let outside = findings.iter().find(|finding| finding.kind == FindingKind::ActionOutside).unwrap();
    assert_eq!((outside.row, outside.count), (Some(47), 3));
    assert!(outside.message.contains("row 47"), "{}", outside.message);
}

#[test]
fn batches_that_no_machine_can_hold_are_refused_before_they_are_made() {
    let (model, data) = (model(false), dataset(&[30]));
    let layout = model.layout(&spec()).unwrap();
    for batch in [1 << 28, usize::MAX] {
        let train = TrainConfig { batch, ..train() };
        let message =
            BatchMaker::new(&data, &unscaled(), None, &layout, &model, &train).err().unwrap().to_string();
        assert!(message.contains("train.batch"), "{message}");
        assert!(train.check().unwrap_err().to_string().contains("at most"));
    }
}
