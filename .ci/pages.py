#!/usr/bin/env python3
"""Pages that the program writes, in a real browser without a display and without a network.

    pages.py CHROMIUM PAGE.html [PAGE.html ...]

A page gets a script of checks at its end, is opened at the widths of a telephone and of two screens, and says what it
found. Reports: no column is out of reach, and where a table must be scrolled a hint says so. Players: a button and a key
each go one step on. Every page: no error, and nothing asked of a network.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTHS = [390, 1400, 1920]
FIRST = "<script>const faults = []; addEventListener('error', (e) => faults.push('error: ' + e.message));</script>"
LAST = """<script>
addEventListener('load', () => {
  const check = (holds, what) => { if (!holds) faults.push(what); };
  const page = document.scrollingElement;
  check(page.scrollWidth <= page.clientWidth + 1, 'the page itself is wider than its window');
  for (const wide of document.querySelectorAll('.wide')) {
    const scrolls = wide.scrollWidth > wide.clientWidth;
    check(!scrolls || wide.tabIndex === 0, 'a table that scrolls is out of reach of keys');
    const hint = wide.previousElementSibling;
    check(scrolls === (hint.offsetHeight > 0), 'a hint where nothing scrolls, or none where something does');
    wide.scrollLeft = 1e6;
    const cells = [...wide.querySelectorAll('thead th')];
    const last = cells[cells.length - 1].getBoundingClientRect();
    check(last.right <= wide.getBoundingClientRect().right + 2, 'the last column cannot be reached');
  }
  const step = document.getElementById('step');
  if (step) {
    const before = step.textContent;
    document.getElementById('forward').click();
    const after = step.textContent;
    check(before !== after, 'the button goes no step on: ' + before);
    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
    check(step.textContent !== after, 'the key goes no step on: ' + after);
    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }));
    check(step.textContent === after, 'the key goes no step back');
  } else {
    check(document.querySelector('table, pre, svg'), 'neither a player nor anything to read');
  }
  check(performance.getEntriesByType('resource').length === 0, 'something was loaded');
  document.title = 'CHECKED ' + JSON.stringify(faults);
});
</script>"""


def faults(chromium, page, width):
    html = page.read_text(encoding="utf-8")
    html = html.replace("<head>", "<head>" + FIRST, 1).replace("</body>", LAST + "</body>")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page.html"
        copy.write_text(html, encoding="utf-8")
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
                   f"--user-data-dir={folder}/profile", "--host-resolver-rules=MAP * ~NOTFOUND",
                   "--virtual-time-budget=5000", "--dump-dom", copy.as_uri()]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    found = re.search(r"<title>CHECKED (\[.*?\])</title>", shown)
    return found.group(1) if found else "the checks did not run"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    chromium, failed = sys.argv[1], False
    for page in map(Path, sys.argv[2:]):
        for width in WIDTHS:
            found = faults(chromium, page, width)
            failed |= found != "[]"
            print(f"{page.name} at {width}: {'sound' if found == '[]' else found}", flush=True)
    sys.exit(failed)


main()
