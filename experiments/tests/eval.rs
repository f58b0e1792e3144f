//! `forethought eval` as its users meet it: what it scores, what it keeps, what it refuses.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

// What trains is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;

use program::{Home, QUICK, checkpoint, planned, sets, text, words};
use serde_json::Value;

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// Arguments of an evaluation with the small checkpoint, two episodes a variant.
fn eval(more: &[&str]) -> Vec<String> {
    [planned("eval", "out", &["--episodes", "2", "--json"]), words(more)].concat()
}

/// Runs and gives back what it says, and how many variants were scored and kept.
#[track_caller]
fn counted(home: &Home, arguments: &[String]) -> (Value, [u64; 2]) {
    let summary = parse(&home.succeed(arguments));
    let counts = ["scored", "kept"].map(|name| summary[name].as_u64().unwrap());
    (summary, counts)
}

#[track_caller]
fn refused(home: &Home, arguments: &[String], code: i32, says: &[&str]) {
    let before = home.files(".");
    let output = home.run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    for part in says {
        assert!(message.contains(part), "`{part}` is not said: {message}");
    }
    assert!(home.files(".") == before, "files were changed");
}

/// Lines of the episodes of a variant.
fn lines(home: &Home, folder: &str, variant: &str) -> Vec<String> {
    let all = fs::read_to_string(home.path(folder).join("episodes.csv")).unwrap();
    all.lines().filter(|line| line.replace('"', "").contains(variant)).map(str::to_owned).collect()
}

fn protocol(home: &Home, folder: &str) -> Value {
    parse(&fs::read_to_string(home.path(folder).join("protocol.json")).unwrap())
}

const OWN: &str = "diffusion-forcing, diffused-action";

#[test]
fn the_usual_variants_are_scored_with_their_protocol() {
    let home = Home::new();
    let shown = home.succeed(planned("eval", "out", &["--episodes", "3", "--seed", "5"]));
    let variants = [OWN, "unguided, diffused-action", "waypoint", "waypoint-fresh", "random"];
    for variant in variants {
        assert!(shown.contains(variant), "{shown}");
    }
    let episodes = fs::read_to_string(home.path("out/episodes.csv")).unwrap();
    let names: Vec<&str> = episodes.lines().next().unwrap().split(',').collect();
    for name in ["environment", "variant", "seed", "start", "goal", "return", "score", "success", "plans"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert_eq!(episodes.lines().count(), 1 + 5 * 3);
    let own = lines(&home, "out", OWN);
    for (line, seed) in own.iter().zip([",5,", ",6,", ",7,"]) {
        assert!(line.contains(seed), "{line}");
    }
    let protocol = protocol(&home, "out");
    let manifest = parse(&fs::read_to_string(checkpoint().join("manifest.json")).unwrap());
    assert_eq!((&protocol["first_seed"], &protocol["episodes"]), (&Value::from(5), &Value::from(3)));
    let first = &protocol["variants"][0];
    let weights = protocol["variants"].as_array().unwrap().iter().find(|v| v["variant"] == OWN).unwrap();
    assert_eq!(weights["checkpoint"], manifest["files"]["model.safetensors"]["sha256"]);
    assert!(first["commit"].as_str().is_some_and(|commit| commit.len() >= 7), "{first}");
    let place = &protocol["environments"]["maze2d-umaze-v1"];
    assert_eq!(place["layout_hash"], manifest["environment"]["layout_hash"]);
    assert!(place["settings"]["model"].is_null(), "what does not act is no part of it");
    // Pictures and a page that load nothing.
    let files = home.files("out");
    let drawn = files.keys().find(|name| name.ends_with(".svg")).unwrap();
    assert!(text(&files[drawn]).contains("seed 7"));
    let html = text(&files["report.html"]).replace("http://www.w3.org/2000/svg", "");
    for part in ["http:", "https:", "src=", "href", "url(", "NaN"] {
        assert!(!html.contains(part), "`{part}` is in the report");
    }
    assert_eq!(html.matches("<script").count(), 1, "the page's own: what says that a table can be scrolled");
}

#[test]
fn the_same_seed_gives_the_same_bytes_alone_and_in_company() {
    let home = Home::new();
    home.succeed(planned("eval", "a", &["--episodes", "3", "--seed", "5"]));
    home.succeed(planned("eval", "b", &["--episodes", "3", "--seed", "5"]));
    let [a, b] = ["a", "b"].map(|folder| home.files(folder)["episodes.csv"].clone());
    assert!(a == b);
    let alone = ["--episodes", "1", "--seed", "6", "--planners", "diffusion-forcing"];
    home.succeed(planned("eval", "c", &alone));
    assert_eq!(lines(&home, "c", OWN), lines(&home, "a", OWN)[1..2]);
}

#[test]
fn a_second_run_scores_only_what_is_missing_or_of_other_settings() {
    let home = Home::new();
    let varied = |more: &[&str]| eval(&[&["--vary", "plan.guidance.mc_samples=1,2,3"][..], more].concat());
    let (first, counts) = counted(&home, &varied(&[]));
    assert_eq!(counts, [3, 0], "one completion is as configured");
    let (again, counts) = counted(&home, &varied(&[]));
    assert_eq!((counts, &again["results"]), ([0, 3], &first["results"]));
    // What one question scored serves another, and stays.
    let (both, counts) =
        counted(&home, &eval(&["--vary", "plan.guidance.mc_samples=3", "--vary", "plan.sampler.steps=2,4"]));
    assert_eq!(counts, [1, 2]);
    assert_eq!(both["results"].as_array().unwrap().len(), 6);
    // Without the lines of one variant, that one is scored again, to the same lines.
    let before = lines(&home, "out", "plan.guidance.mc_samples=2");
    let whole = fs::read_to_string(home.path("out/episodes.csv")).unwrap();
    let rest: Vec<&str> = whole.lines().filter(|line| !line.contains("plan.guidance.mc_samples=2")).collect();
    fs::write(home.path("out/episodes.csv"), rest.join("\n") + "\n").unwrap();
    assert_eq!(counted(&home, &varied(&[])).1, [1, 2]);
    assert_eq!(lines(&home, "out", "plan.guidance.mc_samples=2"), before);
    // Other settings under all variants: nothing can be kept.
    let (other, counts) = counted(&home, &varied(&["--set", "plan.guidance.scale=9"]));
    assert_eq!(counts, [3, 0]);
    assert!(other["notes"][0].as_str().unwrap().contains("other settings"), "{other}");
    // Other seeds would leave the folder half of one and half of the other.
    refused(&home, &varied(&["--seed", "5"]), 2, &["2 episodes from seed 1000", "--out", "--force"]);
    assert_eq!(counted(&home, &varied(&["--seed", "5", "--force"])).1, [3, 0]);
}

#[test]
fn what_another_commit_scored_is_scored_again_unless_the_user_keeps_it() {
    let home = Home::new();
    let arguments = eval(&["--planners", "diffusion-forcing,random"]);
    counted(&home, &arguments);
    let own = protocol(&home, "out")["variants"][0]["commit"].as_str().unwrap().to_owned();
    let relabel = || {
        let path = home.path("out/protocol.json");
        let text = fs::read_to_string(&path).unwrap().replace(&format!("\"{own}\""), "\"0123abc\"");
        fs::write(path, text).unwrap();
    };
    relabel();
    let kept = [arguments.clone(), words(&["--any-commit"])].concat();
    assert_eq!(counted(&home, &kept).1, [0, 2]);
    assert_eq!(protocol(&home, "out")["variants"][0]["commit"], "0123abc", "it says who scored it");
    let (summary, counts) = counted(&home, &arguments);
    assert_eq!(counts, [2, 0]);
    let note = summary["notes"][0].as_str().unwrap();
    assert!(note.contains("0123abc") && note.contains(&own) && note.contains("--any-commit"), "{note}");
    assert_eq!(counted(&home, &arguments).1, [0, 2]);
}

#[test]
fn checkpoints_controllers_and_settings_meet_the_same_episodes() {
    let home = Home::new();
    fs::create_dir(home.path("copy")).unwrap();
    for file in ["manifest.json", "model.safetensors"] {
        fs::copy(checkpoint().join(file), home.path("copy").join(file)).unwrap();
    }
    let own = checkpoint().to_str().unwrap();
    let mut arguments = words(&["eval", "maze2d-umaze", "--episodes", "2", "--json", "--out", "out"]);
    arguments.extend(words(&[
        "--checkpoint",
        own,
        "--checkpoint",
        "copy",
        "--planners",
        "diffusion-forcing",
    ]));
    arguments.extend(words(&["--controller", "diffused-action,pd"]));
    arguments.extend(sets(QUICK));
    let (summary, counts) = counted(&home, &arguments);
    // The second checkpoint has the first one's weights, so that its variants are the same as the first's.
    assert_eq!((counts, summary["results"].as_array().unwrap().len()), ([2, 0], 4));
    let starts = |variant: &str| -> Vec<String> {
        let start = |line: &String| line.rsplit('"').next().unwrap().split(',').nth(2).unwrap().to_owned();
        lines(&home, "out", variant).iter().map(start).collect()
    };
    assert_eq!(starts("diffusion-forcing, pd").len(), 2);
    assert_eq!(starts("diffusion-forcing, pd"), starts(OWN));
}

#[test]
fn a_configuration_of_one_line_changes_that_one_line() {
    let home = Home::new();
    fs::write(home.path("one.toml"), "[plan.guidance]\nscale = 7.5\n").unwrap();
    let base = eval(&["--planners", "diffusion-forcing"]);
    counted(&home, &base);
    let settings = |home: &Home| protocol(home, "out")["environments"]["maze2d-umaze-v1"]["settings"].clone();
    let mut before = settings(&home);
    assert_eq!(counted(&home, &[base, words(&["--config", "one.toml"])].concat()).1, [1, 0]);
    assert_ne!(before["plan"]["guidance"]["scale"], 7.5);
    before["plan"]["guidance"]["scale"] = 7.5.into();
    assert_eq!(settings(&home), before);
}

#[test]
fn a_suite_is_a_file() {
    let home = Home::new();
    let suite = "title = 'Mine'\nenvironments = ['maze2d-umaze', 'multi2d-umaze']\nbaseline = 'still'\n\
                 [[variants]]\nplanner = 'still'\nset = ['plan.guidance.scale=0']\n\
                 [[variants]]\nplanner = 'random'\nsource = 'policy'\n\
                 [published]\nremark = 'elsewhere'\n[[published.rows]]\nmethod = 'Theirs'\nsource = 'a paper'\n\
                 scores = { maze2d-umaze-v1 = 12.5 }\n";
    fs::write(home.path("mine.toml"), suite).unwrap();
    let mut arguments = words(&["eval", "--suite", "mine.toml", "--episodes", "1", "--checkpoint"]);
    arguments.push(checkpoint().to_str().unwrap().to_owned());
    arguments.extend(sets(QUICK));
    let shown = home.succeed(&arguments);
    for part in ["Mine", "still, diffused-action", "random", "maze2d-umaze  multi2d-umaze", "Theirs", "12.5"]
    {
        assert!(shown.contains(part), "`{part}` is not in {shown}");
    }
    // Its name is that of its folder, and the same command goes on there.
    assert!(home.succeed(&arguments).contains("0 variants scored, 4 kept"));
    assert!(home.path("runs/mine/protocol.json").exists());
}

#[test]
fn single_plans_are_timed_once() {
    let home = Home::new();
    // Half of each plan is followed, so that the other half is in force when the next is made.
    let half = ["--preset", "solver", "--time", "1", "--quick", "--set", "control.execution_horizon=8"];
    let (first, _) = counted(&home, &eval(&half));
    assert_eq!(first["timed"], 2);
    for one in first["results"].as_array().unwrap() {
        for kind in ["cold", "replan"] {
            assert!(one["times"][kind]["mean_ms"].as_f64().unwrap() > 0.0, "{one}");
        }
    }
    let svg = text(&home.files("out")["score-against-time.svg"]);
    for part in ["as configured", "Diffusion Forcing", "reference code"] {
        assert!(svg.contains(part), "`{part}` is not in the picture");
    }
    assert!(!svg.contains("NaN"));
    let (again, counts) = counted(&home, &eval(&half));
    assert_eq!((counts, &again["timed"], &again["results"]), ([0, 2], &Value::from(0), &first["results"]));
}

#[test]
fn episodes_begin_and_end_where_the_user_says() {
    let home = Home::new();
    let placed = ["--planners", "diffusion-forcing,random", "--start", "3,1.1", "--goal", "1,3"];
    let (_, counts) = counted(&home, &eval(&placed));
    assert_eq!(counts, [2, 0]);
    let csv = fs::read_to_string(home.path("out/episodes.csv")).unwrap();
    assert_eq!(csv.lines().count(), 5);
    for line in csv.lines().skip(1) {
        assert!(line.contains(",3 1.1 ") && line.contains(",1 3,"), "{line}");
    }
    assert_eq!(protocol(&home, "out")["ends"]["goal"], serde_json::json!([1.0, 3.0]));
    assert_eq!(counted(&home, &eval(&placed)).1, [0, 2]);
    // Other ends are other episodes.
    refused(&home, &eval(&["--planners", "random"]), 2, &["--goal", "--out", "--force"]);
    // Inside a wall, and not a place at all.
    refused(&home, &eval(&["--force", "--goal", "2,1"]), 2, &["--goal"]);
    refused(&home, &eval(&["--force", "--start", "1"]), 2, &["--start"]);
    let record = planned("plan", "one", &["--start", "3,1.1", "--goal", "1,3"]);
    home.succeed(record);
    let record = parse(&text(&home.files("one")["episode.json"]));
    assert_eq!(record["goal"], serde_json::json!([1.0, 3.0]));
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_remedy() {
    let home = Home::new();
    let alone = |more: &[&str]| eval(more);
    refused(&home, &alone(&["--preset", "schedul"]), 2, &["`schedul`", "did you mean `schedule`?"]);
    refused(
        &home,
        &alone(&["--vary", "plan.guidance.mc_sample=1"]),
        2,
        &["did you mean `plan.guidance.mc_samples`?"],
    );
    refused(&home, &alone(&["--vary", "plan.sampler.steps"]), 2, &["no `=`", "KEY=V1,V2"]);
    refused(&home, &alone(&["--vary", "plan.sampler.steps=2,,3"]), 2, &["a value is empty"]);
    refused(
        &home,
        &alone(&["--vary", "plan.sampler.steps=2,many"]),
        2,
        &["plan.sampler.steps", "whole number", "many"],
    );
    refused(
        &home,
        &alone(&["--vary", "plan.sampler.steps=2,0"]),
        2,
        &["plan.sampler.steps", "between 1 and"],
    );
    refused(&home, &alone(&["--vary", "model.width=8"]), 2, &["model.width", "trained checkpoint"]);
    refused(&home, &alone(&["--planners", "mpp"]), 2, &["`mpp`", "did you mean `mppi`?"]);
    refused(&home, &alone(&["--planners", "random", "--vary", "plan.sampler.steps=2"]), 2, &["--vary"]);
    refused(&home, &alone(&["--controller", "pdd"]), 2, &["`pdd`", "did you mean `pd`?"]);
    refused(&home, &alone(&["--suite", "maze"]), 2, &["`maze`", "did you mean `maze2d`?"]);
    refused(&home, &alone(&["--time", "0"]), 2, &["--time is 0"]);
    refused(&home, &words(&["eval"]), 2, &["ENVIRONMENT", "forethought envs", "--suite"]);
}

#[test]
fn damage_is_named_before_anything_is_scored() {
    let home = Home::new();
    let arguments = eval(&["--planners", "random"]);
    home.succeed(&arguments);
    let (csv, json) = (home.path("out/episodes.csv"), home.path("out/protocol.json"));
    let [episodes, protocol] = [&csv, &json].map(|path| fs::read_to_string(path).unwrap());
    let cut = &protocol[..protocol.len() / 2];
    for (path, damaged, says) in [
        (&json, cut.to_owned(), "is damaged"),
        (&json, protocol.replacen("\"format\": 1", "\"format\": 9", 1), "has format 9"),
        (&csv, episodes.replacen("random,", "random,x", 1), "line 2"),
        (&csv, episodes.lines().take(2).collect::<Vec<_>>().join("\n"), "not those of the protocol"),
        (&csv, episodes.replacen("environment", "maze", 1), "first line"),
    ] {
        let whole = fs::read_to_string(path).unwrap();
        fs::write(path, damaged).unwrap();
        refused(&home, &arguments, 2, &[says, "--force", path.file_name().unwrap().to_str().unwrap()]);
        fs::write(path, whole).unwrap();
    }
    assert_eq!(counted(&home, &arguments).1, [0, 1]);
    // The folder of another command is left alone.
    home.succeed(planned("plan", "plan", &[]));
    let other = words(&["eval", "maze2d-umaze", "--planners", "random", "--out", "plan"]);
    refused(&home, &other, 1, &["of another command", "--out"]);
}

#[test]
fn what_is_foretold_is_kept_sealed_and_held_against_what_came() {
    let home = Home::new();
    let sampled = ["--planners", "diffusion-forcing", "--set", "plan.monte_carlo.select=true"];
    let sampled = eval(&[&sampled[..], &["--set", "plan.monte_carlo.samples=2"]].concat());
    assert_eq!(counted(&home, &sampled).1, [1, 0]);
    let file = home.path("out/plans.csv");
    let plans = fs::read_to_string(&file).unwrap();
    let mut rows = plans.lines();
    assert_eq!(rows.next(), Some("environment,variant,seed,chance,plans,as_planned"));
    for row in rows {
        let fields: Vec<&str> = row.rsplit(',').take(4).collect();
        let [as_planned, plans, chance, seed] = fields[..] else { panic!("{row}") };
        assert!(["0", "0.5", "1"].contains(&chance) && ["0", "1"].contains(&seed), "{row}");
        assert!(as_planned.parse::<usize>().unwrap() <= plans.parse().unwrap() && plans != "0", "{row}");
    }
    assert!(protocol(&home, "out")["variants"][0]["plans_sha256"].is_string());
    assert!(fs::read_to_string(home.path("out/calibration.svg")).unwrap().contains("foretold"));
    assert!(fs::read_to_string(home.path("out/report.html")).unwrap().contains("Foretold and come true"));
    assert!(home.succeed(["report", "out"]).contains("how often it was"));
    // A second run finds everything there; what was edited is scored again, to the same.
    assert_eq!(counted(&home, &sampled).1, [0, 1]);
    let (first, rest) = plans.rsplit_once(',').unwrap();
    fs::write(&file, format!("{first},{}\n", u8::from(rest.trim() == "0"))).unwrap();
    assert_eq!(counted(&home, &sampled).1, [1, 0]);
    assert_eq!(fs::read_to_string(&file).unwrap(), plans);
    fs::write(&file, plans.replacen("chance", "odds", 1)).unwrap();
    refused(&home, &sampled, 2, &["plans.csv", "is damaged", "--force"]);
    fs::remove_file(&file).unwrap();
    assert_eq!(counted(&home, &sampled).1, [1, 0]);
    // Where nothing is sampled nothing is foretold, and what an earlier run left does not count.
    let plain = eval(&["--planners", "diffusion-forcing"]);
    assert_eq!(counted(&home, &plain).1, [1, 0]);
    assert!(protocol(&home, "out")["variants"][0]["plans_sha256"].is_null());
    assert_eq!(counted(&home, &plain).1, [0, 1]);
    assert!(!home.succeed(["report", "out"]).contains("how often it was"));
}

#[test]
fn variants_are_scored_where_they_are_for() {
    let home = Home::new();
    let asked = |environments: &str| {
        words(&[
            "eval",
            environments,
            "--suite",
            "uncertainty",
            "--planners",
            "oracle-careful,best-driver,random",
        ])
    };
    let more = words(&["--episodes", "1", "--out", "out"]);
    home.succeed([asked("pointmaze-teleport-stitch,toy-car"), more.clone()].concat());
    let episodes = fs::read_to_string(home.path("out/episodes.csv")).unwrap();
    let scored: Vec<String> =
        episodes.lines().skip(1).map(|line| line.split(',').take(2).collect::<Vec<_>>().join(" ")).collect();
    for there in [
        "pointmaze-teleport-stitch-v0 oracle-careful",
        "pointmaze-teleport-stitch-v0 random",
        "toy-car-v0 best-driver",
        "toy-car-v0 random",
    ] {
        assert!(scored.contains(&there.to_owned()), "{scored:?}");
    }
    assert_eq!(scored.len(), 4, "{scored:?}");
    let says = ["`oracle-careful` is for environments", "pointmaze-teleport-", "toy-car-v0"];
    refused(&home, &[asked("toy-car"), words(&["--out", "other"])].concat(), 2, &says);
}
