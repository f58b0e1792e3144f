//! Text of unknown origin in messages.

use std::fmt::{self, Display, Write};

/// Most characters of a text that are shown: a name in a file may be as long as the file.
const MOST: usize = 4096;

/// `text` with everything that a terminal would obey instead of show written out (`\u{1b}`): control characters, line
/// breaks among them, and those that turn or hide text. What goes on for pages is cut off. Names and values that stand in
/// files reach messages only so.
pub fn printable<T: Display>(text: T) -> impl Display {
    Printable(text)
}

struct Printable<T>(T);

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Escaping { to: f, left: MOST };
        let written = write!(out, "{}", self.0);
        // What was cut off stopped the writing, and is no fault.
        if out.left == 0 { f.write_str("...") } else { written }
    }
}

struct Escaping<'a, 'b> {
    to: &'a mut fmt::Formatter<'b>,
    left: usize,
}

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.left == 0 {
                return Err(fmt::Error);
            }
            self.left -= 1;
            if obeyed(c) { write!(self.to, "{}", c.escape_default())? } else { self.to.write_char(c)? }
        }
        Ok(())
    }
}

/// Whether a character is obeyed rather than shown: control characters, and Unicode's marks of direction, joints without
/// width and line ends.
fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_a_terminal_would_obey_is_written_out_and_the_rest_left_alone() {
        let shown = printable("a\u{1b}[31m\r\nb\u{202e}\u{9b}").to_string();
        assert_eq!(shown, "a\\u{1b}[31m\\r\\nb\\u{202e}\\u{9b}");
        let long = printable("é".repeat(1 << 20)).to_string();
        assert!(long.starts_with("éé") && long.ends_with("...") && long.chars().count() == 4096 + 3);
        assert_eq!(printable("`naïve` \"日本\" C:\\x").to_string(), "`naïve` \"日本\" C:\\x");
    }
}
