use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use forethought_agent::PlanRecord;
use forethought_envs::{BoxSpace, Entry, NoTask, register_entry};

use super::*;
use crate::picture::FromAbove;

fn spec(id: &str) -> EnvSpec {
    EnvSpec::of_spaces(id, BoxSpace::symmetric(2, 1.0), BoxSpace::symmetric(2, 1.0))
}

/// An environment that cannot be made: nothing of it is needed but its photographer.
fn entry() -> Entry {
    Entry::new(|| Err(EnvError::Mismatch("it is only to be looked at".into())))
}

fn record() -> EpisodeRecord {
    let observations: Vec<Vec<f64>> = (0..9).map(|step| vec![0.1 * f64::from(step), 0.0]).collect();
    let plan = PlanRecord { observations: observations.clone(), ..PlanRecord::default() };
    EpisodeRecord { observations, plans: vec![plan], ..EpisodeRecord::default() }
}

fn task() -> Result<SharedTask, EnvError> {
    Ok(Arc::new(NoTask))
}

fn names(files: &[File]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

/// Width and height of a PNG file, and whether it is animated.
fn kind(bytes: &[u8]) -> ([u32; 2], bool) {
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let size = [16, 20].map(|at| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()));
    (size, bytes.windows(4).any(|chunk| chunk == b"acTL"))
}

#[test]
fn an_episode_is_a_strip_a_film_and_its_plan() {
    let id = "photographed-from-above-v0";
    register_entry(id, entry().photographer(|size| Ok(Box::new(FromAbove { size })))).unwrap();
    let mut studio = Studio::large();
    let files = studio.episode(&spec(id), &record(), Some(0), "-7", task);
    assert_eq!(names(&files), ["episode-7.png", "plan-7.png", "moving-7.png"]);
    let kinds: Vec<_> = files.iter().map(|(_, bytes)| kind(bytes)).collect();
    assert_eq!(kinds, [([2424, 400], false), ([480, 400], false), ([480, 400], true)]);
    for plan in [None, Some(1)] {
        let files = studio.episode(&spec(id), &record(), plan, "", task);
        assert_eq!(names(&files), ["episode.png", "moving.png"], "{plan:?}");
    }
    let files = Studio::small().overview(&spec(id), &[record(), record()], "a/b", |_| task());
    assert_eq!(names(&files), ["a/b.png", "a/b--moving.png"]);
    let kinds: Vec<_> = files.iter().map(|(_, bytes)| kind(bytes)).collect();
    assert_eq!(kinds, [([1224, 406], false), ([240, 200], true)]);
}

#[test]
fn without_a_photographer_nothing_is_written_and_no_task_is_asked_for() {
    let id = "photographed-by-nobody-v0";
    register_entry(id, entry()).unwrap();
    let unasked = || -> Result<SharedTask, EnvError> { panic!("nothing is photographed") };
    assert!(Studio::large().episode(&spec(id), &record(), Some(0), "", unasked).is_empty());
    assert!(Studio::small().overview(&spec(id), &[record()], "a", |_| unasked()).is_empty());
    assert!(Studio::large().episode(&spec("unheard-of-v0"), &record(), None, "", unasked).is_empty());
}

#[test]
fn what_cannot_be_photographed_is_tried_once() {
    static TRIED: AtomicUsize = AtomicUsize::new(0);
    let id = "photographed-in-the-dark-v0";
    let dark = entry().photographer(|_| {
        TRIED.fetch_add(1, Ordering::Relaxed);
        Err(EnvError::Mismatch("there is no light".into()))
    });
    register_entry(id, dark).unwrap();
    let mut studio = Studio::large();
    for _ in 0..3 {
        assert!(studio.episode(&spec(id), &record(), Some(0), "", task).is_empty());
    }
    assert_eq!(TRIED.load(Ordering::Relaxed), 1);
}

#[test]
fn a_photographer_that_fails_is_not_asked_again() {
    let id = "photographed-once-v0";
    register_entry(id, entry().photographer(|size| Ok(Box::new(FromAbove { size })))).unwrap();
    let broken = EpisodeRecord { observations: vec![vec![f64::NAN, 0.0]], ..EpisodeRecord::default() };
    let mut studio = Studio::large();
    assert!(studio.episode(&spec(id), &broken, None, "", task).is_empty());
    assert!(studio.episode(&spec(id), &record(), None, "", task).is_empty());
}
