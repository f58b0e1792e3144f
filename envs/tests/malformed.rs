//! A thousand and more malformed files, made from the sound ones of every reader by damages that have names: none panics,
//! takes a second or much memory, and none is read as something else where that can be told.
//!
//! What can be told: a file that is cut off, empty, of another kind, missing, replaced by a folder or a link that leads
//! nowhere, numbers that are none, descriptions that disagree with the arrays. Such damage is refused, or what is read is
//! what the sound set holds. What cannot be told, as these formats keep no checksums of it: bits turned over among numbers.
//! What is read then is at least fit to be trained on, and no larger than the file can hold.
//!
//! Memory is counted by a global allocator, which is why these tests have a binary of their own, and run one by one.
#![allow(unsafe_code, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use forethought_envs::data::{Dataset, ReadOptions, read_data};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Bytes in use, and the most there were since the last look.
static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting bytes.
struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(used, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(used, Ordering::Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Memory that a damaged file may take beyond what the sound one takes.
const CAP: usize = 64 << 20;
const LIMIT: Duration = Duration::from_secs(1);

/// Every file that a reader opens, with the data set that it belongs to.
const FILES: [(&str, &str); 20] = [
    ("locomotion.hdf5", "locomotion.hdf5"),
    ("antmaze.hdf5", "antmaze.hdf5"),
    ("kitchen.hdf5", "kitchen.hdf5"),
    ("unmarked.hdf5", "unmarked.hdf5"),
    ("robomimic.hdf5", "robomimic.hdf5"),
    ("big_endian.hdf5", "big_endian.hdf5"),
    ("minari/flat-v0", "minari/flat-v0/data/main_data.hdf5"),
    ("minari/flat-v0", "minari/flat-v0/data/metadata.json"),
    ("minari/nested-v0", "minari/nested-v0/data/main_data.hdf5"),
    ("minari/goal-v0", "minari/goal-v0/data/metadata.json"),
    ("minari/parquet-v0", "minari/parquet-v0/data/1/part-0.parquet"),
    ("minari/parquet-v0", "minari/parquet-v0/data/metadata.json"),
    ("minari/arrow-v0", "minari/arrow-v0/data/1/part-0.arrow"),
    ("minari/arrow-v0", "minari/arrow-v0/data/metadata.json"),
    ("minari/nestedarrow-v0", "minari/nestedarrow-v0/data/0/part-0.arrow"),
    ("lerobot", "lerobot/data/chunk-000/file-000.parquet"),
    ("lerobot", "lerobot/data/chunk-001/file-000.parquet"),
    ("lerobot", "lerobot/meta/episodes/chunk-000/file-000.parquet"),
    ("lerobot", "lerobot/meta/info.json"),
    ("ogbench.npz", "ogbench.npz"),
];

/// Sets that are refused as they are: links, virtual arrays, groups in circles, sizes never written.
const REFUSED: [&str; 5] = ["linked.hdf5", "external.hdf5", "virtual.hdf5", "cycle.hdf5", "huge.hdf5"];

fn unpacked() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    zip::ZipArchive::new(Cursor::new(include_bytes!("readers.zip"))).unwrap().extract(home.path()).unwrap();
    fs::write(home.path().join("ogbench.npz"), include_bytes!("../interop/ogbench_small.npz")).unwrap();
    home
}

/// What came of reading, with the time and the memory that it took.
struct Outcome {
    read: Result<Dataset, String>,
    took: Duration,
    memory: usize,
}

fn read(set: &Path) -> Outcome {
    let before = USED.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let began = Instant::now();
    let read = read_data(set, &ReadOptions::default());
    let took = began.elapsed();
    let memory = MOST.load(Ordering::Relaxed).saturating_sub(before);
    Outcome { read: read.map_err(|error| error.to_string()), took, memory }
}

/// The numbers of two sets are the same; what is known beside them may be less.
fn same(a: &Dataset, b: &Dataset) -> bool {
    (a.observation_dim, a.action_dim, a.goal_dim) == (b.observation_dim, b.action_dim, b.goal_dim)
        && (&a.observations, &a.actions, &a.goals) == (&b.observations, &b.actions, &b.goals)
        && (&a.rewards, &a.terminals, &a.timeouts) == (&b.rewards, &b.terminals, &b.timeouts)
}

/// What became of each kind of damage: refused, read as it was, read as something else.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, [usize; 3]>);

impl Tally {
    /// Holds one outcome against what must hold of all.
    fn judge(
        &mut self,
        damage: &'static str,
        case: &str,
        sound: &(Dataset, usize),
        outcome: Outcome,
        telling: bool,
    ) {
        assert!(outcome.took < LIMIT, "{damage}, {case}: {:?}", outcome.took);
        let most = CAP + sound.1;
        assert!(outcome.memory <= most, "{damage}, {case}: {} bytes, at most {most} may be", outcome.memory);
        let at = match outcome.read {
            Err(message) => {
                // What a parser's panic becomes.
                assert!(!message.contains("gave up"), "{damage}, {case}: {message}");
                assert!(message.chars().all(|c| !c.is_control()), "{damage}, {case}: {message:?}");
                0
            }
            Ok(found) if same(&found, &sound.0) => 1,
            Ok(found) => {
                assert!(!telling, "{damage}, {case}: {} rows were read, of another kind", found.len());
                found.check().unwrap();
                2
            }
        };
        self.0.entry(damage).or_default()[at] += 1;
    }
}

/// Changes the bytes of a file; false where this damage has nothing to act on.
type Damage = fn(&mut Vec<u8>, &mut ChaCha8Rng, &Dataset) -> bool;

/// Damages that are refused or change nothing.
const TOLD: [(&str, Damage); 7] = [
    ("cut off", |bytes, rng, _| {
        bytes.truncate(rng.random_range(1..bytes.len()));
        true
    }),
    ("cut off by few bytes", |bytes, rng, _| {
        let end = bytes.len();
        bytes.truncate(end.saturating_sub(rng.random_range(1..64)).max(1));
        true
    }),
    ("begins later", |bytes, rng, _| {
        let most = bytes.len() - 1;
        bytes.drain(..rng.random_range(1..=most.min(4096)));
        true
    }),
    ("random throughout", |bytes, rng, _| {
        rng.fill_bytes(bytes);
        true
    }),
    ("zeros throughout", |bytes, rng, _| {
        let from = rng.random_range(0..8);
        bytes.iter_mut().skip(from).for_each(|byte| *byte = 0);
        true
    }),
    ("not a number", |bytes, rng, sound| {
        let rows = sound.observations.chunks_exact(sound.observation_dim).collect::<Vec<_>>();
        let row = rows[rng.random_range(0..rows.len())];
        let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][rng.random_range(0..3)];
        let [double, single] = [f64::from(row[0]).to_le_bytes().to_vec(), row[0].to_le_bytes().to_vec()];
        let [after_double, after_single] =
            [f64::from(row[1]).to_le_bytes().to_vec(), row[1].to_le_bytes().to_vec()];
        for (value, after, bad) in [
            (double, after_double, bad.to_le_bytes().to_vec()),
            (single, after_single, (bad as f32).to_le_bytes().to_vec()),
        ] {
            let wanted = [value, after].concat();
            let found = bytes.windows(wanted.len()).position(|window| window == wanted);
            if let Some(at) = found.filter(|_| row[0] != 0.0 && row[1] != 0.0) {
                bytes[at..at + bad.len()].copy_from_slice(&bad);
                return true;
            }
        }
        false
    }),
    ("a word in its description", |bytes, rng, _| {
        let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else { return false };
        change(&mut value, rng);
        *bytes = value.to_string().into_bytes();
        true
    }),
];

/// Damages after which other numbers may be read, as nothing guards them.
const UNTOLD: [(&str, Damage); 8] = [
    ("bits turned over", |bytes, rng, _| {
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= 1 << rng.random_range(0..8);
        }
        true
    }),
    ("bits turned over at an end", |bytes, rng, _| {
        let near = bytes.len().min(1024);
        let from = if rng.random_bool(0.5) { 0 } else { bytes.len() - near };
        let at = from + rng.random_range(0..near);
        bytes[at] ^= 1 << rng.random_range(0..8);
        true
    }),
    ("huge sizes", |bytes, rng, _| {
        let huge = [u64::MAX, 1 << 63, 1 << 62, 1 << 40, (1 << 31) - 1, 1 << 31][rng.random_range(0..6)];
        let len = [4, 8][rng.random_range(0..2)].min(bytes.len());
        let at = rng.random_range(0..=(bytes.len() - len) / 4) * 4;
        bytes[at..at + len].copy_from_slice(&huge.to_le_bytes()[..len]);
        true
    }),
    ("the other byte order", |bytes, rng, _| {
        let len = [2, 4, 8][rng.random_range(0..3)].min(bytes.len());
        let at = rng.random_range(0..=(bytes.len() - len) / len) * len;
        bytes[at..at + len].reverse();
        true
    }),
    ("a run of zeros", |bytes, rng, _| {
        let len = rng.random_range(1..256).min(bytes.len());
        let at = rng.random_range(0..=bytes.len() - len);
        bytes[at..at + len].fill(0);
        true
    }),
    ("a piece twice", |bytes, rng, _| {
        let len = rng.random_range(1..128).min(bytes.len());
        let at = rng.random_range(0..=bytes.len() - len);
        let piece = bytes[at..at + len].to_vec();
        bytes.splice(at..at, piece);
        true
    }),
    ("a piece missing", |bytes, rng, _| {
        let len = rng.random_range(1..128).min(bytes.len() - 1);
        let at = rng.random_range(0..=bytes.len() - len);
        bytes.drain(at..at + len);
        true
    }),
    ("a filter that nobody knows", |bytes, rng, _| {
        // Where HDF5 names a filter (gzip 1, shuffle 2) or a layout stands a small number; another one is put there.
        let small: Vec<usize> = (0..bytes.len()).filter(|at| (1..8).contains(&bytes[*at])).collect();
        let Some(at) = small.get(rng.random_range(0..small.len().max(1))) else { return false };
        bytes[*at] = rng.random_range(8..255);
        true
    }),
];

/// Puts something else in the place of a value of a description.
fn change(value: &mut Value, rng: &mut ChaCha8Rng) {
    let inner = match value {
        Value::Object(map) if !map.is_empty() => {
            let at = rng.random_range(0..map.len());
            map.values_mut().nth(at)
        }
        Value::Array(items) if !items.is_empty() => {
            let at = rng.random_range(0..items.len());
            items.get_mut(at)
        }
        _ => None,
    };
    match inner {
        Some(inner) if rng.random_bool(0.8) => change(inner, rng),
        _ => {
            let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
            let others = [
                json!(null),
                json!(-1),
                json!(1e300),
                json!(u64::MAX),
                json!("\u{1b}[2J"),
                json!([]),
                json!({}),
                deep,
            ];
            *value = others[rng.random_range(0..others.len())].clone();
        }
    }
}

#[test]
fn a_thousand_damaged_files_are_refused_or_read_as_they_were() {
    const EACH: u64 = 6;
    let home = unpacked();
    let mut sound: BTreeMap<&str, (Dataset, usize)> = BTreeMap::new();
    for (set, _) in FILES {
        let outcome = read(&home.path().join(set));
        let memory = outcome.memory;
        sound.entry(set).or_insert_with(|| (outcome.read.unwrap(), memory));
    }
    let (mut tally, mut files) = (Tally::default(), 0);
    for (number, (set, file)) in FILES.into_iter().enumerate() {
        let (set_path, path) = (home.path().join(set), home.path().join(file));
        let whole = fs::read(&path).unwrap();
        let text = file.ends_with(".json");
        for (kind, (damage, act)) in TOLD.into_iter().chain(UNTOLD).enumerate() {
            for case in 0..EACH {
                let seed = (number as u64) << 32 | (kind as u64) << 16 | case;
                let mut bytes = whole.clone();
                if !act(&mut bytes, &mut ChaCha8Rng::seed_from_u64(seed), &sound[set].0) {
                    continue;
                }
                fs::write(&path, bytes).unwrap();
                let what = format!("{file}, case {case}");
                // A description may say less, or something else of how the arrays are to be read.
                let telling = kind < TOLD.len() && !text;
                tally.judge(damage, &what, &sound[set], read(&set_path), telling);
                files += 1;
            }
        }
        fs::write(&path, &whole).unwrap();
        assert!(same(&read(&set_path).read.unwrap(), &sound[set].0), "{file} is whole again");
    }
    for (damage, [refused, equal, other]) in &tally.0 {
        println!("{damage}: {refused} refused, {equal} read as they were, {other} as something else");
        assert!(*refused > 0, "{damage}: none is refused, so that nothing was damaged");
    }
    println!("{files} files");
    assert!(files >= 1000, "{files}");
}

#[test]
fn files_of_another_kind_and_none_are_refused() {
    let home = unpacked();
    let contents: Vec<Vec<u8>> =
        FILES.iter().map(|(_, file)| fs::read(home.path().join(file)).unwrap()).collect();
    let mut tally = Tally::default();
    for (number, (set, file)) in FILES.into_iter().enumerate() {
        let (set_path, path) = (home.path().join(set), home.path().join(file));
        let whole = read(&set_path);
        let sound = (whole.read.unwrap(), whole.memory);
        let mut deep = b"[".repeat(100_000);
        deep.extend(b"]".repeat(100_000));
        let mut others = vec![Vec::new(), deep, b"{}".to_vec(), b"null".to_vec(), vec![0; 1 << 20]];
        // What the others hold, as long as it is no set of the same layout that is read by itself.
        let alike = |other: &str| {
            other.rsplit_once('.').map(|(_, end)| end) == file.rsplit_once('.').map(|(_, end)| end)
        };
        let foreign = FILES.iter().zip(&contents).filter(|((_, other), _)| !alike(other));
        others.extend(foreign.map(|(_, content)| content.clone()));
        // A file by itself is told by what it holds and not by its name.
        let alone = set == file;
        for (case, content) in others.into_iter().enumerate() {
            fs::write(&path, content).unwrap();
            let outcome = read(&set_path);
            // What a description leaves out may be known without it.
            let telling = !alone && !file.ends_with(".json");
            tally.judge("another kind", &format!("{file}, case {case}"), &sound, outcome, telling);
        }
        fs::write(&path, &contents[number]).unwrap();
    }
    let [refused, ..] = tally.0["another kind"];
    println!("another kind: {:?}", tally.0["another kind"]);
    assert!(refused > 200);
}

#[test]
fn sets_that_lead_elsewhere_stay_refused_when_damaged() {
    let home = unpacked();
    let none = (Dataset::of_rows("", [1, 1], vec![0.0], vec![0.0]), 0);
    let mut tally = Tally::default();
    for (number, file) in REFUSED.into_iter().enumerate() {
        let path = home.path().join(file);
        let whole = fs::read(&path).unwrap();
        let began = read(&path);
        assert!(began.read.is_err(), "{file}");
        for (kind, (damage, act)) in UNTOLD.into_iter().enumerate() {
            for case in 0..4 {
                let seed = 1 << 48 | (number as u64) << 32 | (kind as u64) << 16 | case;
                let mut bytes = whole.clone();
                if act(&mut bytes, &mut ChaCha8Rng::seed_from_u64(seed), &none.0) {
                    fs::write(&path, bytes).unwrap();
                    tally.judge(damage, &format!("{file}, case {case}"), &none, read(&path), false);
                }
            }
        }
    }
    let refused: usize = tally.0.values().map(|[refused, ..]| refused).sum();
    println!("damaged and leading elsewhere: {refused} refused");
    assert!(refused >= 100);
}

/// Rewrites the arrays of an `.npz` file, so that every checksum belongs to what is there.
fn rezipped(bytes: &[u8], change: impl Fn(&str, &mut Vec<u8>) -> bool) -> Vec<u8> {
    let mut from = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut to = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut file = from.by_index(index).unwrap();
        let (name, mut content) = (file.name().unwrap().into_owned(), Vec::new());
        file.read_to_end(&mut content).unwrap();
        if change(&name, &mut content) {
            to.start_file(&name, zip::write::SimpleFileOptions::default()).unwrap();
            to.write_all(&content).unwrap();
        }
    }
    to.finish().unwrap().into_inner()
}

#[test]
fn arrays_that_disagree_are_refused() {
    let home = unpacked();
    let path = home.path().join("ogbench.npz");
    let whole = fs::read(&path).unwrap();
    let sound = (read(&path).read.unwrap(), 0);
    let (mut tally, mut cases) = (Tally::default(), 0);
    let replace = |content: &mut Vec<u8>, from: &str, to: &str| {
        // The text in front keeps its length: numpy fills it up with blanks.
        let at = content.windows(from.len()).position(|window| window == from.as_bytes());
        if let Some(at) = at {
            let end =
                content[at..].iter().position(|byte| *byte == b'\n').map_or(content.len(), |line| at + line);
            let mut line = content[at + from.len()..end].to_vec();
            line.splice(0..0, to.bytes());
            line.resize(end - at, b' ');
            content[at..end].copy_from_slice(&line);
        }
        true
    };
    for name in ["observations.npy", "actions.npy", "terminals.npy"] {
        for (from, to) in [
            ("(14,", "(13,"),
            ("(14,", "(15,"),
            ("(14,", "(0,"),
            ("(14,", "(-14,"),
            ("(14,", "(9223372036854775807,"),
            ("False", "True"),
            ("'<f4'", "'<f2'"),
            ("'<f4'", "'|O'"),
            ("'<f4'", "'<c8'"),
            ("'|b1'", "'<i8'"),
        ] {
            let changed = rezipped(&whole, |of, content| of != name || replace(content, from, to));
            fs::write(&path, changed).unwrap();
            tally.judge("disagree", &format!("{name}, {from} {to}"), &sound, read(&path), true);
            cases += 1;
        }
        fs::write(&path, rezipped(&whole, |of, _| of != name)).unwrap();
        tally.judge("missing array", name, &sound, read(&path), true);
    }
    let refused: usize = tally.0.values().map(|[refused, ..]| refused).sum();
    println!("{refused} of {cases} disagreeing files refused");
    assert!(refused >= 20);
}

/// What is put in the place of a file, and what it is called.
#[cfg(unix)]
type Put<'a> = (&'static str, &'a dyn Fn(&Path));

#[cfg(unix)]
#[test]
fn folders_in_circles_links_and_things_that_are_no_files_are_refused() {
    use std::os::unix::fs::symlink;
    for (set, file) in FILES.into_iter().filter(|(set, file)| set != file) {
        let home = unpacked();
        let (set, path) = (home.path().join(set), home.path().join(file));
        let sound = (read(&set).read.unwrap(), 0);
        let optional = file.ends_with("metadata.json") || file.contains("/episodes/");
        let mut tally = Tally::default();
        let put: [Put<'_>; 5] = [
            ("missing", &|_| ()),
            ("a folder", &|path| fs::create_dir(path).unwrap()),
            ("a link that leads nowhere", &|path| symlink("nowhere", path).unwrap()),
            ("a link to itself", &|path| symlink(path, path).unwrap()),
            ("a link to the folder around it", &|path| symlink("..", path).unwrap()),
        ];
        for (damage, put) in put {
            let gone = |path: &PathBuf| match path.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir_all(path).unwrap(),
                Ok(_) => fs::remove_file(path).unwrap(),
                Err(_) => (),
            };
            gone(&path);
            put(&path);
            tally.judge(damage, file, &sound, read(&set), !optional);
        }
        // Folders that hold themselves.
        let circle = path.parent().unwrap().join("circle");
        symlink("..", circle).unwrap();
        tally.judge("a circle", file, &sound, read(&set), !optional);
    }
    let home = tempfile::tempdir().unwrap();
    symlink(".", home.path().join("data")).unwrap();
    assert!(read(home.path()).read.is_err() && read(&home.path().join("data/data/data")).read.is_err());
}
