//! Mazes of one's own on the command line: data, training, evaluation, a drawn episode, refusals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What trains on maze2d-umaze is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;

use program::{Home, QUICK, TINY, sets, text, words};

const MAZE: &str = "######\\#SOOO#\\####O#\\#GOOO#\\######";

#[test]
fn a_maze_in_a_file_is_collected_trained_scored_and_drawn() {
    let home = Home::new();
    fs::write(home.path("hook.txt"), "######\n#S...#\n####.#\n#G...#\n######\n").unwrap();
    let file = ["--maze", "maze2d:hook.txt"];
    home.succeed([&["collect"][..], &file, &["--set", "data.rows=20000"]].concat());
    // The maze itself is the same environment as the file that holds it.
    let text_of_it = format!("maze2d:{MAZE}");
    let train = [words(&["train", "--maze", &text_of_it]), sets(TINY)].concat();
    home.succeed(&train);
    let runs: Vec<_> = fs::read_dir(home.path("runs")).unwrap().flatten().collect();
    let name = runs[0].file_name().into_string().unwrap();
    assert!(
        runs.len() == 1 && name.len() == "maze2d-3f2a91c0".len() && name.starts_with("maze2d-"),
        "{name}"
    );
    assert!(home.path(&format!("data/{name}.hdf5")).is_file());

    let run = format!("runs/{name}/train");
    let plan = [words(&["plan"]), words(&file), words(&["--checkpoint", &run]), sets(QUICK)].concat();
    home.succeed(&plan);
    let drawn = fs::read_to_string(home.path(&format!("runs/{name}/plan-0/episode.svg"))).unwrap();
    assert!(drawn.contains("<svg"));
    let eval = [words(&["eval", &text_of_it, "--checkpoint", &run, "--episodes", "2"]), sets(QUICK)].concat();
    let shown = home.succeed(&eval);
    assert!(shown.contains(&name) && shown.contains("waypoint-fresh"), "{shown}");
    let episodes = fs::read_to_string(home.path(&format!("runs/{name}/eval/episodes.csv"))).unwrap();
    assert!(episodes.contains("######\\#SOOO#"), "{episodes}");
}

#[test]
fn what_is_no_maze_is_refused_with_its_place() {
    let home = Home::new();
    fs::write(home.path("open.txt"), "#####\n#G.O\n#####\n").unwrap();
    for (maze, says) in [
        ("maze2d:####\\#GX#\\####", ["row 2, column 3 is `X`", "for free cells"]),
        ("maze2d:#####\\#OOO#\\#####", ["needs a goal", "multi2d:"]),
        ("pointmaze:#####\\#O#O#\\#####", ["row 2, column 4 cannot be reached", "open a way"]),
        ("maze2d:open.txt", ["open.txt", "row 2 has 4 cells"]),
        ("maze2d:nowhere.txt", ["nowhere.txt", "neither a file nor a maze"]),
    ] {
        for command in ["collect", "plan", "eval", "train"] {
            let output = home.run([command, "--maze", maze]);
            let message = text(&output.stderr);
            assert!(!output.status.success(), "{command} {maze}");
            assert!(says.iter().all(|part| message.contains(part)), "{command} {maze}: {message}");
        }
    }
    let both = home.run(["collect", "maze2d-umaze", "--maze", "maze2d:open.txt"]);
    assert!(text(&both.stderr).contains("cannot be used with"), "{}", text(&both.stderr));
    assert!(!home.path("data").exists(), "nothing is left behind");
}
