//! Sound data files in forms of HDF5 that are not read: their message says so, with a way out, and speaks of no damage;
//! and what stands in a file reaches no terminal as more than text.
//!
//! The files were written by h5py 3 (see their names): twenty rows, `observations` in the form in question.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use forethought_envs::data::{ReadOptions, read_hdf5};

fn refusal(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let message = read_hdf5(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(message.contains(name) && !message.contains("damaged"), "{message}");
    message
}

#[test]
fn forms_that_are_not_read_are_told_with_a_way_out() {
    for (name, what, remedy) in [
        ("szip.hdf5", "szip", "h5repack -f GZIP"),
        ("newest.hdf5", "version 5", "libver"),
        ("link.hdf5", "link to another place", "del f[KEY]"),
        ("raw.hdf5", "lie in another file", "del f[KEY]"),
        ("virtual.hdf5", "virtual", "del f[KEY]"),
    ] {
        let message = refusal(name);
        assert!(message.contains("`observations`: not supported by this reader: "), "{message}");
        assert!(message.contains(what) && message.contains(remedy), "{message}");
    }
    // A link of a newer file stands among the names of nothing: the key is missing, and links are said not to count.
    for name in ["link_new.hdf5", "outside.hdf5"] {
        let message = refusal(name);
        assert!(message.contains("`observations` is missing"), "{message}");
        assert!(
            message.contains("links to other places and files are not supported by this reader"),
            "{message}"
        );
    }
    // Room that was made and never filled.
    let message = refusal("spaced.hdf5");
    assert!(message.contains("never written") && message.contains("copy the rows"), "{message}");
}

#[test]
fn what_a_terminal_would_obey_is_written_out() {
    for (name, shown) in [
        ("escapes.hdf5", r"\u{1b}[31mred\u{7}"),
        ("escapes.hdf5", r"x\r\ny"),
        ("meaning.hdf5", r"\u{1b}]0;title\u{7}\u{202e}"),
    ] {
        let message = refusal(name);
        assert!(message.contains(shown), "{message}");
        assert!(message.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{message:?}");
    }
    let message = refusal("described.hdf5");
    assert!(message.contains("line 1") && message.chars().all(|c| !c.is_control()), "{message:?}");
}
