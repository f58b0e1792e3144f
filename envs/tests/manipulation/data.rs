//! Data, against those of the real package.

use forethought_envs::data::{
    Dataset, ReadOptions, RewardConvention, TimeoutMeaning, WriteOptions, check_inside, read_data, write_data,
};
use forethought_envs::manipulation::{Cubes, PLAY_EPISODE_ROWS, PlayOptions, PlayTally, generate_cubes};
use forethought_envs::{EnvError, Environment, collect_validation, data_layout};

use crate::fixture::Fixture;
use crate::{cubes, models};

fn make(kind: Cubes, options: &PlayOptions) -> Option<(Dataset, PlayTally)> {
    Some(generate_cubes(&models(kind)?, options, &mut |_, _| {}).unwrap())
}

fn options(rows: usize, seed: u64) -> PlayOptions {
    PlayOptions { rows, seed, ..PlayOptions::default() }
}

#[test]
fn rows_are_the_same_on_any_number_of_threads() {
    let rows = 2 * PLAY_EPISODE_ROWS + 90;
    let Some(models) = models(Cubes::Double) else { return };
    let make = |options: &PlayOptions| {
        let mut told = Vec::new();
        let made = generate_cubes(&models, options, &mut |done, all| told.push((done, all))).unwrap();
        (made, told)
    };
    let ((one, tally), told) = make(&PlayOptions { threads: 1, ..options(rows, 3) });
    assert_eq!(told, [(PLAY_EPISODE_ROWS, rows), (2 * PLAY_EPISODE_ROWS, rows), (rows, rows)]);
    assert_eq!(make(&PlayOptions { threads: 3, ..options(rows, 3) }), ((one.clone(), tally), told));
    assert!(tally.pursued >= 20 && tally.reached <= tally.pursued);
    one.check().unwrap();
    assert_eq!((one.len(), one.observation_dim, one.action_dim), (rows, 37, 5));
    let ends: Vec<usize> = (0..rows).filter(|row| one.timeouts[*row]).collect();
    assert_eq!(ends, [PLAY_EPISODE_ROWS - 1, 2 * PLAY_EPISODE_ROWS - 1, rows - 1]);
    assert!(!one.terminals.contains(&true) && one.actions.iter().all(|value| value.abs() <= 1.0));
    let metadata = &one.metadata;
    assert_eq!((metadata.seed, metadata.rewards), (Some(3), RewardConvention::Missing));
    assert_eq!(metadata.timeouts, TimeoutMeaning::Truncation);
    // An episode is its number's and its seed's alone.
    let (short, _) = make(&options(50, 3)).0;
    assert_eq!(short.observations[..], one.observations[..50 * 37]);
    assert_ne!(make(&options(50, 4)).0.0.actions, short.actions);
    assert_ne!(make(&PlayOptions { validation: true, ..options(50, 3) }).0.0.actions, short.actions);
}

#[test]
fn too_few_and_too_many_rows_are_refused() {
    let Some(models) = models(Cubes::Single) else { return };
    for rows in [0, usize::MAX / 64] {
        let refused = generate_cubes(&models, &options(rows, 0), &mut |_, _| {}).unwrap_err();
        assert!(matches!(refused, EnvError::Data { .. }), "{refused}");
    }
}

#[test]
fn a_tenth_of_the_episodes_are_kept_for_validation() {
    if models(Cubes::Single).is_none() {
        return;
    }
    let data = collect_validation(Cubes::Single.id(), 40, 1, &mut |_, _| {}).unwrap().unwrap();
    assert_eq!(data.len(), PLAY_EPISODE_ROWS);
    assert_eq!(data_layout(Cubes::Single.id()), forethought_envs::data::DataLayout::Npz);
}

/// As `collect` writes them and training takes them.
#[test]
fn data_are_written_and_read_back_as_the_environments() {
    let kind = Cubes::Double;
    let (Some((data, _)), Some(env)) = (make(kind, &options(1300, 5)), cubes(kind)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cubes.npz");
    write_data(&data, &path, WriteOptions::default()).unwrap();
    let reading = ReadOptions { env_id: Some(kind.id().into()), ..ReadOptions::default() };
    let back = read_data(&path, &reading).unwrap();
    check_inside(&back, env.spec()).unwrap();
    assert_eq!(
        (back.observations, back.actions, back.timeouts),
        (data.observations, data.actions, data.timeouts)
    );
    assert_eq!(back.metadata.rewards, RewardConvention::Missing);
}

/// What is recorded of the package is means over episodes with their standard errors; ours, over fewer, have larger ones. Means and
/// deviations of actions, rows from goal to goal and the share of goals that are reached agree within five of both
/// together.
#[test]
fn actions_and_goals_are_as_the_packages() {
    let fixture = Fixture::read();
    for kind in [Cubes::Single, Cubes::Double] {
        let episodes = 6;
        let Some((data, tally)) = make(kind, &options(episodes * PLAY_EPISODE_ROWS, 11)) else { return };
        let theirs = &fixture.of(kind).statistics;
        let own = |values: &[f32], entry: usize| {
            let of = || values.iter().skip(entry).step_by(5).map(|value| f64::from(*value));
            let mean = of().sum::<f64>() / PLAY_EPISODE_ROWS as f64;
            let square = of().map(|value| (value - mean).powi(2)).sum::<f64>() / PLAY_EPISODE_ROWS as f64;
            [mean, square.sqrt()]
        };
        let more = (1.0 + theirs.episodes as f64 / episodes as f64).sqrt();
        for statistic in 0..10 {
            let of = |episode: &[f32]| own(episode, statistic % 5)[statistic / 5];
            let mean = data.actions.chunks(5 * PLAY_EPISODE_ROWS).map(of).sum::<f64>() / episodes as f64;
            let off = (mean - theirs.mean[statistic]).abs();
            assert!(
                off < 5.0 * more * theirs.error[statistic],
                "{kind:?} {statistic}: {mean}, {:?}",
                theirs.mean
            );
        }
        let rows = (episodes * PLAY_EPISODE_ROWS) as f64 / tally.pursued as f64;
        // Rows of the plan that an episode's end cuts are counted here: up to one of twelve.
        assert!(rows > theirs.mean[10] - 1.0 && rows < theirs.mean[10] * 12.0 / 11.0, "{kind:?}: {rows}");
        let share = tally.reached as f64 / tally.pursued as f64;
        println!(
            "{kind:?}: {tally:?}, the package's share {:.3} +- {:.3}",
            theirs.mean[11], theirs.error[11]
        );
        assert!(
            (share - theirs.mean[11]).abs() < 5.0 * more * theirs.error[11].max(0.01),
            "{kind:?}: {share}"
        );
    }
}
