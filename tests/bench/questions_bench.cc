// Usage: scripts/bench questions [--intents N] [--path FILE] [--json FILE] [--no-target] ..
//
// What questions cost on a ledger of N intents: by key, call and session; pages of 100 by each
// filter, first and deep, alone and together; how fast the ledger is verified; and how fast it is
// written while two auditors read pages all the time, against nobody reading. Prints a table in
// Markdown; exits 1 when a goal is missed.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "runtime/base/status.h"
#include "runtime/base/system_clock.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/bench/fill_ledger.h"
#include "tests/bench/writers.h"

namespace onetake::bench {
namespace {

constexpr int kPage = 100;
constexpr double kPointGoalMs = 5;
constexpr double kPageGoalMs = 50;
constexpr double kVerifyGoal = 200'000;
constexpr double kAuditedGoal = 0.9;

struct Arguments {
  int64_t intents = 1'000'000;
  std::string path = "/tmp/questions_bench.db";
  std::string json;
  int points = 1000;
  int pages = 50;
  int64_t writes = 40'000;
  int in_flight = 64;
  bool keep = false;
  bool fill_only = false;
  bool no_verification = false;
  bool no_target = false;
};

struct Result {
  std::string name;
  double value = 0;  // of times: p99
  double p50 = 0, most = 0;
  double goal = 0;
  std::string unit;
  int64_t rows = 0;  // of the last answer

  bool Met() const { return unit == "ms" ? value <= goal : value >= goal; }
};

// The answer of a question, for which the caller waits.
template <typename T, typename Start>
T Await(Start start) {
  std::optional<absl::StatusOr<T>> answer;
  absl::Notification done;
  start([&](absl::StatusOr<T> value) {
    answer = std::move(value);
    done.Notify();
  });
  done.WaitForNotification();
  if (!answer->ok()) {
    std::cerr << answer->status() << "\n";
    std::exit(1);
  }
  return **std::move(answer);
}

class Bench {
 public:
  explicit Bench(const Arguments& arguments) : arguments_(arguments) {}

  absl::Status Run() {
    if (!std::filesystem::exists(arguments_.path)) {
      ONETAKE_RETURN_IF_ERROR(FillLedger(arguments_.path, arguments_.intents));
    }
    Note({.name = "bytes per intent",
          .value = static_cast<double>(std::filesystem::file_size(arguments_.path)) /
                   static_cast<double>(arguments_.intents),
          .unit = "bytes"});
    if (!arguments_.no_verification) ONETAKE_RETURN_IF_ERROR(Verify());
    SqliteLedger::Options options;
    options.path = arguments_.path;
    options.attributes = Attributes();
    ONETAKE_ASSIGN_OR_RETURN(ledger_, SqliteLedger::Open(std::move(options), clock_));
    Points();
    Pages();
    Audited();
    ledger_.reset();
    return absl::OkStatus();
  }

  bool Report() const {
    bool met = true;
    nlohmann::json all = nlohmann::json::array();
    std::cout << "| question | p50 | p99 | most | goal | rows |\n|---|---|---|---|---|---|\n";
    for (const Result& result : results_) {
      const bool misses = result.goal > 0 && !result.Met();
      met = met && !misses;
      const bool time = result.unit == "ms";
      std::cout << "| " << result.name << " | "
                << (time ? absl::StrFormat("%.2f ms", result.p50) : "") << " | "
                << (time ? absl::StrFormat("%.2f ms", result.value)
                         : absl::StrFormat("%.6g %s", result.value, result.unit))
                << " | " << (time ? absl::StrFormat("%.2f ms", result.most) : "") << " | "
                << (result.goal > 0
                        ? absl::StrFormat("%.6g%s", result.goal, misses ? " MISSED" : "")
                        : "")
                << " | " << (time ? absl::StrCat(result.rows) : "") << " |\n";
      all.push_back({{"question", result.name},
                     {"unit", result.unit},
                     {time ? "p99" : "value", result.value},
                     {"p50", result.p50},
                     {"most", result.most},
                     {"goal", result.goal},
                     {"met", !misses},
                     {"rows", result.rows}});
    }
    if (!arguments_.json.empty()) {
      std::ofstream(arguments_.json)
          << nlohmann::json{{"intents", arguments_.intents}, {"results", all}}.dump(1) << "\n";
    }
    return met || arguments_.no_target;
  }

 private:
  void Note(Result result) {
    std::cerr << result.name << ": " << result.value << " " << result.unit << "\n";
    results_.push_back(std::move(result));
  }

  // `ask` returns how many rows came.
  void Measure(const std::string& name, int runs, double goal,
               const std::function<int64_t(int64_t n)>& ask) {
    std::vector<double> times;
    Result result{.name = name, .goal = goal, .unit = "ms"};
    for (int i = 0; i < runs; ++i) {
      const int64_t n = 1 + Random() % arguments_.intents;
      const absl::Time begin = absl::Now();
      result.rows = ask(n);
      times.push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
    }
    std::sort(times.begin(), times.end());
    result.p50 = times[times.size() / 2];
    result.value = times[times.size() * 99 / 100];
    result.most = times.back();
    Note(std::move(result));
  }
  int64_t Random() {
    seed_ = seed_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int64_t>(seed_ >> 33);
  }

  absl::Status Verify() {
    const absl::Time begin = absl::Now();
    ONETAKE_ASSIGN_OR_RETURN(const VerifyReport report,
                             VerifyLedger({.path = arguments_.path, .indexes = false}));
    if (report.finding.has_value()) {
      return absl::DataLossError(absl::StrCat("the ledger is not intact: ", report.finding->what));
    }
    Note({.name = "verification",
          .value = static_cast<double>(report.events) / absl::ToDoubleSeconds(absl::Now() - begin),
          .goal = kVerifyGoal,
          .unit = "events/s"});
    return absl::OkStatus();
  }

  IntentPage List(IntentFilter filter, IntentPosition position) {
    filter.tenant = "default";
    return Await<IntentPage>([&](auto done) {
      ledger_->ListIntents(std::move(filter), position, kPage, std::move(done));
    });
  }
  int64_t Found(IntentFilter filter) {
    return static_cast<int64_t>(List(std::move(filter), {}).intents.size());
  }

  void Points() {
    const int runs = arguments_.points;
    const auto get = [this](const std::string& id) {
      return static_cast<int64_t>(Await<std::vector<IntentDetail>>([&](auto done) {
                                    ledger_->GetIntent("default", id, std::move(done));
                                  }).size());
    };
    Measure("an intent by its id", runs, kPointGoalMs, [&](int64_t n) { return get(IdOf(n)); });
    Measure("an intent by its key", runs, kPointGoalMs, [&](int64_t n) { return get(KeyOf(n)); });
    Measure("an intent by 12 characters of its key", runs, kPointGoalMs,
            [&](int64_t n) { return get(KeyOf(n).substr(0, 12)); });
    Measure("by tool_call_id", runs, kPointGoalMs,
            [&](int64_t n) { return Found({.tool_call_id = ToolCallOf(n)}); });
    Measure("by session", runs, kPointGoalMs,
            [&](int64_t n) { return Found({.session_id = SessionOf(n)}); });
    Measure("by attribute", runs, kPointGoalMs, [&](int64_t n) {
      return Found({.attribute = "caller_phone", .attribute_value = PhoneOf(n)});
    });
    Measure("calls of a session", runs, kPointGoalMs, [&](int64_t n) {
      return static_cast<int64_t>(Await<std::vector<CallSummary>>([&](auto done) {
                                    ledger_->ListCalls(
                                        {.tenant = "default", .session_id = SessionOf(n)}, {},
                                        kPage, std::move(done));
                                  }).size());
    });
    Measure("events of an intent", runs, kPointGoalMs, [&](int64_t n) {
      return static_cast<int64_t>(Await<EventPage>([&](auto done) {
                                    ledger_->ListEvents({.tenant = "default", .intent_id = IdOf(n)},
                                                        {}, kPage, std::move(done));
                                  }).events.size());
    });
    Measure("the engine's look-up", runs, kPointGoalMs, [&](int64_t n) {
      return static_cast<int64_t>(Await<LookupResult>([&](auto done) {
                                    ledger_->Lookup({.tenant = "default",
                                                     .intent_id = IdOf(n),
                                                     .session_id = SessionOf(n),
                                                     .tool_call_id = ToolCallOf(n)},
                                                    std::move(done));
                                  }).latest.has_value());
    });
  }

  using Filters = std::vector<std::pair<std::string, IntentFilter>>;
  static Filters AllFilters(int64_t intents) {
    const absl::Time middle = TimeOf(intents / 2);
    const std::string rare(kRareTool);
    return {
        {"all", {}},
        {"tool", {.tool = "book_appointment"}},
        {"rare tool", {.tool = rare}},
        {"SUCCEEDED", {.state = IntentState::kSucceeded}},
        {"REJECTED", {.state = IntentState::kRejected}},
        {"UNKNOWN", {.state = IntentState::kUnknown}},
        {"review", {.review_only = true}},
        {"before the middle", {.created_before = middle}},
        {"held back", {.held_back_only = true}},
        {"replayed", {.replayed_only = true}},
        {"drift", {.drift_only = true}},
        {"answered DONE", {.disposition = "DONE"}},
        {"answered REJECTED", {.disposition = "REJECTED"}},
        {"answered CONFLICT", {.disposition = "CONFLICT"}},
        {"tool, REJECTED", {.tool = "charge_card", .state = IntentState::kRejected}},
        {"rare tool, REJECTED", {.tool = rare, .state = IntentState::kRejected}},
        {"rare tool, held back", {.tool = rare, .held_back_only = true}},
        {"tool, drift", {.tool = "cancel_appointment", .drift_only = true}},
        {"REJECTED, drift", {.state = IntentState::kRejected, .drift_only = true}},
        {"SUCCEEDED, answered REJECTED",
         {.state = IntentState::kSucceeded, .disposition = "REJECTED"}},
        {"REJECTED, answered DONE", {.state = IntentState::kRejected, .disposition = "DONE"}},
        {"1 % of the time, tool, replayed",
         {.tool = "send_message",
          .created_after = middle,
          .created_before = TimeOf(intents / 2 + intents / 100),
          .replayed_only = true}},
        {"tool, SUCCEEDED, held back, answered CONFLICT",
         {.tool = "charge_card",
          .state = IntentState::kSucceeded,
          .held_back_only = true,
          .disposition = "CONFLICT"}},
    };
  }

  void Pages() {
    for (const auto& [name, filter] : AllFilters(arguments_.intents)) {
      IntentPosition deep;
      Measure("page: " + name, arguments_.pages, kPageGoalMs, [&, &filter = filter](int64_t) {
        const IntentPage page = List(filter, {});
        if (page.next.has_value()) deep = *page.next;
        return static_cast<int64_t>(page.intents.size());
      });
      if (deep.row == 0) continue;
      const bool by_row = deep.created_at == absl::InfiniteFuture();
      Measure("deep page: " + name, arguments_.pages, kPageGoalMs,
              [&, &filter = filter](int64_t n) {
                // Somewhere behind the first page.
                n = 1 + n % deep.row;
                const IntentPosition position{by_row ? deep.created_at : TimeOf(n), n};
                return static_cast<int64_t>(List(filter, position).intents.size());
              });
    }
    Measure("page of events", arguments_.pages, kPageGoalMs, [&](int64_t n) {
      return static_cast<int64_t>(Await<EventPage>([&](auto done) {
                                    ledger_->ListEvents({.tenant = "default"},
                                                        {absl::InfinitePast(), 3 * n}, kPage,
                                                        std::move(done));
                                  }).events.size());
    });
    Measure("page of events by time", arguments_.pages, kPageGoalMs, [&](int64_t n) {
      return static_cast<int64_t>(Await<EventPage>([&](auto done) {
                                    ledger_->ListEvents(
                                        {.tenant = "default", .at_after = TimeOf(n)}, {}, kPage,
                                        std::move(done));
                                  }).events.size());
    });
    for (const bool held_back : {false, true}) {
      Measure(held_back ? "page of calls held back" : "page of calls", arguments_.pages,
              kPageGoalMs, [&](int64_t n) {
                return static_cast<int64_t>(Await<std::vector<CallSummary>>([&](auto done) {
                                              ledger_->ListCalls({.tenant = "default",
                                                                  .held_back_only = held_back,
                                                                  .received_after = TimeOf(n)},
                                                                 {}, kPage, std::move(done));
                                            }).size());
              });
    }
  }

  // By turns, as the machine's speed drifts.
  void Audited() {
    constexpr int kTurns = 4;
    double alone = 0;
    double audited = 0;
    int64_t first = arguments_.intents + 1;
    const int64_t writes = arguments_.writes / kTurns;
    for (int turn = 0; turn < kTurns; ++turn) {
      alone += Writers(*ledger_, first, writes).Run(arguments_.in_flight) / kTurns;
      first += writes;
      std::atomic<bool> stop = false;
      std::vector<std::thread> auditors;
      for (int i = 0; i < 2; ++i) auditors.emplace_back([&, i] { ReadPages(i, stop); });
      audited += Writers(*ledger_, first, writes).Run(arguments_.in_flight) / kTurns;
      first += writes;
      stop = true;
      for (std::thread& auditor : auditors) auditor.join();
    }
    Note({.name = absl::StrCat("intents written, ", arguments_.in_flight, " in flight"),
          .value = alone,
          .unit = "/s"});
    Note({.name = "the same with two auditors", .value = audited, .unit = "/s"});
    Note({.name = "their ratio", .value = audited / alone, .goal = kAuditedGoal});
  }
  // Somebody who looks at page after page, each for a moment.
  void ReadPages(int auditor, const std::atomic<bool>& stop) {
    constexpr absl::Duration kLook = absl::Milliseconds(20);
    const Filters filters = AllFilters(arguments_.intents);
    for (size_t i = static_cast<size_t>(auditor); !stop; ++i) {
      List(filters[i % filters.size()].second, {});
      absl::SleepFor(kLook);
    }
  }

  const Arguments& arguments_;
  SystemClock clock_;
  std::unique_ptr<SqliteLedger> ledger_;
  std::vector<Result> results_;
  uint64_t seed_ = 7;
};

void Remove(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path + suffix);
}

int Main(int argc, char** argv) {
  CLI::App app("What questions cost on a ledger of many intents");
  Arguments arguments;
  app.add_option("--intents", arguments.intents)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--path", arguments.path, "The ledger: made unless it is there")
      ->capture_default_str();
  app.add_option("--json", arguments.json, "Write the results to this file, too");
  app.add_option("--points", arguments.points, "Questions of each kind")->capture_default_str();
  app.add_option("--pages", arguments.pages, "Pages of each kind")->capture_default_str();
  app.add_option("--writes", arguments.writes, "Intents to write with and without auditors")
      ->capture_default_str();
  app.add_option("--in-flight", arguments.in_flight)->capture_default_str();
  app.add_flag("--keep", arguments.keep, "Do not remove the ledger");
  app.add_flag("--fill-only", arguments.fill_only, "Make the ledger, and ask nothing");
  app.add_flag("--no-verification", arguments.no_verification, "Do not verify it");
  app.add_flag("--no-target", arguments.no_target, "Exit 0 even when a goal is missed");
  CLI11_PARSE(app, argc, argv);
  Bench bench(arguments);
  const absl::Status status =
      arguments.fill_only ? FillLedger(arguments.path, arguments.intents) : bench.Run();
  if (!status.ok()) {
    std::cerr << status << "\n";
    return 2;
  }
  if (arguments.fill_only) return 0;
  const bool met = bench.Report();
  if (!arguments.keep) Remove(arguments.path);
  return met ? 0 : 1;
}

}  // namespace
}  // namespace onetake::bench

int main(int argc, char** argv) { return onetake::bench::Main(argc, argv); }
