"""The style of the page: light, dark, and on paper."""

STYLE = """
:root { color-scheme: light dark; --ground: #FFFFFF; --ink: #16212C; --muted: #586574; --line: #DCE2E8;
  --raised: #F2F4F6; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #1C2329; --ink: #E8EDF1; --muted: #A0ADB9; --line: #34404A; --raised: #262F37; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1040px; padding: 24px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 36px 0 8px; padding-bottom: 4px; border-bottom: 1px solid var(--line); }
p { margin: 4px 0 12px; }
.quiet { color: var(--muted); font-size: 13px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th { text-align: left; vertical-align: bottom; font-weight: 600; color: var(--muted); }
th, td { padding: 4px 8px; border-bottom: 1px solid var(--line); }
td { vertical-align: top; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
.number { text-align: right; white-space: nowrap; }
.words { overflow-wrap: break-word; max-width: 320px; }
.total td { font-weight: 600; border-top: 2px solid var(--line); }
code, pre, .hash { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; font-size: 12px; }
.hash { overflow-wrap: anywhere; }
pre { background: var(--raised); padding: 12px; overflow-x: auto; margin: 0; }
figure { margin: 0 0 16px; padding: 12px; background: #F7F8FA; color: #16212C; border: 1px solid var(--line);
  border-radius: 6px; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { font-size: 12px; color: #586574; overflow-wrap: anywhere; }
figcaption b { color: #16212C; font-size: 13px; }
.pictures { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
.pictures figure { margin: 0; break-inside: avoid; }
.pair { display: grid; grid-template-columns: 1fr 160px; gap: 16px; align-items: start; margin-top: 8px; }
.pair img { image-rendering: pixelated; max-width: 100%; outline: 1px solid #DCE2E8; }
@media (max-width: 860px) { .pictures { grid-template-columns: 1fr; } }
@page { size: A4; margin: 14mm 12mm; }
@media print {
  :root { color-scheme: light; --ground: #FFFFFF; --ink: #16212C; --muted: #586574; --line: #DCE2E8;
    --raised: #F2F4F6; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h1 { font-size: 17pt; }
  h2 { font-size: 12pt; margin-top: 18pt; break-after: avoid; }
  table { font-size: 7pt; }
  th, td { padding: 2pt 3pt; }
  .words { overflow-wrap: anywhere; max-width: none; }
  thead { display: table-header-group; }
  tr, figure { break-inside: avoid; }
  .wide { overflow: visible; }
  .quiet, figcaption, figcaption b { font-size: 8pt; }
  code, pre, .hash { font-size: 7pt; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .pictures { grid-template-columns: 1fr 1fr; }
  .pair { grid-template-columns: 1fr 70px; gap: 8px; }
}
"""
