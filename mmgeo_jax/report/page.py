"""The style of a report, on the frame that all pages of the project share."""

from data_gen.shared import html

STYLE = """
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 150px), 1fr)); gap: 12px;
  margin: 26px 0 8px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 15px; }
.tile .name { font-size: 14px; color: var(--soft); }
.tile .big { font-size: 34px; font-weight: 650; letter-spacing: -.02em; line-height: 1.25;
  font-variant-numeric: tabular-nums; }
.tile .more { font-size: 13px; color: var(--soft); }
table.scores { width: 100%; min-width: 690px; font-size: 15px; table-layout: fixed; margin-top: 18px; }
table.scores th:nth-child(1) { width: 27%; } table.scores th:nth-child(2) { width: 28%; }
table.scores th:nth-child(3) { width: 19%; }
table.scores th { text-align: right; font-weight: 500; font-size: 13px; color: var(--soft); padding: 6px 10px;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
table.scores td { text-align: right; padding: 7px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
table.scores th:first-child, table.scores td:first-child { text-align: left; padding-left: 0; white-space: normal; }
table.scores th:first-child { color: var(--ink); font-size: 15px; font-weight: 600; }
table.scores td:first-child small { display: block; color: var(--soft); line-height: 1.3; }
table.scores td.wide { padding: 0 14px; }
table.scores td .range { color: var(--soft); font-size: 13px; margin-left: 6px; }
.strip { display: block; width: 100%; height: 26px; overflow: visible; }
.strip .axis { stroke: var(--line); }
.strip .whisker { stroke: var(--ours); stroke-width: 3; opacity: .45; stroke-linecap: round; }
.mark.ours { fill: var(--ours); }
.mark.blind { fill: var(--card); stroke: var(--blind); stroke-width: 2; }
.mark.untrained { fill: var(--untrained); }
.mark.chance { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 3 2; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); margin: 8px 0 0; }
.legend span::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 50%;
  margin-right: 6px; background: var(--ours); }
.legend .untrained::before { background: var(--untrained); }
.legend .blind::before { background: none; box-shadow: inset 0 0 0 2px var(--blind); }
.legend .chance::before { border-radius: 0; width: 0; height: 12px; background: none;
  border-left: 2px dashed var(--soft); vertical-align: -2px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); gap: 14px;
  margin-top: 14px; }
.chart { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 14px 8px; }
.chart figcaption { font-size: 14px; font-weight: 600; display: flex; flex-wrap: wrap; gap: 2px 14px;
  justify-content: space-between; margin-bottom: 6px; }
.chart svg { display: block; width: 100%; height: auto; }
.keys { display: flex; flex-wrap: wrap; gap: 2px 12px; font-weight: 400; font-size: 13px; color: var(--soft); }
.key::before { content: ""; display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px;
  vertical-align: middle; background: var(--of); }
.c1 { --of: var(--ours); } .c2 { --of: var(--second); } .c3 { --of: var(--third); } .c4 { --of: var(--good); }
.quiet { --of: var(--untrained); }
.line { fill: none; stroke: var(--of); stroke-width: 2; stroke-linejoin: round; }
.end { fill: var(--of); }
.grid { stroke: var(--line); }
.reference { stroke: var(--soft); stroke-dasharray: 4 3; }
.tick { fill: var(--soft); font-size: 13px; }
.truth th { padding: 0 2px 4px; font-weight: 400; vertical-align: top; }
.truth figure, .single > figure { margin: 0; }
.truth img, .single > figure img { display: block; background: #fff; border-radius: 5px;
  border: 1px solid var(--line); }
.truth img { width: 78px; height: 78px; object-fit: contain; transition: transform .15s; }
.truth img:hover { transform: scale(2); position: relative; z-index: 2; }
.truth th:first-child img:hover { transform-origin: left; }
.truth figcaption, .single figcaption { font-size: 12px; color: var(--soft); max-width: 78px; line-height: 1.35;
  text-align: center; margin-top: 3px; }
.cell { min-width: 78px; height: 24px; text-align: center; padding: 0; border: 2px solid var(--card);
  background: rgba(var(--heat), calc(.06 + .80 * var(--share))); }
.cell.yes { box-shadow: inset 0 0 0 2px var(--ink); border-radius: 5px; }
.cell.unsure { background: repeating-linear-gradient(45deg, transparent 0 4px, var(--line) 4px 5px); }
.cell i, .choice i { font-style: normal; font-weight: 700; display: inline-block; min-width: 20px; border-radius: 10px;
  line-height: 20px; font-size: 13px; }
.cell i { background: var(--card); }
i.good { color: var(--good); } i.bad { color: var(--bad); }
.choice { padding: 0 6px; text-align: center; white-space: nowrap; }
.caption { font-size: 14px; line-height: 1.35; padding: 3px 0 3px 4px; min-width: 250px; }
.extra .caption { color: var(--soft); }
.extra.first td { border-top: 8px solid var(--card); }
figcaption .chip { margin: 0 1px; }
.single { display: grid; grid-template-columns: minmax(140px, 240px) 1fr; gap: 18px; align-items: start; }
.single > figure img { width: 100%; height: auto; }
.single .cell { min-width: 44px; } .single .choice, .single figcaption { display: none; }
.single .caption { min-width: 0; }
.solved { display: grid; gap: 18px; align-items: start;
  grid-template-columns: minmax(120px, 190px) minmax(130px, 1fr) minmax(190px, 2fr) minmax(190px, 2fr); }
.solved figure { margin: 0; }
.solved img { display: block; width: 100%; background: #fff; border: 1px solid var(--line); border-radius: 5px; }
.solved h4 { margin: 0 0 4px; font-size: 13px; font-weight: 500; color: var(--soft); }
.solved pre { margin: 0; font: inherit; font-size: 14px; line-height: 1.45; white-space: pre-wrap;
  overflow-wrap: anywhere; background: none; border: 0; padding: 0; }
.solved .asked { margin: 0 0 8px; font-size: 14px; line-height: 1.4; }
.choices { margin: 0; padding: 0; list-style: none; font-size: 14px; }
.choices .good { color: var(--good); font-weight: 650; }
.choices .bad { color: var(--bad); text-decoration: line-through; }
@media (max-width: 860px) { .solved { grid-template-columns: minmax(120px, 190px) 1fr; } }
@media (max-width: 640px) { .single { grid-template-columns: 1fr; } .single > figure { max-width: 220px; }
  .truth img { width: 60px; height: 60px; } .cell { min-width: 60px; } .truth figcaption { max-width: 60px; }
  .single .truth .cell { min-width: 34px; }
  .legend { display: none; }
  table.scores { min-width: 0; table-layout: auto; font-size: 14px; }
  table.scores td.wide, table.scores th:nth-child(2) { display: none; }
  table.scores th:nth-child(3) { width: auto; }
  table.scores td, table.scores th { padding: 6px 5px; } table.scores td .range { display: block; margin: 0; } }
"""


def page(title: str, body: str) -> str:
    """A report as a whole HTML document; `body` is HTML, `title` is text."""
    return html.page(title, body, STYLE)
