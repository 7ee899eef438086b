"""The frame of a page: one HTML file with its style sheet inside, in light and in dark, narrow and wide."""

from base64 import b64encode
from hashlib import sha256
from html import escape

STYLE = """
:root { color-scheme: light dark;
  --paper: #fbfbf9; --card: #ffffff; --ink: #1b1f24; --soft: #626a75; --line: #e4e4de; --heat: 31,111,139;
  --ours: #1f6f8b; --second: #b5651d; --third: #6b5b95; --blind: #b5651d; --untrained: #9aa1ab; --good: #2c7a4b;
  --bad: #b4372f; --order: #6b5b95; --shape: #1f6f8b; --relation: #2c7a4b; --value: #b5651d; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171a; --card: #1b1f23; --ink: #e6e8ea; --soft: #9aa3ad; --line: #2d3339; --heat: 92,184,214;
  --ours: #5cb8d6; --second: #e0a458; --third: #b3a4dc; --blind: #e0a458; --untrained: #6d7580; --good: #6cc08b;
  --bad: #e5776f; --order: #b3a4dc; --shape: #5cb8d6; --relation: #6cc08b; --value: #e0a458; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 40px 20px 80px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -.015em; }
h2 { font-size: 21px; margin: 56px 0 6px; letter-spacing: -.01em; }
h3 { font-size: 15px; margin: 0; }
p { max-width: 72ch; margin: 6px 0 14px; }
.soft, p.note { color: var(--soft); }
p.note { font-size: 14px; }
b { font-weight: 650; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.family { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px 16px;
  margin: 16px 0; }
.family header { display: flex; flex-wrap: wrap; gap: 2px 16px; align-items: baseline; margin-bottom: 8px;
  font-size: 14px; color: var(--soft); }
.family header h3 { color: var(--ink); font-weight: 600; overflow-wrap: anywhere; }
.family header b { color: var(--ink); }
.chip { font-size: 11px; line-height: 1; padding: 2px 6px; border-radius: 8px; color: var(--soft); margin-right: 4px;
  border: 1px solid currentColor; display: inline-block; white-space: nowrap; }
.chip.order { color: var(--order); } .chip.shape { color: var(--shape); } .chip.relation { color: var(--relation); }
.chip.value { color: var(--value); }
.chip.anchor, .chip.true { background: var(--ink); color: var(--card); border-color: var(--ink); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; font-size: 14px; margin: 10px 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", "Liberation Mono", monospace; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px;
  overflow-x: auto; }
summary { cursor: pointer; font-size: 14px; color: var(--soft); }
@media (max-width: 640px) { main { padding: 24px 14px 60px; } h1 { font-size: 25px; }
  .family { padding: 10px 10px 12px; } }
@media print { .family { break-inside: avoid; } }
"""


def page(title: str, body: str, style: str = "", script: str = "") -> str:
    """A whole HTML document that asks for nothing outside itself; `body` is HTML, `title` is text.

    The browser runs `script` and nothing else: whatever else might look like one is refused by its hash.
    """
    digest = b64encode(sha256(script.encode()).digest()).decode()
    allowed = f"; script-src 'sha256-{digest}'" if script else ""
    code = f"<script>{script}</script>\n" if script else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        f"style-src 'unsafe-inline'{allowed}\">\n"
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n<style>{STYLE}{style}</style>\n</head>\n'
        f"<body>\n<main>\n{body}\n</main>\n{code}</body>\n</html>\n"
    )
