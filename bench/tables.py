# SPDX-License-Identifier: MIT
"""tables - of docs/benchmarks.md, as lines of Markdown: bench/compare makes them of what the benchmarks have told."""
import statistics


def number(value):
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    return f"{value:,.{digits}f}"


def spread(values):
    middle = statistics.median(values) if values else 0
    return (max(values) - min(values)) / middle if middle > 0 else 0


def marked(kind):
    """Behind a figure of which there is no run with near CPUs."""
    return "" if kind in (None, "near") else f" ({kind})"


def told(runs):
    return number(runs.median()) + marked(runs.kind())


def table(rows, peers):
    names = [peer.name for peer in peers]
    lines = ["| | unit | **ringmail** | spread | " + " | ".join(names) + " | against the best |",
             "|---|---|---|---|" + "---|" * (len(names) + 1)]
    for row in rows:
        if not row.ours.all:
            continue
        theirs = [told(row.theirs[name]) if name in row.theirs else "-" for name in names]
        best, against = row.best()
        lines.append(f"| {row.benchmark}: {row.metric} | {row.unit} | **{number(row.ours.median())}**{marked(row.ours.kind())} | "
                     f"{100 * spread(row.ours.values()):.0f} % | " + " | ".join(theirs) +
                     (f" | {against:.2f} x {best} |" if best else " | - |"))
    return lines


TAILS = ("p50", "p99", "p99.9", "p99.99")


def tails_table(rows, peers):
    """Of the rows of which ours and a peer's latencies are known."""
    rows = [row for row in rows if row.ours.has_tails() and any(runs.has_tails() for runs in row.theirs.values())]
    names = [peer.name for peer in peers
             if any(peer.name in row.theirs and row.theirs[peer.name].has_tails() for row in rows)]
    lines = ["| p50 / p99 / p99.9 / p99.99 | unit | **ringmail** | " + " | ".join(names) + " |",
             "|---|---|---|" + "---|" * len(names)]
    for row in rows:
        cells = [row.ours] + [row.theirs.get(name) for name in names]
        texts = ["-" if cell is None or not cell.has_tails() else " / ".join(number(cell.tail(tail)) for tail in TAILS)
                 for cell in cells]
        lines.append(f"| {row.benchmark}: {row.metric} | {row.unit} | **{texts[0]}** | " + " | ".join(texts[1:]) + " |")
    return lines if rows else []


def limits_table(figures):
    lines = ["| | unit | value | p50 | p99 | p99.9 | p99.99 | spread | the limit | ratio |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for figure in figures:
        limit = f"{number(figure['against_value'])} {figure['against']}" if figure["against"] else "-"
        against = f"{figure['ratio']:.2f}" if figure["ratio"] is not None else "-"
        lines.append(f"| {figure['bench']}: {figure['metric']} | {figure['unit']} | **{number(figure['value'])}**"
                     f"{marked(figure['kind'])} | " +
                     " | ".join(number(figure[name]) for name in ("p50", "p99", "p99.9", "p99.99")) +
                     f" | {100 * figure['spread']:.0f} % | {limit} | {against} |")
    return lines


def against_of(told):
    return f"{number(told['against_value'])}; {told['ratio']:.2f}" if told["against_value"] is not None else "-"


def far_figures_table(figures):
    """Of the figures of which there were runs with the CPUs near and others with the CPUs far."""
    lines = ["| | unit | near | far | the limit and ratio, near | far |", "|---|---|---|---|---|---|"]
    for figure in (figure for figure in figures if figure["kind"] == "near" and figure["far"]):
        far = figure["far"]
        lines.append(f"| {figure['bench']}: {figure['metric']} | {figure['unit']} | {number(figure['value'])} | "
                     f"{number(far['value'])} | {against_of(figure)} | {against_of(far)} |")
    return lines if len(lines) > 2 else []


def far_rows_table(rows, peers):
    """Near and far of ours and of each peer that has both."""
    names = [peer.name for peer in peers]
    lines = ["| near / far | unit | **ringmail** | " + " | ".join(names) + " |", "|---|---|---|" + "---|" * len(names)]
    for row in (row for row in rows if row.ours.of("near") and row.ours.of("far")):
        cells = [f"{number(runs.median('near'))} / {number(runs.median('far'))}"
                 for runs in [row.ours] + [row.theirs.get(name, row.ours.none()) for name in names]]
        lines.append(f"| {row.benchmark}: {row.metric} | {row.unit} | **{cells[0]}** | " + " | ".join(cells[1:]) + " |")
    return lines if len(lines) > 2 else []


def far_section(rows, peers, figures):
    """Nothing where the CPUs stayed as they were."""
    found = [lines for lines in (far_figures_table(figures), far_rows_table(rows, peers)) if lines]
    text = ["### When the CPUs are far from each other", "",
            "Medians of the runs of either kind, where there were both (see above); of far ones there may be only one.", ""]
    return text + [line for lines in found for line in lines + [""]] if found else []


def echo_table(figures):
    """Of the echo: a line for each case, a column for each server."""
    names = list(dict.fromkeys(figure["server"] for figure in figures))
    cases = {}
    for figure in figures:
        cases.setdefault(figure["case"], {})[figure["server"]] = figure
    lines = ["| connections x bytes x pipelined | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for case, servers in cases.items():
        cells = []
        for name in names:
            figure = servers[name]
            tails = " / ".join(number(figure[tail]) for tail in ("p50_us", "p99_us", "p999_us", "p9999_us"))
            cells.append(f"{number(figure['cpu_us'])}; {number(figure['rate'] / 1e3)} k/s; {tails}" + versus(figure))
        lines.append(f"| {case} | " + " | ".join(cells) + " |")
    return lines


def kv_table(figures):
    lines = ["| | unit | kv | redis-server | ratio | spread |", "|---|---|---|---|---|---|"]
    for figure in figures:
        against = f"{figure['ratio']:.2f}" if figure["ratio"] is not None else "-"
        lines.append(f"| {figure['metric']} | {figure['unit']} | **{number(figure['value'])}** | "
                     f"{number(figure['against_value'])} | {against} | {100 * figure['spread']:.0f} % |")
    return lines


def request_table(figures):
    lines = ["| the load | | server | requests/s | spread | p50 us | p99 us | CPU us | of these the kernel | sleeps | the load's CPU us |",
             "|---|---|---|---|---|---|---|---|---|---|---|"]
    for figure in figures:
        cells = [number(figure[name]) for name in ("p50_us", "p99_us", "cpu_us", "system_us", "sleeps", "load_us")]
        lines.append(f"| {figure['load']} | {figure['case']} | {figure['server']} | {number(figure['rate'])}{versus(figure)} | "
                     f"{100 * figure['spread']:.0f} % | " + " | ".join(cells) + " |")
    return lines


def versus(figure):
    """Ours against each peer, as an emphasised note; nothing if there is none."""
    notes = ", ".join(f"{value:.2f} of {key[8:]}" for key, value in figure.items() if key.startswith("against "))
    return f" **({notes})**" if notes else ""


def idle_table(figures):
    lines = ["| | bytes for each | resident in all, MiB | the kernel's for each, both ends |", "|---|---|---|---|"]
    for figure in (figure for figure in figures if "bytes" in figure):
        lines.append(f"| {figure['server']} | {number(figure['bytes'])}{versus(figure)} | "
                     f"{number(figure['resident'] / 1048576)} | {number(figure['kernel_bytes'])} |")
    return lines


def churn_table(figures):
    lines = ["| | server's CPU, us | a second | p50 us | p99 | p99.9 | p99.99 | spread |", "|---|---|---|---|---|---|---|---|"]
    for figure in (figure for figure in figures if figure["case"] == "churn"):
        lines.append(f"| {figure['server']} | {number(figure['cpu_us'])}{versus(figure)} | {number(figure['rate'])} | " +
                     " | ".join(number(figure[name]) for name in ("p50_us", "p99_us", "p999_us", "p9999_us")) +
                     f" | {100 * figure['spread']:.0f} % |")
    return lines


def tls_table(figures):
    lines = ["| | server | server's CPU, us | against OpenSSL alone | spread |", "|---|---|---|---|---|"]
    for figure in figures:
        lines.append(f"| {figure['case']} | {figure['server']} | {number(figure['cpu_us'])} | {figure['ratio']:.2f} | "
                     f"{100 * figure['spread']:.0f} % |")
    return lines
