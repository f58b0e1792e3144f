//! `forethought bench maze2d` as its users meet it.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

// What trains is for the other tests.
#[allow(dead_code)]
mod program;

use std::collections::BTreeMap;
use std::fs;

use program::{Home, QUICK, checkpoint, sets, text, words};
use serde_json::Value;

const PLAN: &str = "
[plan]
levels = 2
stabilization = 2
completions = 1
horizons = [4]
samples = 1
guidance = 4.0

[rollout]
replan_every = 16
";

/// A folder whose own umaze configuration and checkpoint stand before the project's.
fn home() -> Home {
    let home = Home::new();
    configure(&home, PLAN);
    let folder = home.path("experiments/checkpoints/maze2d-umaze-v1");
    fs::create_dir_all(&folder).unwrap();
    for file in ["manifest.json", "model.safetensors"] {
        fs::copy(checkpoint().join(file), folder.join(file)).unwrap();
    }
    home
}

fn configure(home: &Home, plan: &str) {
    fs::create_dir_all(home.path("experiments/configs")).unwrap();
    let text = format!("environment = \"maze2d-umaze-v1\"\n{plan}");
    fs::write(home.path("experiments/configs/maze2d-umaze-v1.toml"), text).unwrap();
}

/// Two planners and a reference on one maze, two episodes each.
fn small(more: &[&str]) -> Vec<String> {
    let mut arguments = words(&["bench", "maze2d", "--only", "maze2d-umaze", "--episodes", "2"]);
    arguments.extend(words(&["--planners", "diffusion-forcing,random", "--out", "out", "--json"]));
    arguments.extend(words(more));
    arguments
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// Runs and gives back how many results were scored and kept, and the files of single results.
fn counted(home: &Home, arguments: &[String]) -> (u64, u64, BTreeMap<String, Vec<u8>>) {
    let summary = parse(&home.succeed(arguments));
    let number = |name: &str| summary[name].as_u64().unwrap();
    (number("scored"), number("kept"), home.files("out/cells"))
}

#[track_caller]
fn refused(home: &Home, arguments: &[String], says: &[&str]) {
    let before = home.files(".");
    let output = home.run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.starts_with("forethought: ") || message.starts_with("error: "), "{message}");
    for part in says {
        assert!(message.contains(part), "`{part}` is not said: {message}");
    }
    assert!(home.files(".") == before, "files were changed");
}

const DIFFUSED: &str = "maze2d-umaze-v1/diffusion-forcing--diffused-action.json";
const INVERSE: &str = "maze2d-umaze-v1/diffusion-forcing--inverse-dynamics.json";
const PATH: &str = "maze2d-umaze-v1/diffusion-forcing--path-following.json";
const PD: &str = "maze2d-umaze-v1/diffusion-forcing--pd.json";
const RANDOM: &str = "maze2d-umaze-v1/random.json";

#[test]
fn a_quick_run_with_what_is_shipped_leaves_table_results_and_report() {
    let home = Home::new();
    let output = home.succeed(["bench", "maze2d", "--quick", "--out", "out"]);
    assert!(output.contains("10 results scored, 0 kept"), "{output}");
    let files = home.files("out");
    let cells = ["maze2d", "multi2d"].iter().flat_map(|family| {
        [
            "diffusion-forcing--diffused-action",
            "diffusion-forcing--inverse-dynamics",
            "diffusion-forcing--path-following",
            "diffusion-forcing--pd",
            "random",
        ]
        .map(|name| format!("cells/{family}-umaze-v1/{name}.json"))
    });
    let expected: Vec<String> = std::iter::once(".forethought-files".to_owned())
        .chain(cells)
        .chain(["report.html", "results.json", "table.txt"].map(str::to_owned))
        .collect();
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), expected);
    let table = text(&files["table.txt"]);
    assert!(output.contains(table.trim_end()), "{output}");
    for part in ["diffusion-forcing, pd", "multi2d-large", "Published figures, for orientation only", "116.7"]
    {
        assert!(table.contains(part), "`{part}` is not in {table}");
    }
    let html = text(&files["report.html"]);
    for part in ["<!doctype html>", "<svg", "probability of improvement", "HorizonFlow", "[plan.matrix]"] {
        assert!(html.contains(part), "`{part}` is not in the report");
    }
    // Nothing is loaded: the only address is the name of SVG's vocabulary.
    let html = html.replace("http://www.w3.org/2000/svg", "");
    for part in ["http:", "https:", "src=", "href", "url(", "@import", "<script", "NaN"] {
        assert!(!html.contains(part), "`{part}` is in the report");
    }
    let results = parse(&text(&files["results.json"]));
    for maze in results["mazes"].as_array().unwrap() {
        let rows = maze["results"].as_array().unwrap();
        let mean = |at: usize| rows[at]["score"]["mean"].as_f64().unwrap();
        assert_eq!((rows.len(), rows[0]["difference"].is_null()), (5, true));
        let difference = rows[4]["difference"]["mean"].as_f64().unwrap();
        assert!((difference - (mean(4) - mean(0))).abs() < 1e-9, "{difference}");
        assert!((0.0..0.5).contains(&rows[4]["improvement"]["probability"].as_f64().unwrap()));
    }
    let again = home.succeed(["bench", "maze2d", "--quick", "--out", "out"]);
    assert!(again.contains("0 results scored, 10 kept"), "{again}");
    let unchanged = home.files("out");
    for name in files.keys().filter(|name| !name.starts_with('.')) {
        assert!(files[name] == unchanged[name], "{name} was changed");
    }
}

#[test]
fn a_second_run_scores_only_what_is_missing_or_of_other_settings() {
    let home = home();
    let (scored, kept, first) = counted(&home, &small(&[]));
    assert_eq!((scored, kept, first.len()), (5, 0, 5));
    assert_eq!(first.keys().collect::<Vec<_>>(), [DIFFUSED, INVERSE, PATH, PD, RANDOM]);

    fs::write(home.path(&format!("out/cells/{PD}.old")), "mine").unwrap();
    fs::remove_file(home.path(&format!("out/cells/{PD}"))).unwrap();
    let (scored, kept, second) = counted(&home, &small(&[]));
    assert_eq!((scored, kept), (1, 4));
    assert!(second[DIFFUSED] == first[DIFFUSED] && second[RANDOM] == first[RANDOM]);
    let episodes = |bytes: &[u8]| parse(&text(bytes))["episodes"].clone();
    assert_eq!(episodes(&second[PD]), episodes(&first[PD]), "the same seeds, the same episodes");

    // Another guidance changes what is planned, and nothing for a policy that plans nothing.
    configure(&home, &PLAN.replace("guidance = 4.0", "guidance = 8.0"));
    let (scored, kept, third) = counted(&home, &small(&[]));
    assert_eq!((scored, kept), (4, 1));
    assert!(third[DIFFUSED] != first[DIFFUSED] && third[PD] != first[PD]);
    assert!(third[RANDOM] == first[RANDOM]);
    assert_eq!(parse(&text(&third[PD]))["protocol"]["configuration"]["plan"]["guidance"], 8.0);

    // Another seed or number of episodes changes everything.
    assert_eq!(counted(&home, &small(&["--seed", "5"])).0, 5);
    let mut fewer = small(&["--seed", "5"]);
    let at = fewer.iter().position(|word| word == "--episodes").unwrap();
    fewer[at + 1] = "1".into();
    assert_eq!(counted(&home, &fewer).0, 5);
    assert_eq!(counted(&home, &fewer).0, 0);
    let (scored, kept, forced) = counted(&home, &[fewer, words(&["--force"])].concat());
    assert_eq!((scored, kept), (5, 0));
    assert_eq!(forced[&format!("{PD}.old")], b"mine", "force keeps what the program did not write");
}

#[test]
fn the_figures_are_those_of_eval_with_the_same_settings() {
    let home = home();
    let arguments = ["bench", "maze2d", "--only", "maze2d-umaze", "--episodes", "3", "--seed", "9"];
    let bench = parse(&home.succeed(arguments.iter().chain(&["--out", "out", "--json"])));
    let rows = bench["results"]["mazes"][0]["results"].as_array().unwrap();
    assert_eq!(rows.len(), 15);
    let eval = |out: &str, settings: &[&str]| {
        let mut arguments = words(&["eval", "maze2d-umaze", "--episodes", "3", "--seed", "9", "--json"]);
        arguments.extend(words(&["--out", out]));
        arguments.extend(sets(settings));
        parse(&home.succeed(arguments))["results"].as_array().unwrap().clone()
    };
    let same = |planner: &str, executor: &str, evaluated: &Value| {
        let row = rows.iter().find(|row| row["planner"] == planner && row["executor"] == executor);
        let score = &row.unwrap_or_else(|| panic!("{planner} {executor}"))["score"];
        assert_eq!(score["mean"], evaluated["score"], "{planner} {executor}");
        assert_eq!(score["mean_interval"]["low"], evaluated["interval"][0], "{planner} {executor}");
        assert_eq!(score["mean_interval"]["high"], evaluated["interval"][1], "{planner} {executor}");
    };
    let own = eval("own", &[]);
    for evaluated in &own {
        let name = |field: &str| evaluated[field].as_str().unwrap().to_owned();
        same(&name("planner"), &name("executor"), evaluated);
    }
    assert_eq!(own.len(), 5);
    for (planner, executor, setting) in [
        ("diffusion-forcing", "pd", "executor.name=pd"),
        ("full-sequence", "diffused-action", "plan.matrix.kind=full-sequence"),
        ("autoregressive", "diffused-action", "plan.matrix.kind=autoregressive"),
        ("mcg-4", "diffused-action", "plan.completions=4"),
    ] {
        let evaluated = eval(&format!("{planner}-{executor}"), &[setting]);
        same(planner, executor, &evaluated[0]);
        let other = rows.iter().find(|row| row["planner"] == planner && row["executor"] == executor);
        assert!(!other.unwrap()["difference"].is_null());
    }
}

#[test]
fn names_that_are_not_there_are_refused_with_the_nearest() {
    let home = Home::new();
    let run = |more: &[&str]| [words(&["bench", "maze2d", "--out", "out"]), words(more)].concat();
    refused(&home, &run(&["--only", "maze2d-umze"]), &["`maze2d-umze`", "did you mean `maze2d-umaze`?"]);
    refused(&home, &run(&["--only", "maze2d-umaze,chess"]), &["--only", "`chess`", "multi2d-large"]);
    refused(&home, &run(&["--only", "PointMaze_UMaze-v3"]), &["`PointMaze_UMaze-v3`", "maze2d-umaze"]);
    refused(&home, &run(&["--only", ""]), &["--only", "maze2d-umaze"]);
    refused(
        &home,
        &run(&["--planners", "random,autoregresive"]),
        &["`autoregresive`", "did you mean `autoregressive`?"],
    );
    refused(&home, &run(&["--planners", "zzz"]), &["--planners", "`zzz`", "autoregressive, mppi, waypoint"]);
    refused(&home, &run(&["--episodes", "0"]), &["--episodes"]);
    if !cfg!(feature = "cuda") {
        refused(&home, &run(&["--device", "cuda"]), &["cuda", "--device cpu"]);
    }
}

#[test]
fn a_damaged_result_is_named_before_anything_is_scored() {
    let home = home();
    home.succeed(small(&[]));
    let path = home.path(&format!("out/cells/{PD}"));
    let whole = fs::read_to_string(&path).unwrap();
    // A result that would have to be scored first, if damage were not looked for before.
    fs::remove_file(home.path(&format!("out/cells/{DIFFUSED}"))).unwrap();
    let fewer = {
        let mut value = parse(&whole);
        value["episodes"].as_array_mut().unwrap().pop();
        value.to_string()
    };
    for (damaged, says) in [
        (whole[..whole.len() / 2].to_owned(), "is damaged"),
        ("{}".to_owned(), "it has no `format`"),
        (whole.replacen("\"format\": 1", "\"format\": 9", 1), "has format 9"),
        (whole.replacen("\"protocol\"", "\"protokoll\"", 1), "it has no `protocol`"),
        (whole.replacen("\"episode_return\"", "\"return\"", 1), "episode_return"),
        (fewer, "its episodes are not those of its protocol"),
    ] {
        fs::write(&path, damaged).unwrap();
        refused(&home, &small(&[]), &[PD, says, "remove it", "--force"]);
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(counted(&home, &small(&[])).0, 2);
}

#[test]
fn settings_that_cannot_plan_are_refused_before_anything_is_touched() {
    let home = home();
    home.succeed(small(&[]));
    configure(&home, &PLAN.replace("horizons = [4]", "horizons = [5]"));
    refused(&home, &small(&[]), &["plan.horizons"]);
    refused(&home, &small(&["--force"]), &["plan.horizons"]);
}

#[test]
fn folders_of_others_are_left_alone() {
    let home = home();
    fs::create_dir(home.path("out")).unwrap();
    fs::write(home.path("out/thesis.tex"), "mine").unwrap();
    refused_with_1(&home, &small(&[]), "already holds files");
    refused_with_1(&home, &small(&["--force"]), "did not write");
    fs::remove_dir_all(home.path("out")).unwrap();
    home.succeed([words(&["eval", "maze2d-umaze", "--episodes", "1", "--out", "out"]), sets(QUICK)].concat());
    refused_with_1(&home, &small(&[]), "of another command");
    assert_eq!(counted(&home, &small(&["--force"])).0, 5);
}

#[track_caller]
fn refused_with_1(home: &Home, arguments: &[String], says: &str) {
    let before = home.files(".");
    let output = home.run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains(says) && message.contains("--out"), "{message}");
    assert!(home.files(".") == before, "files were changed");
}
