# SPDX-License-Identifier: MIT
"""summary - of docs/benchmarks.md: the tables of bench/compare in a few lines, for a reader who has two minutes."""
import statistics

EVEN = 0.95  # no worse than that is as good
WORST = 4


def times(value):
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def line(name, ratios):
    """Of a dict of ratios by what they are of: how many, in how many ours is as good, the middle, the least, and where not."""
    behind = [f"{what} ({times(value)})" for what, value in sorted(ratios.items(), key=lambda item: item[1]) if value < EVEN]
    told = "; ".join(behind[:WORST]) + (f"; and {len(behind) - WORST} more" if len(behind) > WORST else "")
    least = min(ratios, key=ratios.get)
    return (f"| {name} | {len(ratios)} | {len(ratios) - len(behind)} | {times(statistics.median(ratios.values()))} | "
            f"{times(ratios[least])} | {told or '-'} |")


def peers_lines(rows, names):
    lines = []
    for name in names:
        ratios = {f"{row.benchmark}: {row.metric}": row.against(name) for row in rows if row.ours.all and name in row.theirs}
        if ratios:
            lines.append(line(name, ratios))
    best = {f"{row.benchmark}: {row.metric}": row.best()[1] for row in rows if row.best()[0] is not None}
    return lines + ([line("**the best of them**", best)] if best else [])


def limits_lines(figures):
    ratios = {f"{figure['bench']}: {figure['metric']}, {figure['against']}": figure["ratio"]
              for figure in figures if figure.get("ratio")}
    return [line("the limits of the machine, and what is bare", ratios)] if ratios else []


def what_of(figure):
    """Of a figure of one of the scripts: which case it is."""
    case = figure.get("case") or figure.get("metric") or ""
    return f"{case}, {figure['server']}" if "server" in figure else case


def scripts_lines(title, figures):
    against = {}
    for figure in figures:
        for key, value in figure.items():
            if key.startswith("against ") and isinstance(value, (int, float)):
                against.setdefault(key[len("against "):], {})[what_of(figure)] = value
    if not against:  # those with one rival tell the ratio by itself
        ratios = {what_of(figure): figure["ratio"] for figure in figures if figure.get("ratio") and figure.get("server") != "OpenSSL"}
        rival = "OpenSSL alone" if title == "TLS" else "redis-server"
        against = {rival: ratios} if ratios else {}
    return [line(f"{title}: {rival}", ratios) for rival, ratios in against.items()]


def lines(rows, names, figures, scripts):
    """`scripts`: titles and figures."""
    told = peers_lines(rows, names) + limits_lines(figures)
    for title, theirs in scripts:
        told += scripts_lines(title, theirs)
    return ["Above 1.00 ringmail is better, whatever the unit; as good is from 0.95 on; the figures are all below.", "", "| ringmail beside | figures | as good or better in | in the middle | at least | behind in |",
            "|---|---|---|---|---|---|"] + told
