"""What scripts/bench calls says of its rows: added latency, goals, tables, and what has fallen."""

import json
import statistics
import typing

_ECHO = ("echo-callback", "echo-queue")
_PERCENTILES = ("p50_us", "p99_us", "p999_us")
_CALLS = {"new": "new write", "session": "session write", "replay": "replay", "read": "read"}


class Figure(typing.NamedTuple):
    """A line of the report: what is to be large (sign ">=") or small ("<="). `goal`: None without
    one. `groups`: what must be measured for it; `value` is None when that was not. `guarded`: when
    it gets worse by a fifth, that is the code's doing and not the machine's."""
    name: str
    value: typing.Optional[float]
    sign: str
    goal: typing.Optional[float] = None
    groups: tuple = ()
    guarded: bool = False

    def verdict(self):
        if self.goal is None:
            return ""
        met = self.value >= self.goal if self.sign == ">=" else self.value <= self.goal
        return "met" if met else "MISSED"

    def is_worse(self, before):
        """By more than a fifth."""
        return self.value < 0.8 * before if self.sign == ">=" else self.value > 1.2 * before

    def worse(self, before):
        return min(self.value, before) if self.sign == ">=" else max(self.value, before)


def over(value, divisor, digits=3):
    return None if value is None or not divisor else round(value / divisor, digits)


def _median(values, default):
    return statistics.median(values) if values else default


class Report:
    def __init__(self, rows):
        self.rows = [{**row, **_added(row, rows)} for row in rows]

    def of(self, names, in_flight, workload="new", figure="per_second", best=max):
        """The best figure of these servers; None when there is none."""
        found = [row[figure] for row in self.rows
                 if row["name"] in names and row["in_flight"] == in_flight
                 and row["workload"] == workload and figure in row and "stored" not in row]
        return best(found, default=None)

    def figures(self):
        """Those that were measured."""
        return [figure for figure in self.all_figures() if figure.value is not None]

    def all_figures(self):
        figures = []
        for in_flight in (64, 256):
            figures += self._throughput(in_flight) + self._prices(in_flight)
        return figures + self._lone() + self._audited() + self._overload() + self._growth()

    def _throughput(self, in_flight):
        at = f"{in_flight} in flight"
        writes = self.of(["onetaked"], in_flight)
        echo, commits = self.of(_ECHO, in_flight), self.of(["commits"], in_flight)
        bound = min(echo, commits) / 2 if echo and commits else None
        figures = [Figure(f"new writes a second, {at}", writes, ">=",
                          {64: 8_000, 256: 12_000}[in_flight], ("calls",))]
        for workload in ("new", "session"):
            figures.append(Figure(
                f"{workload} writes over half the best echo or half the commits, {at}",
                over(self.of(["onetaked"], in_flight, workload), bound), ">=", 0.7,
                ("echo", "commits", "calls"), guarded=True))
        return figures + [Figure(
            f"replays over the best echo, {at}",
            over(self.of(["onetaked"], in_flight, "replay"), echo), ">=", 0.8,
            ("echo", "calls"), guarded=True)]

    # Guarded is the CPU of a new write over that of a bare echo by the same API in the same run:
    # both count what they do, not how long they wait. Not guarded, as they change by more than a
    # fifth from run to run on a shared machine: the same of other calls (the fewer come at once,
    # the more each pays for its batch), microseconds of CPU (its clock and its caches), p99 and
    # that of the echo most of all (whoever else runs), and the resident size (SQLite's cache is as
    # large as what the run could write until it is full).
    def _prices(self, in_flight):
        at, figures = f"{in_flight} in flight", []
        echo_us = self.of(["echo-callback"], in_flight, figure="cpu_us")
        for workload, name in _CALLS.items():
            cpu_us = self.of(["onetaked"], in_flight, workload, "cpu_us")
            if workload == "new":
                figures.append(Figure(f"CPU of a {name}, us, {at}", cpu_us, "<=", 150, ("calls",)))
            figures.append(Figure(f"CPU of a {name} over that of a bare echo, {at}",
                                  over(cpu_us, echo_us, 2), "<=", None, ("echo", "calls"),
                                  guarded=workload == "new"))
        figures.append(Figure(
            f"p99 of a new write over that of the best echo, {at}",
            over(self.of(["onetaked"], in_flight, figure="p99_us"),
                 self.of(_ECHO, in_flight, figure="p99_us", best=min), 2),
            "<=", None, ("echo", "calls")))
        figures.append(Figure(
            f"ledger bytes of a new write, its WAL emptied, {at}",
            self.of(["onetaked"], in_flight, figure="bytes_a_call"), "<=", None, ("calls",)))
        return figures

    def _lone(self):
        lone, direct = (self.of([name], 1, figure="p50_us") for name in ("onetaked", "direct"))
        sync_us = self.of(["fdatasync"], 1, "4 KB", "p50_us")
        known = None not in (lone, direct, sync_us)
        peaks = [row["peak_rss_mb"] for row in self.rows
                 if row["in_flight"] == 256 and row["name"] in ("onetaked", "audited")
                 and "peak_rss_mb" in row and "stored" not in row]
        return [
            Figure("a lone write's added p50, ms (goal: two median fdatasyncs and 0.3)",
                   round((lone - direct) / 1000, 2) if known else None, "<=",
                   round((2 * sync_us + 300) / 1000, 2) if known else None, ("direct", "calls")),
            Figure("resident at most, MB, of all workloads at 256 in flight",
                   max(peaks, default=None), "<=", 150, ("calls",))]

    def _audited(self):
        # At 64 in flight alone is it steady enough to be guarded.
        return [Figure(f"new writes with two auditors over those without, {in_flight} in flight",
                       over(self.of(["audited"], in_flight), self.of(["onetaked"], in_flight)),
                       ">=", 0.9, ("calls",), guarded=in_flight == 64)
                for in_flight in (1, 16, 64, 256)]

    def _overload(self):
        def good(name, in_flight=2048, figure="good_per_second"):
            return self.of([name], in_flight, figure=figure)
        group = ("overload",)
        peak = self.of(["peak"], 128, figure="good_per_second", best=_median)
        figures = [
            Figure("good answers with three times the callers, who heed refusals, over the peak",
                   over(good("callers", 384), peak), ">=", 0.9, group, guarded=True),
            Figure("good answers at three times the peak, over the peak",
                   over(good("overload"), peak), ">=", 0.9, group, guarded=True),
            Figure("good answers at three times the rate that is allowed, over that rate",
                   over(good("limited-overload"), good("limited-overload", figure="allowed")),
                   ">=", 0.9, group, guarded=True)]
        for name, in_flight in (("callers", 384), ("overload", 2048), ("limited-overload", 2048)):
            figures.append(Figure(f"p99 of a refusal, ms ({name})",
                                  over(good(name, in_flight, "refused_p99_us"), 1000, 2), "<=", 10,
                                  group))
        return figures

    def _growth(self):
        sizes = sorted({row["stored"] for row in self.rows if "stored" in row})
        claims = {row["stored"]: row["claim_p50_us"] for row in self.rows
                  if "stored" in row and row["in_flight"] == 64}
        return [Figure(f"claim p50 with {size} intents over that with {sizes[0]}",
                       over(claims[size], max(1, claims[sizes[0]]), 2), "<=", 1.3, ("growth",))
                for size in sizes[1:]]

    def markdown(self):
        columns = {"per_second": "calls/s", "good_per_second": "good/s", "p50_us": "p50 ms",
                   "p99_us": "p99 ms", "p999_us": "p99.9 ms", "added_p50_us": "added p50 ms",
                   "added_p99_us": "added p99 ms", "added_p999_us": "added p99.9 ms",
                   "cpu_us": "CPU us a call", "commits_a_call": "commits a call",
                   "syncs_a_call": "syncs a call", "bytes_a_call": "ledger bytes a call",
                   "peak_rss_mb": "RSS MB, most so far"}

        def cell(row, column):
            value = row.get(column, "")
            return f"{value / 1000:.2f}" if columns[column].endswith(" ms") and value != "" \
                else str(value)
        lines = ["| server | workload | in flight | " + " | ".join(columns.values()) + " |",
                 "|---" * (len(columns) + 3) + "|"]
        for row in self.rows:
            name = row["name"] + (f" ({row['stored']} stored)" if "stored" in row else "")
            lines.append(f"| {name} | {row['workload']} | {row['in_flight']} | "
                         + " | ".join(cell(row, column) for column in columns) + " |")
        lines += ["", "| figure | is | goal | |", "|---|---|---|---|"]
        for figure in self.figures():
            goal = "" if figure.goal is None else f"{figure.sign} {figure.goal:,}"
            lines.append(f"| {figure.name} | {figure.value:,} | {goal} | {figure.verdict()} |")
        return "\n".join(lines) + "\n"

    def json(self):
        figures = [{"name": figure.name, "value": figure.value, "sign": figure.sign,
                    "goal": figure.goal, "verdict": figure.verdict()}
                   for figure in self.figures()]
        return json.dumps({"rows": self.rows, "figures": figures}, indent=1) + "\n"


def _added(row, rows):
    """What onetaked adds at each percentile to the downstream called directly, as often at once. A
    replay asks no downstream: all of it is added."""
    if row["name"] not in ("onetaked", "audited") or not row["per_second"]:
        return {}
    if row["workload"] == "replay":
        return {f"added_{name}": row[name] for name in _PERCENTILES}
    direct = [one for one in rows
              if one["name"] == "direct" and one["in_flight"] == row["in_flight"]]
    return {f"added_{name}": row[name] - direct[0][name] for name in _PERCENTILES if direct}


def fallen(report, baseline, groups):
    """What is worse than in `baseline` by more than a fifth, or gone although its groups ran: name,
    figure (None: gone), figure before. A name that no figure has belongs to no group: gone."""
    known = {figure.name: figure for figure in report.all_figures() if figure.guarded}
    found = []
    for name, before in baseline.items():
        figure = known.get(name)
        if figure is None or (figure.value is None and set(figure.groups) <= set(groups)):
            found.append((name, None, before))
        elif figure.value is not None and figure.is_worse(before):
            found.append((name, figure.value, before))
    return found


def kept(report, before):
    """The baseline: the guarded figures, or those of `before` that are worse or were not measured
    now."""
    return {figure.name: before.get(figure.name) if figure.value is None
            else figure.worse(before.get(figure.name, figure.value))
            for figure in report.all_figures()
            if figure.guarded and (figure.value is not None or figure.name in before)}
