//! `forethought report` as its users meet it: from results alone, alone and compared.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

// What trains and plans is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;
use std::path::Path;

use program::{Home, text, words};
use serde_json::Value;

/// Results that come with the project.
fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(name);
    path.to_str().unwrap().to_owned()
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

#[test]
fn the_committed_results_are_the_documents_tables() {
    let home = Home::new();
    let summary = parse(&home.succeed(["report", &shipped("maze2d"), "--json"]));
    let results = summary["results"].as_array().unwrap();
    let row = |page: &str, says: &str| {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page)).unwrap();
        text.lines().find(|line| line.contains(says)).unwrap().to_owned()
    };
    let environments = summary["layout"]["environments"].as_array().unwrap();
    assert_eq!(environments.len(), 6);
    for (page, variant, says) in [
        ("README.md", "diffusion-forcing, path-following", "Diffusion Forcing, path-following"),
        ("README.md", "diffusion-forcing, diffused-action", "Diffusion Forcing, diffused-action"),
        ("RESULTS.md", "diffusion-forcing, path-following", "Diffusion Forcing, path-following"),
        ("RESULTS.md", "diffusion-forcing, diffused-action", "Diffusion Forcing, diffused-action"),
        ("RESULTS.md", "diffusion-forcing, inverse-dynamics", "... inverse-dynamics"),
        ("RESULTS.md", "diffusion-forcing, pd", "... pd"),
        ("RESULTS.md", "mcg-4, diffused-action", "four completions (MCG) |"),
        ("RESULTS.md", "full-sequence, diffused-action", "full sequence, as Diffuser"),
        ("RESULTS.md", "mppi, diffused-action", "MPPI with the true dynamics"),
        ("RESULTS.md", "waypoint", "controller as published"),
        ("RESULTS.md", "waypoint-fresh", "controller, corrected"),
        ("RESULTS.md", "random", "random actions"),
    ] {
        let row = row(page, says);
        for environment in environments {
            let wanted = |one: &&Value| one["environment"] == *environment && one["variant"] == variant;
            let figures = results.iter().find(wanted).unwrap();
            let mean = format!("{:.1}", figures["score"]["mean"].as_f64().unwrap());
            assert!(row.contains(&mean), "{page}, {environment}: {mean} is not in {row}");
            assert_eq!(figures["score"]["count"], 100);
        }
    }
}

#[test]
fn tables_plots_and_page_come_from_the_two_files_alone() {
    let home = Home::new();
    for file in ["episodes.csv", "protocol.json"] {
        fs::create_dir_all(home.path("in")).unwrap();
        fs::copy(Path::new(&shipped("ablate-large")).join(file), home.path("in").join(file)).unwrap();
    }
    let shown = home.succeed(["report", "in", "--out", "out"]);
    let files = home.files("out");
    for name in [
        "table.txt",
        "report.html",
        "plan.rank.ood_penalty.svg",
        "plan.sampler.steps.svg",
        "score-against-time.svg",
    ] {
        assert!(files.contains_key(name), "{name} is not there: {:?}", files.keys());
    }
    assert!(shown.contains(text(&files["table.txt"]).trim_end()));
    // Success stands beside the score, with its interval.
    assert!(shown.contains("10 of 32 [18, 49 %]"), "{shown}");
    let refused = home.run(["report", "in", "--out", "out"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("--force"));
    home.succeed(["report", "in", "--out", "out", "--force"]);
}

#[test]
fn all_environments_are_taken_together() {
    let home = Home::new();
    let told = parse(&home.succeed(["report", &shipped("maze2d"), "--json"]));
    let (all, together) = (told["results"].as_array().unwrap(), told["together"].as_array().unwrap());
    let baseline = told["layout"]["baseline"].as_str().unwrap();
    let mean = |of: &dyn Fn(&Value) -> f64, variant: &Value| {
        let figures: Vec<f64> = all.iter().filter(|one| one["variant"] == *variant).map(of).collect();
        assert_eq!(figures.len(), 6);
        figures.iter().sum::<f64>() / 6.0
    };
    assert!(together.len() > 5, "{together:?}");
    for one in together {
        // As many episodes of each: the mean of all is the mean of the environments' means, and so for what is paired.
        assert_eq!(one["score"]["count"], 600);
        let near = |left: &Value, right: f64| (left.as_f64().unwrap() - right).abs() < 1e-9;
        assert!(near(
            &one["score"]["mean"],
            mean(&|own| own["score"]["mean"].as_f64().unwrap(), &one["variant"])
        ));
        if one["variant"] == baseline {
            assert!(one["difference"].is_null() && one["improvement"].is_null());
            continue;
        }
        let figure = |own: &Value| own["difference"]["mean"].as_f64().unwrap();
        assert!(near(&one["difference"]["mean"], mean(&figure, &one["variant"])), "{one}");
        let figure = |own: &Value| own["improvement"]["probability"].as_f64().unwrap();
        assert!(near(&one["improvement"]["probability"], mean(&figure, &one["variant"])), "{one}");
        let [low, high] =
            ["low", "high"].map(|end| one["score"]["interquartile_mean_interval"][end].as_f64().unwrap());
        let middle = one["score"]["interquartile_mean"].as_f64().unwrap();
        assert!(low <= middle && middle <= high && low < high, "{one}");
    }
    let shown = home.succeed(["report", &shipped("maze2d"), "--out", "out"]);
    assert!(shown.contains("All 6 environments together"), "{shown}");
    let files = home.files("out");
    let page = text(&files["report.html"]);
    assert!(page.contains("All environments together") && files.contains_key("profiles.svg"));
    // A profile of each environment and one of all, each curve with its band.
    assert_eq!(page.matches("share of episodes above x").count(), 7);
    assert!(text(&files["profiles.svg"]).matches("fill-opacity").count() == together.len());
}

#[test]
fn folders_of_several_environments_are_compared_together() {
    let home = Home::new();
    for (out, planner) in [("a", "random"), ("b", "waypoint-fresh")] {
        let all =
            ["eval", "maze2d-umaze,maze2d-medium", "--episodes", "3", "--planners", planner, "--out", out];
        home.succeed(all);
    }
    let told = parse(&home.succeed(["report", "a", "b", "--json"]));
    let comparison = &told["comparison"];
    let pairs: Vec<f64> = comparison["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| pair["difference"]["mean"].as_f64().unwrap())
        .collect();
    let overall = &comparison["overall"][0];
    assert_eq!(
        (pairs.len(), &overall["environments"], &overall["difference"]["count"]),
        (2, &2.into(), &6.into())
    );
    assert!(
        (overall["difference"]["mean"].as_f64().unwrap() - 0.5 * (pairs[0] + pairs[1])).abs() < 1e-9,
        "{comparison}"
    );
    assert!(home.succeed(["report", "a", "b"]).contains("all 2"));
    // One environment is no several.
    let told = parse(&home.succeed(["report", &shipped("ablate-large"), &shipped("ablate-large"), "--json"]));
    assert_eq!(told["comparison"]["overall"].as_array().map(Vec::len), Some(0));
}

/// A folder of one random policy's episodes.
fn random(home: &Home, out: &str, seed: &str) {
    let arguments =
        ["eval", "maze2d-umaze", "--planners", "random", "--episodes", "4", "--out", out, "--seed", seed];
    home.succeed(arguments);
}

#[test]
fn folders_are_compared_episode_by_episode() {
    let home = Home::new();
    random(&home, "a", "0");
    random(&home, "b", "2");
    // Seeds 2 and 3 are shared, and their episodes are the same.
    let shown = home.succeed(["report", "a", "b", "--within", "0", "--out", "both"]);
    assert!(shown.contains("2 of 2"), "{shown}");
    assert!(home.path("both/differences.svg").exists() && home.path("both/report.html").exists());
    // One episode scores 50 more: a mean of 25.
    let (path, protocol) = (home.path("b/episodes.csv"), home.path("b/protocol.json"));
    let line = fs::read_to_string(&path).unwrap().lines().nth(1).unwrap().to_owned();
    let fields: Vec<&str> = line.split(',').collect();
    let score: f64 = fields[6].parse().unwrap();
    let raised = line.replacen(&format!(",{score},"), &format!(",{},", score + 50.0), 1);
    fs::write(&path, fs::read_to_string(&path).unwrap().replacen(&line, &raised, 1)).unwrap();
    let failed = home.run(["report", "a", "b"]);
    assert_eq!(failed.status.code(), Some(2));
    assert!(text(&failed.stderr).contains("not those that the protocol seals"), "{}", text(&failed.stderr));
    // Records of earlier versions have no seal.
    let mut unsealed = parse(&fs::read_to_string(&protocol).unwrap());
    unsealed["variants"][0].as_object_mut().unwrap().remove("episodes_sha256").unwrap();
    fs::write(&protocol, unsealed.to_string()).unwrap();
    assert!(home.succeed(["report", "a", "b", "--within", "25.5"]).contains("1 of 2"));
    let failed = home.run(["report", "a", "b", "--within", "24.5"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stderr).contains("maze2d-umaze-v1, random: +25.0"), "{}", text(&failed.stderr));
    // An episode of the same seed that began elsewhere is no pair.
    let moved = raised.replacen(fields[3], "1 1 0 0", 1);
    fs::write(&path, fs::read_to_string(&path).unwrap().replacen(&raised, &moved, 1)).unwrap();
    let shown = home.succeed(["report", "a", "b", "--within", "0"]);
    assert!(shown.contains("1 of 1") && shown.contains("1 episodes of the same seed"), "{shown}");
}

#[test]
fn what_cannot_be_reported_is_refused_with_the_remedy() {
    let home = Home::new();
    random(&home, "a", "0");
    random(&home, "far", "100");
    for (arguments, says) in [
        (&["report", "nowhere"][..], &["nowhere", "protocol.json", "eval"][..]),
        (&["report"], &["Usage"]),
        (&["report", "a", "far"], &["no episode in common", "a", "far"]),
        (&["report", "a", "--within", "3"], &["--within", "two"]),
        (&["report", "a", "a", "--within=-1"], &["--within"]),
    ] {
        let output = home.run(words(arguments));
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        for part in says {
            assert!(message.contains(part), "`{part}` is not said: {message}");
        }
    }
}
