use super::*;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn writes_files_and_leaves_no_temporary_ones() {
    let home = tempfile::tempdir().unwrap();
    let out = OutputDir::create(home.path().join("a/b"), ExistingPolicy::Refuse).unwrap();
    out.write_text("table.txt", "first").unwrap();
    out.write_text("table.txt", "second").unwrap();
    let json = out.write_json("episodes/000.json", &vec![1.5, f64::NAN]).unwrap();
    assert_eq!(names(out.path()), [LIST, "episodes", "table.txt"]);
    assert_eq!(fs::read_to_string(out.path().join("table.txt")).unwrap(), "second");
    assert_eq!(fs::read_to_string(json).unwrap(), "[\n  1.5,\n  null\n]\n");
}

#[test]
fn a_folder_in_use_is_refused_with_the_remedy() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("thesis.tex"), "mine").unwrap();
    let refused = OutputDir::create(home.path(), ExistingPolicy::Refuse).unwrap_err().to_string();
    assert!(refused.contains("--force") && refused.contains("--out"), "{refused}");
    let not_ours = OutputDir::create(home.path(), ExistingPolicy::ReplaceOurs).unwrap_err();
    assert!(matches!(not_ours, OutputError::NotOurs { .. }));
    assert_eq!(names(home.path()), ["thesis.tex"]);
}

#[test]
fn force_removes_our_files_and_keeps_the_rest() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("run");
    let out = OutputDir::create(&root, ExistingPolicy::Refuse).unwrap();
    out.write_text("old.txt", "old").unwrap();
    out.write_text("episodes/000.json", "{}").unwrap();
    out.write_text("pictures/000.svg", "").unwrap();
    fs::write(root.join("pictures/notes.txt"), "mine").unwrap();
    drop(out);
    let again = OutputDir::create(&root, ExistingPolicy::ReplaceOurs).unwrap();
    assert!(root.join("old.txt").exists(), "nothing goes before something comes");
    again.write_text("new.txt", "new").unwrap();
    assert_eq!(names(again.path()), [LIST, "new.txt", "pictures"]);
    assert_eq!(fs::read_to_string(root.join(LIST)).unwrap(), "new.txt\n");
    assert_eq!(names(&root.join("pictures")), ["notes.txt"]);
}

#[test]
fn resuming_keeps_what_is_there_and_takes_only_its_own_folders() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("run");
    let ours = |name: &str| name.starts_with("cells/");
    OutputDir::create(&root, ExistingPolicy::Refuse).unwrap().write_text("cells/a.json", "").unwrap();
    fs::write(root.join(LIST), "").unwrap();
    let first = OutputDir::resume(&root, ours).expect("stopped before the first file was listed");
    first.write_text("cells/a.json", "a").unwrap();
    drop(first);
    let again = OutputDir::resume(&root, ours).unwrap();
    again.write_text("cells/b.json", "b").unwrap();
    assert_eq!(names(&root.join("cells")), ["a.json", "b.json"]);
    drop(again);
    let error = OutputDir::resume(&root, |name| name == "other.txt").unwrap_err();
    assert!(matches!(error, OutputError::OtherCommand { .. }));
    // The list of both runs is whole: force leaves nothing of either.
    OutputDir::create(&root, ExistingPolicy::ReplaceOurs).unwrap().write_text("c.json", "c").unwrap();
    assert_eq!(names(&root), [LIST, "c.json"]);
    fs::write(home.path().join("thesis.tex"), "mine").unwrap();
    let error = OutputDir::resume(home.path(), ours).unwrap_err();
    assert!(matches!(error, OutputError::NotEmpty { .. }));
}

#[test]
fn a_list_that_names_outside_files_removes_none_of_them() {
    let home = tempfile::tempdir().unwrap();
    let (root, precious) = (home.path().join("run"), home.path().join("precious.txt"));
    fs::write(&precious, "keep").unwrap();
    OutputDir::create(&root, ExistingPolicy::Refuse).unwrap().write_text("a", "a").unwrap();
    let forged = format!("../precious.txt\n{}\n", precious.display());
    fs::write(root.join(LIST), forged).unwrap();
    OutputDir::create(&root, ExistingPolicy::ReplaceOurs).unwrap().write_text("a", "a").unwrap();
    assert_eq!(fs::read_to_string(&precious).unwrap(), "keep");
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let out = OutputDir::create(home.path().join("run"), ExistingPolicy::Refuse).unwrap();
    for name in ["", "../up.txt", "/etc/x", "a/../b", LIST, "a\nb"] {
        let error = out.write_text(name, "").unwrap_err();
        assert!(matches!(error, OutputError::BadName { .. }), "{name:?}: {error}");
    }
    assert_eq!(names(home.path()), ["run"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let below = OutputDir::create(file.join("run"), ExistingPolicy::Refuse).unwrap_err().to_string();
    assert!(below.contains(&file.join("run").display().to_string()), "{below}");
    let itself = OutputDir::create(&file, ExistingPolicy::ReplaceOurs).unwrap_err();
    assert!(matches!(itself, OutputError::NotAFolder { .. }));
}

#[test]
fn a_failed_write_leaves_the_old_file_and_no_temporary_one() {
    let home = tempfile::tempdir().unwrap();
    let out = OutputDir::create(home.path().join("run"), ExistingPolicy::Refuse).unwrap();
    // A folder in the way makes the rename fail after the temporary file was written.
    fs::create_dir_all(out.path().join("taken/inside")).unwrap();
    let error = out.write_text("taken", "text").unwrap_err().to_string();
    assert!(error.contains("taken"), "{error}");
    assert_eq!(names(out.path()), [LIST, "taken"]);
    // Once the obstacle is gone the same write succeeds.
    fs::remove_dir_all(out.path().join("taken")).unwrap();
    out.write_text("taken", "text").unwrap();
    assert_eq!(fs::read_to_string(out.path().join("taken")).unwrap(), "text");
}

#[test]
fn one_run_at_a_time_whatever_it_was_asked_to_do_with_old_files() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("run");
    let first = OutputDir::create(&root, ExistingPolicy::Refuse).unwrap();
    first.write_text("a.txt", "first").unwrap();
    let busy = |other: Result<OutputDir, OutputError>| {
        let error = other.unwrap_err();
        assert!(matches!(error, OutputError::Busy { .. }) && error.to_string().contains("--out"), "{error}");
    };
    busy(OutputDir::create(&root, ExistingPolicy::Refuse));
    busy(OutputDir::create(&root, ExistingPolicy::ReplaceOurs));
    busy(OutputDir::resume(&root, |_| true));
    assert_eq!(fs::read_to_string(root.join("a.txt")).unwrap(), "first");
    drop(first);
    OutputDir::resume(&root, |_| true).unwrap();
}

#[test]
fn a_run_that_writes_nothing_leaves_things_as_they_were() {
    let home = tempfile::tempdir().unwrap();
    let (new, used) = (home.path().join("new"), home.path().join("used"));
    drop(OutputDir::create(&new, ExistingPolicy::Refuse).unwrap());
    assert!(!new.exists());
    OutputDir::create(&used, ExistingPolicy::Refuse).unwrap().write_text("old.txt", "old").unwrap();
    drop(OutputDir::create(&used, ExistingPolicy::ReplaceOurs).unwrap());
    assert_eq!(names(&used), [LIST, "old.txt"]);
    OutputDir::create(&used, ExistingPolicy::ReplaceOurs).unwrap().write_text("new.txt", "").unwrap();
    assert_eq!(names(&used), [LIST, "new.txt"]);
}
