//! `forethought ablate` and `forethought bench frontier` as their users meet them.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

// What trains is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;

use program::{Home, planned, text, words};
use serde_json::Value;

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// Arguments of an ablation with the small checkpoint, two episodes an arm.
fn ablate(more: &[&str]) -> Vec<String> {
    [planned("ablate", "out", &["--episodes", "2", "--json"]), words(more)].concat()
}

/// The same for the frontier.
fn frontier(more: &[&str]) -> Vec<String> {
    let own = ["--episodes", "2", "--rounds", "1", "--json"];
    [words(&["bench"]), planned("frontier", "out", &own), words(more)].concat()
}

/// Runs and gives back what it says, and how many results were scored and kept.
fn counted(home: &Home, arguments: &[String]) -> (Value, [u64; 2]) {
    let summary = parse(&home.succeed(arguments));
    let counts = ["scored", "kept"].map(|name| summary[name].as_u64().unwrap());
    (summary, counts)
}

#[track_caller]
fn refused(home: &Home, arguments: &[String], says: &[&str]) {
    let before = home.files(".");
    let output = home.run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for part in says {
        assert!(message.contains(part), "`{part}` is not said: {message}");
    }
    assert!(home.files(".") == before, "files were changed");
}

#[test]
fn the_shipped_checkpoint_is_varied_into_table_plots_and_report() {
    let home = Home::new();
    let arguments = ["ablate", "maze2d-umaze", "--episodes", "2", "--set", "rollout.replan_every=50"];
    let more = ["--preset", "mcg", "--vary", "rollout.replan_every=50,100", "--out", "out"];
    let output = home.succeed(arguments.iter().chain(&more));
    let files = home.files("out");
    for name in ["table.txt", "ablation.json", "report.html", "mcg.svg", "rollout.replan_every.svg"] {
        assert!(files.contains_key(name), "{name} is not there: {:?}", files.keys());
    }
    assert!(output.contains(text(&files["table.txt"]).trim_end()), "{output}");
    assert!(output.contains("seeds 1000 to 1001"), "{output}");
    let summary = parse(&text(&files["ablation.json"]));
    let own = &summary["configured"];
    let studies = summary["studies"].as_array().unwrap();
    assert_eq!(studies.len(), 2);
    for arm in studies.iter().flat_map(|study| study["arms"].as_array().unwrap()) {
        let file = arm["file"].as_str().unwrap();
        let kept = parse(&text(&files[file]));
        // The same starts and goals for all, from the tuning seeds.
        let starts = |kept: &Value| -> Vec<Value> {
            kept["episodes"].as_array().unwrap().iter().map(|row| row["start"].clone()).collect()
        };
        assert_eq!(starts(&kept), starts(&parse(&text(&files["arms/configured.json"]))), "{file}");
        assert_eq!(arm["configured"], file == "arms/configured.json", "{arm}");
        if arm["configured"] == true {
            assert_eq!(arm["score"], own["score"]);
            assert!(arm["difference"].is_null());
        } else {
            let mean = |value: &Value| value["mean"].as_f64().unwrap();
            let difference = mean(&arm["score"]) - mean(&own["score"]);
            assert!((mean(&arm["difference"]) - difference).abs() < 1e-9, "{arm}");
        }
    }
    // The value that is configured is the configuration itself, and is not scored a second time.
    assert!(studies[1]["arms"][0]["configured"] == true && studies[1]["arms"][1]["configured"] == false);
    let html = text(&files["report.html"]).replace("http://www.w3.org/2000/svg", "");
    assert_eq!(html.matches("<svg").count(), 2);
    for part in ["http:", "https:", "src=", "href", "url(", "<script", "NaN"] {
        assert!(!html.contains(part), "`{part}` is in the report");
    }
}

#[test]
fn a_second_run_scores_only_what_is_missing_or_of_other_settings() {
    let home = Home::new();
    let (first, counts) = counted(&home, &ablate(&["--vary", "plan.completions=1,2,3"]));
    assert_eq!(counts, [3, 0], "one completion is as configured");
    let (again, counts) = counted(&home, &ablate(&["--vary", "plan.completions=1,2,3"]));
    assert_eq!((counts, &again["ablation"]), ([0, 3], &first["ablation"]));
    // What one study scored serves another.
    assert_eq!(
        counted(&home, &ablate(&["--vary", "plan.completions=3", "--vary", "plan.levels=2,4"])).1,
        [1, 2]
    );
    fs::remove_file(home.path("out/arms/plan.completions=2.json")).unwrap();
    let (repeated, counts) = counted(&home, &ablate(&["--vary", "plan.completions=1,2,3"]));
    assert_eq!(counts, [1, 2]);
    let scores = |run: &Value| run["ablation"]["studies"][0]["arms"][1]["score"].clone();
    assert_eq!(scores(&repeated), scores(&first), "the same seeds, the same episodes");
    // Other settings under all arms, another seed, or --force: nothing can be kept.
    let other = ["--vary", "plan.completions=1,2,3", "--set", "plan.guidance=9"];
    assert_eq!(counted(&home, &ablate(&other)).1, [3, 0]);
    let other = ["--vary", "plan.completions=1,2,3", "--seed", "5"];
    assert_eq!(counted(&home, &ablate(&other)).1, [3, 0]);
    assert_eq!(counted(&home, &ablate(&[&other[..], &["--force"]].concat())).1, [3, 0]);
}

#[test]
fn what_cannot_be_varied_is_refused_with_the_remedy() {
    let home = Home::new();
    refused(&home, &ablate(&[]), &["--vary plan.completions=1,4,16", "--preset", "mcg, uncertainty"]);
    refused(&home, &ablate(&["--preset", "schedul"]), &["`schedul`", "did you mean `schedule`?"]);
    refused(&home, &ablate(&["--vary", "plan.completion=1"]), &["did you mean `plan.completions`?"]);
    refused(&home, &ablate(&["--vary", "completions=1,2"]), &["`plan.completions`"]);
    refused(&home, &ablate(&["--vary", "plan.levels"]), &["no `=`", "KEY=V1,V2"]);
    refused(&home, &ablate(&["--vary", "plan.levels=2,,3"]), &["a value is empty"]);
    refused(&home, &ablate(&["--vary", "plan.levels=2,many"]), &["plan.levels", "whole number", "many"]);
    refused(&home, &ablate(&["--vary", "plan.levels=2,0"]), &["plan.levels", "between 1 and"]);
    refused(&home, &ablate(&["--vary", "model.width=8"]), &["model.width", "trained checkpoint"]);
    refused(&home, &ablate(&["--vary", "plan.levels=2", "--episodes", "0"]), &[]);
    refused(&home, &frontier(&["--points", "mcg4"]), &["`mcg4`", "did you mean `mcg-4`?"]);
}

#[test]
fn damage_is_named_before_anything_is_scored() {
    let home = Home::new();
    let arguments = ablate(&["--vary", "plan.completions=2"]);
    home.succeed(&arguments);
    let file = home.path("out/arms/plan.completions=2.json");
    fs::write(&file, "{\"format\": 1").unwrap();
    fs::remove_file(home.path("out/arms/configured.json")).unwrap();
    refused(&home, &arguments, &["plan.completions=2.json", "is damaged", "remove it", "--force"]);
    fs::remove_file(&file).unwrap();
    assert_eq!(counted(&home, &arguments).1, [2, 0]);
    // The folder of one command is not another's.
    let output = home.run(frontier(&["--points", "levels-3"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("of another command"), "{}", text(&output.stderr));
}

#[test]
fn points_are_scored_and_timed_once() {
    let home = Home::new();
    // Half of each plan is followed, so that the other half is in force when the next is made.
    let points = ["--points", "levels-3,mcg-1,samples-4", "--set", "rollout.replan_every=8"];
    let (first, counts) = counted(&home, &frontier(&points));
    // One completion is as configured: no point of its own.
    assert_eq!((counts, first["timed"].as_u64()), ([3, 0], Some(3)));
    let curve = &first["frontier"];
    let found = curve["points"].as_array().unwrap();
    let names: Vec<&str> = found.iter().map(|point| point["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["as-configured", "levels-3", "samples-4"]);
    for point in found {
        for kind in ["cold", "replan"] {
            assert!(point["times"][kind]["mean_ms"].as_f64().unwrap() > 0.0, "{point}");
        }
    }
    assert!(found.iter().any(|point| point["on_front"] == true));
    let published = curve["marks"]["published"].as_array().unwrap();
    assert!(published.iter().any(|mark| mark[1] == 116.7), "{published:?}");
    let svg = text(&home.files("out")["frontier.svg"]);
    for part in ["as-configured", "samples-4", "Diffusion Forcing", "reference code"] {
        assert!(svg.contains(part), "`{part}` is not in the picture");
    }
    assert!(!svg.contains("NaN"));

    let (again, counts) = counted(&home, &frontier(&points));
    assert_eq!((counts, again["timed"].as_u64(), &again["frontier"]), ([0, 3], Some(0), curve));
    // Another effort: the episodes are kept, the times are new.
    let fewer = ["--points", "levels-3", "--set", "rollout.replan_every=8", "--quick"];
    let (less, counts) = counted(&home, &frontier(&fewer));
    assert_eq!((counts, less["timed"].as_u64()), ([0, 2], Some(2)));
    fs::remove_file(home.path("out/times/plan.levels=3.json")).unwrap();
    let (last, counts) = counted(&home, &frontier(&fewer));
    assert_eq!((counts, last["timed"].as_u64()), ([0, 2], Some(1)));

    // Plans that are followed to their end: all are made like the first, and have their place in the picture.
    let (whole, _) = counted(&home, &frontier(&["--points", "levels-3"]));
    assert!(whole["frontier"]["points"][1]["times"]["replan"].is_null());
    assert!(text(&home.files("out")["frontier.svg"]).contains("levels-3"));
}
