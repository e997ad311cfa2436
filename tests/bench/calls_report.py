"""What scripts/bench calls says of its rows: ratios, goals, tables."""

import json

_ECHO = ("echo-callback", "echo-queue")


class Report:
    def __init__(self, rows):
        self.rows = rows

    def of(self, names, in_flight, workload="new", figure="per_second"):
        """The best figure of these servers; None when there is none."""
        found = [row[figure] for row in self.rows
                 if row["name"] in names and row["in_flight"] == in_flight
                 and row["workload"] == workload and figure in row and "stored" not in row]
        return max(found, default=None)

    def ratios(self):
        """Name, figure, goal of what is to be large."""
        ratios = []

        def add(name, value, over, goal):
            if value is not None and over:
                ratios.append((name, round(value / over, 3), goal))
        for in_flight in (64, 256):
            at = f"{in_flight} in flight"
            echo = self.of(_ECHO, in_flight)
            halves = [half / 2 for half in (echo, self.of(["commits"], in_flight)) if half]
            for workload in ("new", "session"):
                add(f"{workload} writes over half the best echo or half the commits, {at}",
                    self.of(["onetaked"], in_flight, workload), min(halves, default=0), ">= 0.7")
            add(f"replays over the best echo, {at}",
                self.of(["onetaked"], in_flight, "replay"), echo, ">= 0.8")
        add("new writes with two auditors over those without",
            self.of(["audited"], 64), self.of(["onetaked"], 64), ">= 0.9")
        peak = self.of(["peak"], 128, figure="good_per_second")
        add("good answers at three times the peak, over the peak",
            self.of(["overload"], 2048, figure="good_per_second"), peak, ">= 0.9")
        add("good answers at three times the rate that is allowed, over that rate",
            self.of(["limited-overload"], 2048, figure="good_per_second"),
            self.of(["limited-overload"], 2048, figure="allowed"), ">= 0.9")
        return ratios

    def costs(self):
        """Name, figure, goal of what is to be small."""
        costs = []

        def add(name, value, goal):
            if value is not None:
                costs.append((name, value, goal))
        for in_flight in (64, 256):
            add(f"CPU of a new write, us, {in_flight} in flight",
                self.of(["onetaked"], in_flight, figure="cpu_us"), "<= 150")
        add("resident, MiB, 256 in flight", self.of(["onetaked"], 256, figure="rss_mib"), "<= 150")
        lone, direct, sync = (self.of([name], 1, figure="p50_us")
                              for name in ("onetaked", "direct", "commits"))
        if None not in (lone, direct, sync):
            add("a lone write's added latency, ms", round((lone - direct) / 1000, 2),
                f"<= {(2 * sync + 300) / 1000:.2f}: two commits and 0.3")
        for name in ("overload", "limited-overload"):
            refused = self.of([name], 2048, figure="refused_p99_us")
            add(f"p99 of a refusal, ms ({name})",
                None if refused is None else round(refused / 1000, 2), "<= 10")
        sizes = sorted({row["stored"] for row in self.rows if "stored" in row})
        claims = {row["stored"]: row["claim_p50_us"] for row in self.rows
                  if "stored" in row and row["in_flight"] == 64}
        for size in sizes[1:]:
            add(f"claim p50 with {size} intents over that with {sizes[0]}",
                round(claims[size] / max(1, claims[sizes[0]]), 2), "<= 1.3")
        return costs

    def markdown(self):
        columns = {"per_second": "calls/s", "good_per_second": "good/s", "p50_us": "p50 ms",
                   "p99_us": "p99 ms", "p999_us": "p99.9 ms", "cpu_us": "CPU us a call",
                   "commits_a_call": "commits a call", "bytes_a_call": "bytes a call",
                   "rss_mib": "RSS MiB"}

        def cell(row, column):
            value = row.get(column, "")
            return f"{value / 1000:.2f}" if columns[column].endswith(" ms") else str(value)
        lines = ["| server | workload | in flight | " + " | ".join(columns.values()) + " |",
                 "|---" * (len(columns) + 3) + "|"]
        for row in self.rows:
            name = row["name"] + (f" ({row['stored']} stored)" if "stored" in row else "")
            lines.append(f"| {name} | {row['workload']} | {row['in_flight']} | "
                         + " | ".join(cell(row, column) for column in columns) + " |")
        for title, figures in (("ratio", self.ratios()), ("cost", self.costs())):
            lines += ["", f"| {title} | is | goal |", "|---|---|---|"]
            lines += [f"| {name} | {value} | {goal} |" for name, value, goal in figures]
        return "\n".join(lines) + "\n"

    def json(self):
        return json.dumps({"rows": self.rows, "ratios": self.ratios(), "costs": self.costs()},
                          indent=1) + "\n"


def fallen(ratios, baseline):
    """Which of the ratios have fallen by more than a fifth: name, figure, figure before."""
    return [(name, value, baseline[name]) for name, value, _ in ratios
            if name in baseline and value < 0.8 * baseline[name]]
