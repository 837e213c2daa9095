# SPDX-License-Identifier: MIT
"""plots - of docs/benchmarks.md, by gnuplot: bench/compare makes them of the same rows as the tables."""
import math
import os
import shutil
import subprocess

import tables

COLOURS = {"Erlang/OTP": "#a90533", "CAF": "#e69f00", "Go": "#0072b2", "tokio": "#000000", "libuv": "#009e73"}
# A shape for each as well, for who cannot tell the colours apart.
SHAPES = {"Erlang/OTP": 9, "CAF": 5, "Go": 7, "tokio": 13, "libuv": 11}
ROW_PIXELS = 19


def gnuplot(script):
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def text(words):
    """As a string of gnuplot's, which would take some characters for its own."""
    for mark in "\\\"^_{}@&~":
        words = words.replace(mark, {"^": "\\\\^", "_": "\\\\_", "@": "\\\\@", "&": "\\\\&", "~": "\\\\~"}.get(mark, ""))
    return f'"{words}"'


def head(path, width, height):
    terminal = "pngcairo" if path.endswith(".png") else "svg"
    return f"""
set terminal {terminal} size {width},{height} font "sans,12" background "white" enhanced
set output "{path}"
set encoding utf8
"""


def times(value):
    """A power of ten as the axis says it."""
    return "the same" if value == 1 else f"{value:,.0f} x" if value > 1 else f"1/{1 / value:,.0f}"


def against(path, rows, names):
    """A line for each row, on it a point for each peer: how many times better ringmail is, on powers of ten."""
    rows = [row for row in rows if row.ours.all and row.theirs]
    names = [name for name in names if any(name in row.theirs for row in rows)]
    ratios = [{name: row.against(name) for name in names if name in row.theirs} for row in rows]
    every = [value for row in ratios for value in row.values()]
    if not every:
        return
    low, high = (10.0 ** math.floor(math.log10(min(every + [0.5]))), 10.0 ** math.ceil(math.log10(max(every + [2]))))
    powers = [10.0 ** i for i in range(round(math.log10(low)), round(math.log10(high)) + 1)]
    places = {id(row): len(rows) - 1 - i for i, row in enumerate(rows)}
    tics = ", ".join(f"{text(f'{row.benchmark}: {row.metric}')} {places[id(row)]}" for row in rows)
    blocks, lines = [], []
    for name in names:
        points = [f"{told[name]:.5g} {places[id(row)]}" for row, told in zip(rows, ratios) if name in told]
        blocks.append(f"$p{len(blocks)} << END\n" + "\n".join(points) + "\nEND\n")
        lines.append(f"$p{len(lines)} using 1:2 with points pt {SHAPES.get(name, 6)} ps 0.9 "
                     f"lc rgb \"{COLOURS.get(name, '#555555')}\" title {text(name)}")
    gnuplot(head(path, 1000, 140 + ROW_PIXELS * len(rows)) + "".join(blocks) + f"""
set logscale x 10
set xrange [{low}:{high}]
set yrange [-0.7:{len(rows) - 0.3}]
set xtics ({", ".join(f"{text(times(power))} {power:g}" for power in powers)})
set ytics ({tics}) font "sans,11"
set grid xtics ytics lc rgb "#dddddd" lt 1
set object 1 rectangle from {low},-0.7 to 1,{len(rows) - 0.3} fc rgb "#f7e6e6" fs solid noborder behind
set arrow 1 from 1,-0.7 to 1,{len(rows) - 0.3} nohead lw 2 lc rgb "#444444"
set label 1 "the peer is ahead" at 0.87,graph 1.012 right tc rgb "#a04040" font "sans,11"
set label 2 "ringmail is ahead" at 1.15,graph 1.012 tc rgb "#306030" font "sans,11"
set xlabel "how many times better ringmail is than each peer"
set key outside top center horizontal samplen 1 maxrows 1
set lmargin 44
set rmargin 6
set tmargin 5
plot {", ".join(lines)}
""")


def latencies(path, rows, names):
    """A panel for each row whose latencies are known of ours and a peer's: from the median to one of 10,000."""
    rows = [row for row in rows if row.benchmark != "start" and row.ours.has_tails()
            and any(runs.has_tails() for runs in row.theirs.values())]
    if not rows:
        return
    script = head(path, 340 * len(rows), 430) + f"set multiplot layout 1,{len(rows)}\n"
    for row in rows:
        systems = [("ringmail", row.ours)] + [(name, row.theirs[name]) for name in names
                                              if name in row.theirs and row.theirs[name].has_tails()]
        blocks, lines = [], []
        for name, runs in systems:
            values = [runs.tail(tail) for tail in tables.TAILS]
            blocks.append(f"$t{len(blocks)} << END\n" + "\n".join(f"{i} {value:.6g}" for i, value in enumerate(values)) + "\nEND\n")
            colour, shape = COLOURS.get(name, "#d00000"), SHAPES.get(name, 7)
            lines.append(f"$t{len(lines)} using 1:2 with linespoints pt {shape} ps 0.8 lw {3 if name == 'ringmail' else 1.5} "
                         f"lc rgb \"{'#d00000' if name == 'ringmail' else colour}\" title {text(name)}")
        tics = ", ".join(f'"{tail}" {i}' for i, tail in enumerate(tables.TAILS))
        script += "".join(blocks) + f"""
set title {text(f"{row.benchmark}: {row.metric}")} font "sans,11"
set logscale y 10
set xrange [-0.3:3.3]
set yrange [*:*]
set xtics ({tics}) font "sans,10"
set ylabel {text(row.unit)} offset 1,0
set format y "%.0f"
set grid lc rgb "#dddddd" lt 1
set key bottom outside center horizontal samplen 1.5
plot {", ".join(lines)}
"""
    gnuplot(script + "unset multiplot\n")


def limits(path, figures):
    """A bar for each figure that is held against a limit: 1 is the limit."""
    figures = [figure for figure in figures if figure.get("ratio")]
    if not figures:
        return
    most = 1.5
    places = list(range(len(figures) - 1, -1, -1))
    tics = ", ".join(f"{text(figure['bench'] + ': ' + figure['metric'] + ' / ' + figure['against'])} {place}"
                     for figure, place in zip(figures, places))
    bars = "\n".join(f"{min(figure['ratio'], most):.4g} {place} {figure['ratio']:.2f}" for figure, place in zip(figures, places))
    gnuplot(head(path, 1000, 110 + ROW_PIXELS * len(figures)) + f"""
$bars << END
{bars}
END
set xrange [0:{most * 1.12}]
set xtics 0,0.2,{most}
set yrange [-0.7:{len(figures) - 0.3}]
set ytics nomirror ({tics}) font "sans,10"
set grid xtics lc rgb "#dddddd" lt 1
set arrow 1 from 1,-0.7 to 1,{len(figures) - 0.3} nohead lw 2 lc rgb "#444444"
set xlabel "1: as good as the limit; to the right: better" offset -12,0
set lmargin 62
set rmargin 3
set tmargin 1
set boxwidth 0.7
set style fill solid 0.8 noborder
unset key
plot $bars using (0):2:(0):1:($2-0.35):($2+0.35) with boxxyerror lc rgb "#4c72b0", \\
     $bars using ({most * 1.11}):2:(sprintf("%.2f", $3)) with labels right font "sans,10"
""")


def cost(path, curves):
    """Instructions as the work grows: by shards, and by actors, connections, sockets and files."""
    panels = [("by shards, each with as much to do", "shards", [n for n in curves if "shards" in n and "alone" not in n]),
              ("by shards, one thing under way in all", "shards", [n for n in curves if "alone" in n]),
              ("by how many there are", "actors, connections, sockets, files", [n for n in curves if "shards" not in n])]
    colours = {"message": "#d00000", "request": "#e69f00", "echo": "#0072b2", "datagram": "#000000", "file read": "#009e73"}
    script = head(path, 1080, 460) + "set multiplot layout 1,3\n"
    for x, (title, below, names) in zip((0.18, 0.51, 0.84), panels):
        blocks = [f"$c{i} << END\n" + "\n".join(f"{x} {y}" for x, y in curves[name]) + "\nEND\n" for i, name in enumerate(names)]
        kinds = [name.split(":")[0] for name in names]
        lines = [f"$c{i} using 1:2 with linespoints pt 7 ps 0.7 lw 2 lc rgb \"{colours.get(kind, '#555555')}\" title {text(kind)}"
                 for i, kind in enumerate(kinds)]
        script += "".join(blocks) + f"""
set title {text(title)} font "sans,12"
set logscale xy 10
set xrange [{"0.8:80" if below == "shards" else "5:2000000"}]
set yrange [100:100000]
set bmargin 8
set xtics {"(1, 2, 4, 16, 64)" if below == "shards" else '("10" 10, "1,000" 1000, "" 10000, "100,000" 100000, "" 1000000)'} font "sans,10"
set ytics ("100" 100, "1,000" 1000, "10,000" 10000, "100,000" 100000) font "sans,10"
set grid lc rgb "#dddddd" lt 1
set xlabel {text(below)}
set ylabel "instructions for each" offset 1,0
set key at screen {x},0.09 center horizontal samplen 1.2 maxcols 3 font "sans,10"
plot {", ".join(lines)}
"""
    gnuplot(script + "unset multiplot\n")


def make(folder, rows, names, figures):
    """Which plots there are now: none without gnuplot."""
    if shutil.which("gnuplot") is None:
        print("no plots: install gnuplot-nox")
        return []
    os.makedirs(folder, exist_ok=True)
    against(os.path.join(folder, "against.svg"), rows, names)
    latencies(os.path.join(folder, "latencies.svg"), rows, names)
    limits(os.path.join(folder, "limits.svg"), figures)
    return ["against", "latencies", "limits"]
