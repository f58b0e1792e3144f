//! External programs as policies, as users meet them: scored beside the others, interrupted and resumed, and every way in which
//! they go wrong.
#![cfg(unix)]
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

// What trains is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use forethought_envs::{Start, make};
use program::{Home, text, words};
use serde_json::Value;

/// Answers the same action at every step; `FAULT` is done instead of the answer number `AT` to a line of `ON`.
const POLICY: &str = r#"
n=0
while IFS= read -r line; do
  case "$line" in
    '{"hello"'*) what=hello; answer='{"ready":{"version":1}}' ;;
    '{"reset"'*) what=reset; answer='{"began":{}}' ;;
    '{"act"'*) what=act; answer='{"command":{"action":[0.5,-0.25]}}' ;;
    '{"bye"'*) what=bye; answer='' ;;
  esac
  if [ -n "$SAID" ]; then printf '%s\n' "$line" >> "$SAID"; fi
  if [ "$what" = "$ON" ]; then
    n=$((n + 1))
    if [ "$n" -eq "$AT" ]; then eval "$FAULT"; continue; fi
  fi
  if [ -n "$answer" ]; then printf '%s\n' "$answer"; fi
done
"#;

fn home() -> Home {
    let home = Home::new();
    fs::write(home.path("policy.sh"), POLICY).unwrap();
    home
}

fn eval(more: &[&str]) -> Vec<String> {
    let all = ["eval", "maze2d-umaze", "--planners", "random", "--episodes", "3", "--json", "--out", "out"];
    [words(&all), words(&["--program", "sh policy.sh"]), words(more)].concat()
}

/// Runs with a fault; gives back the exit code and what is said.
fn faulty(home: &Home, on: &str, at: usize, fault: &str, more: &[&str]) -> (Option<i32>, String) {
    let mut command = home.command(eval(more));
    let output = command.env("ON", on).env("AT", at.to_string()).env("FAULT", fault).output().unwrap();
    (output.status.code(), text(&output.stderr))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn lines(home: &Home, variant: &str) -> Vec<String> {
    let all = fs::read_to_string(home.path("out/episodes.csv")).unwrap();
    all.lines().filter(|line| line.split(',').nth(1) == Some(variant)).map(str::to_owned).collect()
}

/// Whether a process is there and does anything.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    // The state stands behind the name, which is in parentheses.
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with(['Z', 'X']))
}

#[test]
fn a_program_is_scored_on_the_same_episodes_as_the_others() {
    let home = home();
    let said = home.path("said");
    let output = home.command(eval(&["--seed", "5"])).env("SAID", &said).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = json(&text(&output.stdout));
    assert_eq!((told["scored"].as_u64(), told["kept"].as_u64()), (Some(2), Some(0)));
    // The same action in the environment itself.
    let mut environment = make("maze2d-umaze-v1").unwrap();
    let (own, random) = (lines(&home, "policy"), lines(&home, "random"));
    assert_eq!((own.len(), random.len()), (3, 3));
    let mut asked = Vec::new();
    for ((seed, own), random) in (5..).zip(&own).zip(&random) {
        environment.reset(&Start::seed(seed)).unwrap();
        asked.push((seed, environment.observation().to_vec()));
        let (mut total, mut steps) = (0.0, 0);
        loop {
            let done = environment.step(&[0.5, -0.25]).unwrap();
            total += done.reward;
            steps += 1;
            if done.ended() || Some(steps) == environment.spec().max_episode_steps {
                break;
            }
        }
        let fields: Vec<&str> = own.split(',').collect();
        assert_eq!((fields[2], fields[5].parse::<f64>().unwrap()), (seed.to_string().as_str(), total));
        assert_eq!(fields[3..5], random.split(',').collect::<Vec<_>>()[3..5], "another start or goal");
    }
    // What it was told: the spaces, every episode, and a goodbye.
    let said: Vec<Value> = fs::read_to_string(said).unwrap().lines().map(json).collect();
    let hello = &said[0]["hello"];
    assert_eq!((&hello["environment"], &hello["seed"]), (&"maze2d-umaze-v1".into(), &5.into()));
    assert_eq!((&hello["observation"]["size"], &hello["action"]["high"]), (&4.into(), &json("[1.0, 1.0]")));
    let resets: Vec<&Value> =
        said.iter().map(|line| &line["reset"]).filter(|reset| !reset.is_null()).collect();
    assert_eq!(resets.len(), 3);
    for (reset, (seed, observation)) in resets.iter().zip(&asked) {
        assert_eq!(
            (&reset["seed"], &reset["observation"]),
            (&(*seed).into(), &serde_json::json!(observation))
        );
        assert_eq!(reset["goal"].as_array().map(Vec::len), Some(2));
    }
    assert_eq!(said.last(), Some(&json(r#"{"bye":{}}"#)));
    let protocol = json(&fs::read_to_string(home.path("out/protocol.json")).unwrap());
    let row = protocol["variants"].as_array().unwrap().iter().find(|row| row["variant"] == "policy").unwrap();
    assert_eq!(
        (&row["source"], &row["settings"]["command"]),
        (&"program".into(), &json(r#"["sh","policy.sh"]"#))
    );
    assert!(!home.path("out/unfinished").exists());
}

#[test]
fn the_same_command_keeps_and_another_program_is_scored_again() {
    let home = home();
    home.succeed(eval(&[]));
    let counts = |more: &[&str]| {
        let told = json(&home.succeed(eval(more)));
        (told["scored"].as_u64().unwrap(), told["kept"].as_u64().unwrap())
    };
    assert_eq!(counts(&[]), (0, 2));
    assert_eq!(
        counts(&["--program-timeout", "9"]),
        (0, 2),
        "how long it may take is no part of what it does"
    );
    fs::write(home.path("policy.sh"), format!("{POLICY}\n# another\n")).unwrap();
    assert_eq!(counts(&[]), (1, 1));
    assert_eq!(counts(&["--name", "mine", "--force"]), (2, 0));
    assert_eq!(lines(&home, "mine").len(), 3);
    // Two programs, by their names.
    fs::write(home.path("other.sh"), POLICY).unwrap();
    let two = ["--program", "sh other.sh", "--name", "a", "--name", "b"];
    let told = json(&home.succeed(eval(&two)));
    assert_eq!(told["scored"].as_u64(), Some(1), "`a` is `mine` by another name: {told}");
    assert!(lines(&home, "a") != lines(&home, "b") && lines(&home, "b").len() == 3);
}

#[test]
fn what_was_finished_is_kept_and_the_same_command_goes_on() {
    let home = home();
    home.succeed(eval(&[]));
    let whole = home.files("out");
    fs::remove_dir_all(home.path("out")).unwrap();
    // In the third episode; umaze has 300 steps.
    let (code, message) = faulty(&home, "act", 650, "echo 'out of coffee' >&2; exit 3", &[]);
    assert_eq!(code, Some(1), "{message}");
    for part in [
        "`policy`",
        "episode seed 2, step 49",
        "exit status: 3",
        "out of coffee",
        "2 of 3 episodes are kept",
        "goes on",
    ] {
        assert!(message.contains(part), "`{part}` is not said: {message}");
    }
    let left = home.files("out");
    assert!(!left.contains_key("episodes.csv"), "half-written results");
    assert_eq!(text(&left["unfinished/maze2d-umaze-v1--policy.csv"]).lines().count(), 1 + 2);
    let said = home.path("said");
    let output = home.command(eval(&[])).env("SAID", &said).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        fs::read_to_string(said).unwrap().matches("\"reset\"").count(),
        1,
        "what was kept was played again"
    );
    let resumed = home.files("out");
    for name in ["episodes.csv", "protocol.json", "table.txt"] {
        assert!(resumed[name] == whole[name], "{name}");
    }
    assert!(!home.path("out/unfinished").exists());
}

#[test]
fn what_is_left_of_another_program_does_not_count() {
    let home = home();
    for more in [&[][..], &["--force"], &["--start", "1,1"]] {
        faulty(&home, "act", 650, "exit 3", &[]);
        if more.is_empty() {
            fs::write(home.path("policy.sh"), format!("{POLICY}\n# another\n")).unwrap();
        }
        let said = home.path("said");
        let output = home.command(eval(more)).env("SAID", &said).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(fs::read_to_string(&said).unwrap().matches("\"reset\"").count(), 3);
        fs::remove_file(said).unwrap();
        fs::remove_dir_all(home.path("out")).unwrap();
    }
}

#[test]
fn every_fault_names_the_program_the_episode_and_the_remedy() {
    let home = home();
    let cases = [
        ("act", 1, "exit 3", "ended (exit status: 3) when `act` was to be answered"),
        ("act", 1, "kill -9 $$", "signal: 9"),
        ("act", 1, "exec >&-; sleep 2", "closed its standard output"),
        ("act", 1, "sleep 30", "did not answer `act` within 0.5 s"),
        ("act", 1, "echo loading", "no JSON: `loading`; write nothing but answers to standard output"),
        ("act", 1, r#"echo '{"act":{}}'"#, "does not know"),
        ("act", 1, r#"echo '{"began":{}}'"#, "answered `act` by `began`, not `command`"),
        ("act", 1, r#"echo '{"command":{"action":[1]}}'"#, "an action of 1 numbers, and one has 2"),
        ("act", 1, r#"echo '{"command":{"action":[0, NaN]}}'"#, "entry 1 is NaN"),
        ("act", 1, r#"echo '{"command":{"action":[null, 0]}}'"#, "entry 0 is null"),
        (
            "act",
            1,
            r#"echo '{"command":{"action":[0, 1.5]}}'"#,
            "entry 1 is 1.5, outside of [-1, 1]: clip it",
        ),
        ("act", 1, r#"echo '{"error":{"message":"no goal"}}'"#, "refused `act`: no goal"),
        (
            "act",
            1,
            "while :; do printf aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done",
            "more than 1048576 bytes",
        ),
        ("act", 1, "yes", "no JSON: `y`"),
        ("reset", 1, r#"echo '{"ready":{"version":1}}'"#, "answered `reset` by `ready`, not `began`"),
    ];
    for (on, at, fault, says) in cases {
        let patience = if fault.starts_with("sleep") { "0.5" } else { "20" };
        let began = Instant::now();
        let (code, message) = faulty(&home, on, at, fault, &["--program-timeout", patience]);
        assert_eq!(code, Some(1), "{fault}: {message}");
        for part in ["program `policy`", "`maze2d-umaze-v1`, episode seed 0, step 0", says] {
            assert!(message.contains(part), "{fault}: `{part}` is not said: {message}");
        }
        assert!(began.elapsed() < Duration::from_secs(15), "{fault}");
        assert!(!home.path("out").exists(), "{fault}: something was written");
    }
    let hello = [
        ("exit 0", 1, "ended (exit status: 0) when `hello`"),
        (r#"echo '{"ready":{"version":2}}'"#, 1, "version 2 of the protocol, and this is version 1"),
        ("echo Welcome!", 1, "no JSON: `Welcome!`"),
    ];
    for (fault, code, says) in hello {
        let (found, message) = faulty(&home, "hello", 1, fault, &[]);
        assert!(found == Some(code) && message.contains(says) && message.contains("`policy`"), "{message}");
        assert!(!home.path("out").exists(), "{fault}: something was written");
    }
}

#[test]
fn a_line_too_many_is_not_taken_for_the_next_answer() {
    let home = home();
    let twice = r#"echo '{"command":{"action":[1,1]}}'; echo '{"command":{"action":[-1,-1]}}'"#;
    // In the first episode: found before the second goes on. In the last: found at the goodbye.
    for (at, kept) in [(7, 0), (607, 2)] {
        let (code, message) = faulty(&home, "act", at, twice, &[]);
        assert_eq!(code, Some(1), "{message}");
        let found =
            ["before it was asked", "by `command`, not `began`"].iter().any(|part| message.contains(part));
        assert!(found && message.contains("`policy`"), "{message}");
        let left = home.files(".");
        let left = left
            .get("out/unfinished/maze2d-umaze-v1--policy.csv")
            .map_or(0, |text| text.split(|b| *b == b'\n').count() - 2);
        assert!(left <= kept, "an episode that may be wrong was kept: {left}");
    }
}

#[test]
fn nothing_is_left_running() {
    if !Path::new("/proc/self/stat").exists() {
        return;
    }
    let home = home();
    let pids = home.path("pids");
    let hang = format!(
        "sleep 300 & echo $! >> {0}; echo $$ >> {0}; trap '' TERM; while :; do sleep 1; done",
        pids.display()
    );
    let leave = format!("sleep 300 & echo $! >> {0}; echo $$ >> {0}; exit 0", pids.display());
    for (on, fault) in [("act", &hang), ("bye", &hang), ("act", &leave), ("bye", &leave)] {
        let _ = fs::remove_file(&pids);
        let (code, message) = faulty(&home, on, 1, fault, &["--program-timeout", "0.5", "--force"]);
        // Who does not end when told goodbye has done all that was asked.
        assert_eq!(code, Some(i32::from(on == "act")), "{message}");
        let all = fs::read_to_string(&pids).unwrap();
        assert_eq!(all.lines().count(), 2);
        let until = Instant::now() + Duration::from_secs(5);
        while all.lines().any(lives) {
            assert!(Instant::now() < until, "{on}: a process is left: {all}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn an_interrupt_ends_the_program_and_keeps_what_is_there() {
    let home = home();
    let pids = home.path("pids");
    let hang = format!("echo $$ > {}; sleep 300", pids.display());
    let mut command = home.command(eval(&[]));
    command.env("ON", "act").env("AT", "450").env("FAULT", hang).stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !fs::read_to_string(&pids).is_ok_and(|text| !text.is_empty()) {
        assert!(Instant::now() < until, "the program was never asked");
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let message = text(&output.stderr);
    assert!(message.contains("was stopped") && message.contains("1 of 3 episodes are kept"), "{message}");
    if Path::new("/proc/self/stat").exists() {
        assert!(!lives(&fs::read_to_string(&pids).unwrap()));
    }
}

#[test]
fn what_cannot_be_started_is_refused_before_anything_is_written() {
    let home = home();
    let refused = |arguments: &[&str], says: &[&str]| {
        let all = ["eval", "maze2d-umaze", "--planners", "random", "--episodes", "1", "--out", "out"];
        let output = home.run([words(&all), words(arguments)].concat());
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        for part in says {
            assert!(message.contains(part), "`{part}` is not said: {message}");
        }
        assert!(!home.path("out").exists());
    };
    refused(
        &["--program", "./no-such-policy --x"],
        &["program `no-such-policy`", "cannot be started", "python3 policy.py"],
    );
    refused(&["--program", "./policy.sh"], &["`policy`", "ermission denied"]);
    refused(&["--program", "'"], &["quote"]);
    refused(&["--program", " "], &["empty"]);
    refused(&["--program", "sh policy.sh", "--name", "random"], &["`random`", "--name"]);
    refused(&["--program", "sh policy.sh", "--program", "sh policy.sh"], &["`policy`", "--name"]);
    refused(&["--program", "sh policy.sh", "--name", "a", "--name", "b"], &["2 names and 1 programs"]);
    refused(&["--program", "sh policy.sh", "--program-timeout", "0"], &["--program-timeout is 0"]);
}
