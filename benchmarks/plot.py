"""The ratios as a picture: one row per scenario, dot and interval, marks for must and aim."""

from __future__ import annotations

from html import escape
from typing import Any

_LEFT, _RIGHT, _ROW, _WIDTH = 370, 40, 34, 940
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222 } .small { font-size: 11px; fill: #666 }
.grid { stroke: #ddd } .one { stroke: #888 } .must, .aim { stroke-width: 2 }
.must { stroke: #c0392b } .aim { stroke: #27ae60 }
.bar { stroke: #2c5f9e; stroke-width: 3 } .dot { fill: #2c5f9e } .other { fill: none; stroke: #2c5f9e }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .small { fill: #aaa } .grid { stroke: #444 } .back { fill: #1b1b1b }
}
"""


def svg(results: dict[str, Any]) -> str:
    """A small SVG that needs no script and no font of its own."""
    entries = [entry for entry in results["scenarios"] if entry["kind"] == "load"]
    where = results["machine"]
    top = 1.1
    for entry in entries:
        values = [entry["must"] or 0, entry["aim"] or 0]
        values += [variant["ratio"]["high"] for variant in entry["variants"].values()]
        top = max(top, *values)
    top *= 1.05
    height = 60 + _ROW * len(entries) + 40

    def x(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / top

    title = f"CPU of {where['reference']} over CPU of {where['candidate']}, per request (right of 1: cheaper)"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<rect class="back" width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="16" y="26">{escape(title)}</text>',
    ]
    step = 0.25 if top <= 3 else 1.0
    mark = 0.0
    while mark <= top:
        kind = "one" if mark == 1 else "grid"
        parts.append(f'<line class="{kind}" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="44" y2="{height - 36}"/>')
        parts.append(f'<text class="small" x="{x(mark):.1f}" y="{height - 20}" text-anchor="middle">{mark:g}</text>')
        mark += step
    for row, entry in enumerate(entries):
        y = 62 + row * _ROW
        parts.append(f'<text x="16" y="{y + 4}">{escape(entry["title"])}</text>')
        for kind in ("must", "aim"):
            if entry[kind] is not None:
                at = x(entry[kind])
                parts.append(f'<line class="{kind}" x1="{at:.1f}" x2="{at:.1f}" y1="{y - 10}" y2="{y + 10}"/>')
        for index, variant in enumerate(entry["variants"].values()):
            ratio = variant["ratio"]
            if index == 0:
                low, high = x(ratio["low"]), x(ratio["high"])
                parts.append(f'<line class="bar" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>')
            dot = "dot" if index == 0 else "other"
            parts.append(f'<circle class="{dot}" cx="{x(ratio["median"]):.1f}" cy="{y}" r="{5 - index}"/>')
    legend = "bar and dot: varying requests; ring: constant ones; red: must; green: aim"
    parts.append(f'<text class="small" x="16" y="{height - 4}">{legend}</text></svg>')
    return "\n".join(parts) + "\n"
