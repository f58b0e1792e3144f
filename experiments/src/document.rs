//! HTML reports: one file that loads nothing.

use crate::picture::escape;

const STYLE: &str = include_str!("report.css");

/// What closes the document: tables that are wider than the window say that they can be scrolled.
pub const END: &str = "<script>
const hint = () => document.querySelectorAll('.wide').forEach(
  (wide) => { wide.previousElementSibling.hidden = wide.scrollWidth <= wide.clientWidth; });
addEventListener('resize', hint);
hint();
</script>
</body>
</html>
";

/// Head, style and heading; the body follows.
pub fn head(title: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )
}

/// Escapes text whose line breaks count.
pub fn escape_lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

/// A table: headings, then rows of cells, all plain text. The first cell of a row names it; further lines of a cell
/// are small.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    // Can be scrolled by key where it is wider than the window.
    let mut html = String::from(
        "<div class=\"scroller\"><p class=\"hint muted\" hidden>scroll sideways for more columns &#8594;</p>\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table\"><table>\n<thead><tr>",
    );
    for heading in headings {
        html += &format!("<th scope=\"col\">{}</th>", escape(heading));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (at, cell) in row.iter().enumerate() {
            let mut lines = cell.lines().map(escape);
            let first = lines.next().unwrap_or_default();
            let cell = lines.fold(first, |cell, line| cell + &format!("<small>{line}</small>"));
            html += &match at {
                0 => format!("<th scope=\"row\">{cell}</th>"),
                _ => format!("<td>{cell}</td>"),
            };
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div></div>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let html = head("a < b") + &table(&["<i>"], &[vec!["<b>".into(), "\"&".into()]]) + END;
        for part in ["<h1>a &lt; b</h1>", "&lt;i&gt;", "<th scope=\"row\">&lt;b&gt;</th><td>&quot;&amp;</td>"]
        {
            assert!(html.contains(part), "`{part}` is not in {html}");
        }
        assert!(!html.contains("<i>") && !html.contains("<b>"));
    }
}
