//! Data of the scene, against those of the real package.

use forethought_envs::data::RewardConvention;
use forethought_envs::manipulation::{
    PLAY_EPISODE_ROWS, PlayOptions, SCENE, SCENE_GENERATOR, SceneThings, generate_scene,
};
use forethought_envs::{EnvError, data_layout, entry};

use crate::fixture::SceneFixture;
use crate::scene_models;

const SEEN: usize = 40;

#[test]
fn rows_are_the_same_on_any_number_of_threads() {
    let rows = PLAY_EPISODE_ROWS + 90;
    let Some(models) = scene_models() else { return };
    let options = |rows, seed| PlayOptions { rows, seed, ..PlayOptions::default() };
    let make = |options: &PlayOptions| generate_scene(&models, options, &mut |_, _| {}).unwrap();
    let (one, tally) = make(&PlayOptions { threads: 1, ..options(rows, 3) });
    assert_eq!(make(&PlayOptions { threads: 2, ..options(rows, 3) }), (one.clone(), tally));
    assert!(tally.pursued >= 15 && tally.reached <= tally.pursued);
    one.check().unwrap();
    assert_eq!((one.len(), one.observation_dim, one.action_dim), (rows, SEEN, 5));
    let ends: Vec<usize> = (0..rows).filter(|row| one.timeouts[*row]).collect();
    assert_eq!(ends, [PLAY_EPISODE_ROWS - 1, rows - 1]);
    assert!(!one.terminals.contains(&true) && one.actions.iter().all(|value| value.abs() <= 1.0));
    let metadata = &one.metadata;
    assert_eq!((metadata.seed, metadata.rewards), (Some(3), RewardConvention::Missing));
    assert_eq!(metadata.generator.as_deref(), Some(SCENE_GENERATOR));
    // An episode is its number's and its seed's alone, and a shorter one its beginning.
    let (short, _) = make(&options(50, 3));
    assert_eq!(short.observations[..], one.observations[..50 * SEEN]);
    assert_ne!(make(&options(50, 4)).0.actions, short.actions);
    assert_ne!(make(&PlayOptions { validation: true, ..options(50, 3) }).0.actions, short.actions);
    let refused = generate_scene(&models, &options(0, 0), &mut |_, _| {}).unwrap_err();
    assert!(matches!(refused, EnvError::Data { .. }), "{refused}");
}

#[test]
fn the_registry_brings_data_and_a_reference() {
    let entry = entry(SCENE).unwrap();
    assert!(entry.has_data() && entry.has_validation_data());
    assert_eq!(entry.policies(), ["oracle"]);
    assert_eq!(data_layout(SCENE), forethought_envs::data::DataLayout::Npz);
}

/// What is recorded of the package is means over episodes with their standard errors; ours, over fewer, have larger ones. Means and
/// deviations of actions, rows from target to target, the share of targets that are reached, and where things are agree within five
/// of both together.
#[test]
fn actions_and_targets_are_as_the_packages() {
    let Some(models) = scene_models() else { return };
    let theirs = SceneFixture::read().statistics;
    let episodes = 12;
    let options = PlayOptions { rows: episodes * PLAY_EPISODE_ROWS, seed: 11, ..PlayOptions::default() };
    let (data, tally) = generate_scene(&models, &options, &mut |_, _| {}).unwrap();
    let more = (1.0 + theirs.episodes as f64 / episodes as f64).sqrt();
    let check = |statistic: usize, own: f64| {
        let off = (own - theirs.mean[statistic]).abs() / (more * theirs.error[statistic]);
        println!("{statistic}: {own:.4}, the package's {:.4}: {off:.1} errors off", theirs.mean[statistic]);
        assert!(off < 5.0, "{statistic}");
    };
    let rows = data.len() as f64;
    for statistic in 0..10 {
        let of = |episode: &[f32]| {
            let values = || episode.iter().skip(statistic % 5).step_by(5).map(|value| f64::from(*value));
            let mean = values().sum::<f64>() / PLAY_EPISODE_ROWS as f64;
            let square = values().map(|value| (value - mean).powi(2)).sum::<f64>() / PLAY_EPISODE_ROWS as f64;
            [mean, square.sqrt()][statistic / 5]
        };
        check(statistic, data.actions.chunks(5 * PLAY_EPISODE_ROWS).map(of).sum::<f64>() / episodes as f64);
    }
    let between = rows / tally.pursued as f64;
    // Rows of the plan that an episode's end cuts are counted here: up to one of twenty.
    assert!(between > theirs.mean[10] - 6.0 && between < theirs.mean[10] * 1.05 + 6.0, "{between}");
    check(11, tally.reached as f64 / tally.pursued as f64);
    let mean = |entry: usize| {
        data.observations.iter().skip(entry).step_by(SEEN).map(|value| f64::from(*value)).sum::<f64>() / rows
    };
    check(16, mean(29));
    check(17, mean(33));
    check(18, mean(36) / 18.0);
    check(19, mean(38) / 15.0);
    let inside = data.observations.chunks(SEEN).filter(|row| {
        let cube = [f64::from(row[19]) / 10.0 + 0.425, f64::from(row[20]) / 10.0, f64::from(row[21]) / 10.0];
        let drawer = f64::from(row[36]) / 18.0;
        SceneThings { cube, buttons: [false; 2], drawer, window: 0.0 }.in_drawer()
    });
    check(20, inside.count() as f64 / rows);
    assert!(theirs.thrown_away < 3, "few are");
}
