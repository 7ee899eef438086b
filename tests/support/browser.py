"""Opens a page in headless Chromium, with scripts of a test in it, and returns what they found."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# What went wrong while the page loaded, which pictures show, what it asked for, and whether it overflows.
SELF_CHECK = """<script>
const faults = [];
addEventListener('error', e => faults.push(e.message || 'failed: ' + e.target.outerHTML.slice(0, 90)), true);
addEventListener('securitypolicyviolation', e => faults.push('refused: ' + e.blockedURI));
addEventListener('load', () => { document.body.dataset.check = JSON.stringify({ faults,
  widths: [...document.images].map(i => i.naturalWidth),
  asked: performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:')),
  overflow: document.documentElement.scrollWidth - innerWidth }); });
</script>"""


def dump_dom(page: Path, width: int = 1280, anchor: str = "") -> str:
    """Returns the HTML of a page once loaded; skips the test without a browser. Fails on a message of the console."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium on this machine")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'profile'}",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--window-size={width},900", "--enable-logging=stderr", "--dump-dom", page.as_uri() + anchor,
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "CONSOLE" not in shown.stderr, shown.stderr[-500:]
    return shown.stdout


def check_page(text: str, folder: Path, width: int, script: str = "", anchor: str = "") -> dict[str, Any]:
    """Opens a copy of a page that may run any script; returns what SELF_CHECK and `script` put into data-* as JSON.

    `script` is a <script> element that may set `document.body.dataset.seen`.
    """
    policy = re.search(r"style-src 'unsafe-inline'(; script-src '[^']*')?", text)
    assert policy
    copy = folder / "copy.html"
    copy.write_text(
        text.replace(policy[0], "style-src 'unsafe-inline'; script-src 'unsafe-inline'", 1)
        .replace("<title>", SELF_CHECK + "<title>", 1)
        .replace("</body>", script + "</body>")
    )
    found = re.findall(r'data-(check|seen)="([^"]*)"', dump_dom(copy, width, anchor))
    return {name: json.loads(html.unescape(value)) for name, value in found}
