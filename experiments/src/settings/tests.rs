use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::{ProptestConfig, any, proptest};
use serde::Deserialize;

use super::*;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Matrix {
    #[default]
    Pyramid,
    FullSequence,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Model {
    width: usize,
    layers: u8,
    dropout: f64,
    matrix: Matrix,
}

impl Default for Model {
    fn default() -> Self {
        Self { width: 128, layers: 4, dropout: 0.1, matrix: Matrix::Pyramid }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    env: String,
    seed: u64,
    clip: Option<f64>,
    weights: Vec<f64>,
    mask: bool,
    model: Model,
    labels: BTreeMap<String, i64>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            env: "maze2d-umaze".into(),
            seed: 0,
            clip: None,
            weights: vec![1.0, 0.5],
            mask: true,
            model: Model::default(),
            labels: BTreeMap::new(),
        }
    }
}

fn set(overrides: &[&str]) -> Result<Run, SettingsError> {
    load(&[], &overrides.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
}

fn message(overrides: &[&str]) -> String {
    set(overrides).unwrap_err().to_string()
}

fn from_text(text: &str) -> Result<Run, SettingsError> {
    resolve(&file_entries(Path::new("train.toml"), text)?)
}

#[test]
fn nothing_written_gives_the_default() {
    assert_eq!(set(&[]).unwrap(), Run::default());
}

#[test]
fn flags_win_over_the_file_and_the_file_over_the_default() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("train.toml");
    fs::write(&file, "seed = 5\nenv = \"maze2d-large\"\n[model]\nwidth = 64\nlayers = 2\n").unwrap();
    let overrides = ["model.width = 32".to_owned(), "seed=1".into(), "seed=9".into()];
    let run: Run = load(&[Layer::read(&file).unwrap()], &overrides).unwrap();
    assert_eq!((run.seed, run.env.as_str()), (9, "maze2d-large"));
    assert_eq!(run.model, Model { width: 32, layers: 2, ..Model::default() });
}

#[test]
fn values_are_toml_and_bare_words_are_strings() {
    let run = set(&[
        "env=maze2d-medium",
        "clip=2",
        "weights=[1, 2.5]",
        "mask=false",
        "model.matrix=full-sequence",
        "model={ dropout = 0, layers = 1 }",
        "labels.a=3",
    ])
    .unwrap();
    assert_eq!((run.env.as_str(), run.clip, run.mask), ("maze2d-medium", Some(2.0), false));
    assert_eq!(run.weights, [1.0, 2.5]);
    assert_eq!(run.model, Model { width: 128, layers: 1, dropout: 0.0, matrix: Matrix::FullSequence });
    assert_eq!(run.labels, BTreeMap::from([("a".to_owned(), 3)]));
}

#[test]
fn text_settings_take_what_looks_like_a_number() {
    assert_eq!(set(&["env=42"]).unwrap().env, "42");
    assert_eq!(set(&["env=2024-01-01"]).unwrap().env, "2024-01-01");
    assert_eq!(set(&["env=\"quoted = text\""]).unwrap().env, "quoted = text");
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_name_and_where_they_stand() {
    assert_eq!(
        message(&["model.widht=3"]),
        "unknown setting `model.widht` in `--set model.widht=3`; did you mean `model.width`?"
    );
    assert!(message(&["width=3"]).ends_with("did you mean `model.width`?"));
    assert!(message(&["model.zzz=3"]).ends_with("`model` has: dropout, layers, matrix, width"));
    assert!(message(&["seed.zzz=3"]).ends_with("`seed` is a single value"));
    let file = from_text("[model]\nlayer = 3\n").unwrap_err().to_string();
    assert_eq!(file, "unknown setting `model.layer` in train.toml; did you mean `model.layers`?");
}

#[test]
fn wrong_types_name_key_expected_and_given() {
    assert_eq!(
        message(&["model.width=wide"]),
        "setting `model.width` in `--set model.width=wide` must be a whole number (such as 128), \
         not the text \"wide\""
    );
    assert!(message(&["model.width=1.5"]).ends_with("not the number 1.5"));
    assert!(message(&["model=3"]).contains("must be a table"));
    assert!(message(&["weights=[1, true]"]).contains("must be an array (such as [1.0,0.5])"));
    assert!(message(&["model.dropout=nan"]).contains("must be a finite number"));
    assert!(message(&["mask=1"]).contains("must be a truth value"));
    assert!(from_text("env = 3").unwrap_err().to_string().contains("must be text"));
}

#[test]
fn values_that_the_struct_refuses_are_blamed_on_their_key() {
    let range = message(&["seed=3", "model.layers=300"]);
    assert!(range.starts_with("setting `model.layers` in `--set model.layers=300` was refused"), "{range}");
    let variant = message(&["model.matrix=pyramids", "seed=1"]);
    assert!(variant.contains("`model.matrix`") && variant.contains("`full-sequence`"), "{variant}");
    assert!(message(&["seed=-1"]).contains("`seed`"));
    assert!(message(&["clip=loose"]).contains("`clip`"));
}

#[test]
fn malformed_overrides_say_how_to_write_them() {
    for text in ["model.width", "=3", "model..width=3", "seed=", "weights=[1, 2", "seed=1\nmask=false"] {
        let message = message(&[text]);
        assert!(message.contains("--set key=value"), "{text}: {message}");
    }
}

#[test]
fn files_that_cannot_be_read_or_parsed_are_named() {
    let missing = Layer::read(Path::new("no/such.toml")).unwrap_err().to_string();
    assert!(missing.contains("no/such.toml"), "{missing}");
    let syntax = from_text("seed = = 3").unwrap_err().to_string();
    assert!(syntax.contains("train.toml") && syntax.contains("line 1"), "{syntax}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn rendered_settings_read_back_the_same(
        env in ".*", seed in 0..i64::MAX as u64, clip in any::<Option<i32>>(), width in 0..1_000_000_usize,
        dropout in -1e300..1e300_f64, label in "[a-zA-Z0-9. ]{1,8}",
    ) {
        let run = Run {
            env,
            seed,
            clip: clip.map(f64::from),
            model: Model { width, dropout, ..Model::default() },
            labels: BTreeMap::from([(label, 1)]),
            ..Run::default()
        };
        assert_eq!(from_text(&render(&run).unwrap()).unwrap(), run);
    }

    #[test]
    fn no_override_panics(text in ".*") {
        let _ = set(&[&text]);
        let _ = set(&[&format!("model.width={text}")]);
    }
}
