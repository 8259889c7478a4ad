"""A row as a picture: a bar a side by its median, and a line from the quickest run to the slowest. The scale is logarithmic, and says so."""

import html
import math

from versus.figures import short

LEFT, WIDTH, BAR, GAP, TOP = 200, 620, 20, 12, 34
OURS, THEIRS, INK = "#b5541c", "#8a97a6", "#333"


def ours(name):
    return not any(name.startswith(other) for other in ("careful bash", "floor", "just", "go-task", "chaostoolkit", "Ansible", "ClusterShell", "bare ssh", "tee", "sha256sum", "grep"))


def svg(title, unit, scale, figures):
    values = {name: [one.wall * scale for one in some if one.wall > 0] for name, some in figures.sides.items()}
    least = min(min(some) for some in values.values() if some)
    most = max(max(some) for some in values.values() if some)
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most * 1.0001))
    height = TOP + len(values) * (BAR + GAP) + 30

    def x(value):
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - 110)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH}" height="{height}" viewBox="0 0 {LEFT + WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="100%" height="100%" fill="#fff"/><text x="8" y="20" fill="{INK}" font-weight="bold">{html.escape(title)}, {unit}, logarithmic</text>',
    ]
    for power in range(low, high + 1):
        at = x(10.0**power)
        parts.append(f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{height - 24}" stroke="#ddd"/><text x="{at:.1f}" y="{height - 8}" fill="{INK}" text-anchor="middle">{10.0**power:g}</text>')
    for n, (name, some) in enumerate(values.items()):
        y = TOP + n * (BAR + GAP) + 4
        parts.append(f'<text x="{LEFT - 8}" y="{y + 15}" fill="{INK}" text-anchor="end">{html.escape(name)}</text>')
        median = figures.median(name) * scale
        if not some or median <= 0:
            parts.append(f'<text x="{LEFT + 4}" y="{y + 15}" fill="{INK}">below what can be measured</text>')
            continue
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{max(1, x(median) - LEFT):.1f}" height="{BAR}" fill="{OURS if ours(name) else THEIRS}"/>')
        middle = y + BAR / 2
        parts.append(f'<line x1="{x(min(some)):.1f}" y1="{middle}" x2="{x(max(some)):.1f}" y2="{middle}" stroke="{INK}" stroke-width="2"/>')
        parts.append(f'<text x="{max(x(max(some)), x(median)) + 6:.1f}" y="{y + 15}" fill="{INK}">{short(median)}</text>')
    return "\n".join([*parts, "</svg>\n"])
