//! A program as it was typed: its words, its name, and what of it tells one version from another.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// Seconds that an answer may take unless the user says: so that a program that loads a large library from a slow disk gets
/// to its first answer, and one that hangs costs a minute.
pub const DEFAULT_PATIENCE_S: f64 = 60.0;
/// Longest time for an answer: a day.
const LONGEST_PATIENCE_S: f64 = 86_400.0;
/// Programs that run the file that comes after them.
const INTERPRETERS: &[&str] = &[
    "python", "pypy", "sh", "bash", "dash", "zsh", "node", "deno", "bun", "julia", "ruby", "perl", "Rscript",
    "java", "uv", "env",
];

/// A program to be started.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// The file and its arguments.
    pub(super) words: Vec<String>,
    /// Name of the row.
    pub(super) name: String,
    /// Longest time for an answer.
    pub(super) patience: Duration,
    /// SHA-256 of the files that the command names.
    files: BTreeMap<String, String>,
}

impl Launch {
    /// From what was typed; the name is that of the program's file unless given.
    ///
    /// # Errors
    /// [`Failure`] for a command without words or with a quote left open, a time out of range, and a file that cannot be
    /// read.
    pub fn new(command: &str, name: Option<&str>, patience_s: f64) -> Result<Self, Failure> {
        let words = words(command)
            .map_err(|problem| Failure::refused(format!("--program `{command}`: {problem}")))?;
        if !(patience_s > 0.0 && patience_s <= LONGEST_PATIENCE_S) {
            return Err(Failure::refused(format!(
                "--program-timeout is {patience_s}: give seconds above 0 and at most {LONGEST_PATIENCE_S}"
            )));
        }
        let mut files = BTreeMap::new();
        for word in &words {
            // `--weights=w.pt` names a file as well.
            let path = word.split_once('=').map_or(word.as_str(), |(_, value)| value);
            if Path::new(path).is_file() {
                let hash = sha256(Path::new(path)).map_err(|error| {
                    Failure::refused(format!(
                        "--program `{command}`: {path} cannot be read ({error}): check its permissions"
                    ))
                })?;
                files.insert(path.to_owned(), hash);
            }
        }
        let name = name.map_or_else(|| own_name(&words), str::to_owned);
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(Failure::refused(format!("--program `{command}`: give the row a name with --name")));
        }
        Ok(Self { words, name, patience: Duration::from_secs_f64(patience_s), files })
    }

    /// Name of its row.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The command, in one line.
    pub fn command(&self) -> String {
        self.words.join(" ")
    }

    /// What made its episodes: the command, and the content of the files that it names. What these read is not looked at.
    pub fn identity(&self) -> Value {
        json!({ "command": self.words, "sha256": self.files })
    }
}

/// The file's name without its ending: of the program, or of what an interpreter is given to run.
fn own_name(words: &[String]) -> String {
    let stem = |word: &str| Path::new(word).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let first = words.first().and_then(|word| stem(word)).unwrap_or_default();
    let numbered = |end: &str| end.chars().all(|c| c.is_ascii_digit() || c == '.');
    let interpreted = INTERPRETERS.iter().any(|known| first.strip_prefix(known).is_some_and(numbered));
    let run = words.iter().skip(1).find(|word| interpreted && Path::new(word).is_file());
    run.and_then(|word| stem(word)).unwrap_or(first)
}

/// Splits at spaces, as a shell does: quotes hold words together, and a backslash takes the next character as it is; within double quotes it
/// does so before `$`, a backquote, `"` and itself alone. Nothing else of a shell is there; who wants it names one.
fn words(command: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (end, Some(open)) if end == open => quote = None,
            ('\\', None | Some('"')) => match letters.next() {
                Some(next) => {
                    let word = word.get_or_insert_default();
                    if quote.is_some() && !['$', '`', '"', '\\'].contains(&next) {
                        word.push('\\');
                    }
                    word.push(next);
                }
                None => return Err("it ends in a backslash: give the character that it stands before"),
            },
            (open @ ('"' | '\''), None) => {
                quote = Some(open);
                word.get_or_insert_default();
            }
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    match (quote, words.first().is_none_or(String::is_empty)) {
        (Some(_), _) => Err("a quote is left open: close it"),
        (None, true) => Err("it is empty: give a command, such as \"python3 policy.py\""),
        (None, false) => Ok(words),
    }
}

/// SHA-256 of a file, hexadecimal.
fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut part) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut part)? {
            0 => break,
            count => hash.update(part.get(..count).unwrap_or_default()),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_a_shell_splits_them() {
        let split = |command: &str| words(command).unwrap();
        assert_eq!(split("  python3  policy.py --x 1 "), ["python3", "policy.py", "--x", "1"]);
        assert_eq!(
            split(r#"run 'my file'.py "a \"b\"" "\d\\" c\ d '' '\'"#),
            ["run", "my file.py", "a \"b\"", "\\d\\", "c d", "", "\\"]
        );
        assert!(words("a 'b").unwrap_err().contains("quote"));
        for nothing in ["", "  ", "''"] {
            assert!(words(nothing).unwrap_err().contains("empty"), "{nothing}");
        }
        assert!(words("a\\").is_err());
    }

    #[test]
    fn the_row_is_named_after_the_program_s_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("my policy.v2.py");
        std::fs::write(&file, "1").unwrap();
        let file = file.display();
        let name = |command: String| Launch::new(&command, None, 1.0).unwrap().name;
        assert_eq!(name(format!("python3.12 -u '{file}' --weights w.pt")), "my policy.v2");
        assert_eq!(name(format!("./act '{file}'")), "act");
        assert_eq!(name("/bin/sh -c 'exec x'".into()), "sh");
        assert_eq!(Launch::new("./act", Some("mine"), 1.0).unwrap().name, "mine");
    }

    #[test]
    fn another_content_is_another_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w");
        let of = |content: &str| {
            std::fs::write(&file, content).unwrap();
            Launch::new(&format!("act --weights={}", file.display()), None, 1.0).unwrap().identity()
        };
        assert_ne!(of("1"), of("2"));
        assert_eq!(of("1"), of("1"));
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(of("abc").to_string().contains(abc));
    }

    #[test]
    fn times_out_of_range_are_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e6] {
            assert!(Launch::new("x", None, bad).unwrap_err().to_string().contains("--program-timeout"));
        }
    }
}
