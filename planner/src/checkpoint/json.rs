//! How manifests are written: a field a line, and each list on one line, so that thousands of numbers are not thousands of lines.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{Formatter, PrettyFormatter};

/// `value` as JSON.
///
/// # Errors
/// Where it cannot be said in JSON, such as a map whose keys are no text.
pub fn to_string(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, ListsOnOneLine::default()))?;
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}

/// `serde_json`'s own layout, but for what is within a list.
#[derive(Default)]
struct ListsOnOneLine {
    outside: PrettyFormatter<'static>,
    lists: usize,
}

impl Formatter for ListsOnOneLine {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.lists += 1;
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.lists -= 1;
        writer.write_all(b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.lists == 0 { self.outside.begin_object(writer) } else { writer.write_all(b"{") }
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.lists == 0 { self.outside.end_object(writer) } else { writer.write_all(b"}") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        match self.lists {
            0 => self.outside.begin_object_key(writer, first),
            _ if first => Ok(()),
            _ => writer.write_all(b", "),
        }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.lists == 0 { self.outside.end_object_value(writer) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_lines_and_lists_have_one() {
        let value = serde_json::json!({
            "a": {"b": [1, [2.5, null], {"c": "x", "d": [true]}], "e": {}},
            "f": [],
        });
        let text = to_string(&value).unwrap();
        let lines = [
            "{",
            "  \"a\": {",
            "    \"b\": [1, [2.5, null], {\"c\": \"x\", \"d\": [true]}],",
            "    \"e\": {}",
            "  },",
            "  \"f\": []",
            "}",
        ];
        assert_eq!(text, lines.join("\n"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
