//! Recorded loops for Rerun's viewer, and what the program says where it was built without.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What trains and scores is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;

use program::{Home, text};

#[cfg(not(feature = "rerun"))]
#[test]
fn a_program_without_rerun_says_how_to_build_one_with_it() {
    let home = Home::new();
    fs::write(home.path("loop.txt"), "").unwrap();
    let output = home.run(["replay", "loop.txt", "--rerun", "loop.rrd"]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("cargo build --release --features rerun"), "{message}");
    assert!(!home.path("loop.rrd").exists());
}

#[cfg(feature = "rerun")]
mod viewed {
    use std::collections::{BTreeMap, BTreeSet};
    use std::io::BufReader;

    use re_chunk::Chunk;
    use re_log_encoding::DecoderApp;
    use re_log_types::LogMsg;
    use re_sdk_types::archetypes::LineStrips3D;

    use super::program::planned;
    use super::{Home, fs, text};

    /// A loop of two short episodes, and its recording.
    fn recorded(home: &Home, more: &[&str]) -> String {
        let options = ["--latency", "30ms", "--recordings", "--episodes", "2"];
        home.succeed(planned("eval", "loop", &[&options[..], more].concat()));
        let mut files = fs::read_dir(home.path("loop/loops")).unwrap().map(|entry| entry.unwrap().path());
        let file = files.find(|path| path.extension().is_some_and(|ending| ending == "txt")).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn replay(home: &Home, recording: &str, more: &[&str]) -> std::process::Output {
        let checkpoint = super::program::checkpoint().to_str().unwrap();
        home.run(["replay", recording, "--checkpoint", checkpoint].iter().chain(more))
    }

    /// What is in a file, as Rerun reads it: of each recording the rows of each entity, all in one.
    type Read = BTreeMap<String, BTreeMap<String, Vec<Chunk>>>;

    fn read(home: &Home, name: &str) -> Read {
        let file = BufReader::new(fs::File::open(home.path(name)).unwrap());
        let mut read = Read::new();
        for message in DecoderApp::decode_lazy(file) {
            match message.unwrap() {
                LogMsg::SetStoreInfo(set) => {
                    assert_eq!(set.info.store_id.application_id().as_str(), "forethought");
                    read.insert(set.info.store_id.recording_id().to_string(), BTreeMap::new());
                }
                LogMsg::ArrowMsg(store, message) => {
                    let chunk = Chunk::from_arrow_msg(&message).unwrap();
                    chunk.sanity_check().unwrap();
                    let entities = read.get_mut(&store.recording_id().to_string()).unwrap();
                    entities.entry(chunk.entity_path().to_string()).or_default().push(chunk);
                }
                other => panic!("{other:?}"),
            }
        }
        read
    }

    fn rows(chunks: &[Chunk]) -> usize {
        chunks.iter().filter(|chunk| !chunk.is_static()).map(Chunk::num_rows).sum()
    }

    #[test]
    fn what_a_loop_saw_and_did_is_there_to_look_at_and_the_replay_is_the_same_to_the_bit() {
        let home = Home::new();
        let recording = recorded(&home, &[]);
        let plain = replay(&home, &recording, &[]);
        let viewed = replay(&home, &recording, &["--rerun", "loop.rrd"]);
        for output in [&plain, &viewed] {
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert!(text(&output.stdout).contains("every command is the recorded one, bit for bit"));
        }
        assert!(text(&viewed.stdout).contains("loop.rrd"));
        let lines = fs::read_to_string(&recording).unwrap();
        let read = read(&home, "loop.rrd");
        assert_eq!(read.len(), 2, "an episode is a recording");
        let ticks: usize = read.values().map(|entities| rows(&entities["/loop/rung"])).sum();
        assert_eq!(ticks, lines.lines().filter(|line| line.starts_with("tick ")).count());
        for entities in read.values() {
            let expected = [
                "/",
                "/__properties",
                "/command",
                "/loop/log",
                "/loop/plan_age_s",
                "/loop/rung",
                "/plan/near",
                "/plan/outcomes",
                "/plan/rest",
                "/planning/forming",
                "/planning/rows",
                "/planning/seconds",
                "/robot/at",
                "/robot/executed/0",
                "/scene/bounds",
                "/scene/goal",
                "/scene/walls",
            ];
            let names: BTreeSet<&str> = entities.keys().map(String::as_str).collect();
            assert!(expected.iter().all(|name| names.contains(name)), "{names:?}");
            let moving = rows(&entities["/loop/rung"]);
            assert_eq!(rows(&entities["/robot/at"]), moving);
            // Plans came, each with its numbers, and each firmed up over some rows.
            let plans = rows(&entities["/planning/rows"]);
            assert!(plans > 1 && plans < moving, "{plans} plans");
            assert!(rows(&entities["/plan/near"]) >= plans && rows(&entities["/planning/seconds"]) == plans);
            assert!(rows(&entities["/planning/forming"]) > 2 * plans);
            for chunk in entities.values().flatten().filter(|chunk| !chunk.is_static()) {
                let timelines: BTreeSet<&str> = chunk.timelines().keys().map(|name| name.as_str()).collect();
                assert_eq!(timelines, BTreeSet::from(["loop_time", "step"]), "{}", chunk.entity_path());
            }
        }
    }

    #[test]
    fn outcomes_that_plans_are_chosen_by_are_there_and_the_replay_is_the_same() {
        let home = Home::new();
        let chosen = ["plan.monte_carlo.select=true", "plan.monte_carlo.samples=4", "plan.rank.candidates=3"];
        let recording = recorded(&home, &chosen.map(|setting| ["--set", setting]).concat());
        let viewed = replay(&home, &recording, &["--rerun", "loop.rrd"]);
        assert!(viewed.status.success(), "{}", text(&viewed.stderr));
        assert!(text(&viewed.stdout).contains("bit for bit"));
        for entities in read(&home, "loop.rrd").values() {
            let shown = entities["/plan/outcomes"].iter().flat_map(|chunk| {
                let mut columns = chunk.components().values();
                let strips = columns.find(|column| column.descriptor == LineStrips3D::descriptor_strips());
                let rows = strips.unwrap().list_array.iter();
                rows.map(|row| row.map_or(0, |row| row.len())).collect::<Vec<_>>()
            });
            assert!(shown.filter(|strips| *strips > 1).count() > 1);
        }
    }

    #[test]
    fn a_file_that_is_there_is_kept_unless_it_is_to_be_replaced() {
        let home = Home::new();
        let recording = recorded(&home, &[]);
        fs::write(home.path("kept.rrd"), "mine").unwrap();
        let output = replay(&home, &recording, &["--rerun", "kept.rrd"]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains("kept.rrd exists already") && message.contains("--force"), "{message}");
        assert_eq!(fs::read(home.path("kept.rrd")).unwrap(), b"mine");
        assert!(replay(&home, &recording, &["--rerun", "kept.rrd", "--force"]).status.success());
        // The same replay has the same rows under the same names.
        assert!(replay(&home, &recording, &["--rerun", "again.rrd"]).status.success());
        let named = |name: &str| {
            let read = read(&home, name);
            let chunks = read.into_iter().flat_map(|(of, entities)| {
                entities.into_values().flatten().map(move |chunk| (of.clone(), chunk.id(), chunk.num_rows()))
            });
            chunks.collect::<Vec<_>>()
        };
        assert_eq!(named("kept.rrd"), named("again.rrd"));
        // A folder that is not there, and nothing left of what was refused.
        let output = replay(&home, &recording, &["--rerun", "nowhere/loop.rrd"]);
        assert!(text(&output.stderr).contains("cannot write nowhere/loop.rrd"), "{}", text(&output.stderr));
        let left = fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(left.into_iter().all(|name| !name.to_str().unwrap().contains("unfinished")));
    }
}
