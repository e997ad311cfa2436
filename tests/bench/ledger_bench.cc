// Usage: ledger_bench [--intents N] [--in-flight N] [--path FILE]
//
// How fast a ledger is written, and verified, and how big it is. Each intent is a write with its
// claim, its outcome and the answer to its call; a tenth of them are replayed as well. Prints one
// line of JSON.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "runtime/base/system_clock.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "runtime/ledger/verify_ledger.h"

namespace onetake {
namespace {

struct Arguments {
  int intents = 20'000;
  int in_flight = 256;
  std::string path = "/tmp/ledger_bench.db";
};

// Keeps so many writes under way until all are done.
class Writers {
 public:
  Writers(SqliteLedger& ledger, int intents) : ledger_(ledger), left_(intents), open_(intents) {}

  void Run(int in_flight) {
    for (int i = 0; i < in_flight; ++i) Next();
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](Writers* self) { return self->open_ == 0; }, this));
  }

 private:
  void Next() {
    int n = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (left_ == 0) return;
      n = left_--;
    }
    ClaimRequest request = MakeClaim(n);
    CallRecord call = request.call;
    ledger_.Claim(std::move(request), [this, call](absl::StatusOr<ClaimResult> claim) mutable {
      if (!claim.ok() || !claim->granted) std::abort();
      call.intent_row = claim->row;
      Settle(std::move(call));
    });
  }

  void Settle(CallRecord call) {
    Transition transition;
    transition.row = call.intent_row;
    transition.to = IntentState::kSucceeded;
    transition.rule = "table.success";
    transition.actor = "engine";
    transition.at = call.received_at + absl::Seconds(4);
    transition.attempt_end = AttemptEnd{.number = 1,
                                        .reached = "body_complete",
                                        .http_status = 201,
                                        .latency = absl::Milliseconds(4200)};
    transition.result_json = R"({"id":4711,"slot_iso":"2026-06-24T19:00:00Z","status":"booked"})";
    ledger_.Apply(std::move(transition), [this, call](const absl::StatusOr<int64_t>& seq) mutable {
      if (!seq.ok()) std::abort();
      Answer(std::move(call));
      Next();
      absl::MutexLock lock(&mutex_);
      --open_;
    });
  }

  void Answer(CallRecord call) {
    call.disposition = "DONE";
    call.answered_at = call.received_at + absl::Seconds(4);
    ledger_.RecordCall(call);
    if (call.intent_row % 10 != 0) return;
    call.call_id += "-again";
    call.tool_call_id += "-again";
    call.role = CallRole::kReplayed;
    ledger_.RecordCall(std::move(call));
  }

  static ClaimRequest MakeClaim(int n) {
    ClaimRequest request;
    IntentRecord& intent = request.intent;
    // As long and as random as those of the engine.
    const std::string id =
        absl::StrFormat("%016x%016x", n * 0x9e3779b97f4a7c15u, n * 0xc2b2ae3d27d4eb4fu);
    intent.tenant = "default";
    intent.intent_id = id;
    intent.key = absl::StrCat(id.substr(16), id.substr(0, 16));
    intent.tool = "book_appointment";
    intent.tool_version = id.substr(0, 16);
    intent.scope = absl::StrCat("session:CA", n / 4);
    intent.session_id = absl::StrCat("CA", n / 4);
    intent.safety = "KEYED";
    intent.identity_json = R"({"provider_id":"dr-kim","slot_iso":"2026-06-24T19:00:00Z"})";
    intent.arguments_json =
        absl::StrCat(R"({"notes":"prefers the morning","patient_id":"p-)", n,
                     R"(","provider_id":"dr-kim","slot_iso":"2026-06-24T19:00:00Z"})");
    intent.request = absl::StrCat(
        R"({"method":"POST","url":"https://practice.example/appointments","headers":{"Idempotency-Key":")",
        intent.key, R"("},"body":)", intent.arguments_json, "}");
    intent.created_at = absl::FromUnixSeconds(1'782'000'000) + absl::Milliseconds(n);
    CallRecord& call = request.call;
    call.call_id = absl::StrCat(id.substr(8), id.substr(0, 8));
    call.tenant = intent.tenant;
    call.session_id = intent.session_id;
    call.tool_call_id = absl::StrCat("toolu_", id.substr(0, 24));
    call.turn_id = absl::StrCat("turn-", n);
    call.tool = intent.tool;
    call.fingerprint = id;
    call.received_at = intent.created_at;
    return request;
  }

  SqliteLedger& ledger_;
  absl::Mutex mutex_;
  int left_ ABSL_GUARDED_BY(mutex_);
  int open_ ABSL_GUARDED_BY(mutex_);
};

void Remove(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path + suffix);
}

int Main(int argc, char** argv) {
  CLI::App app("How fast a ledger is written and verified, and how big it is");
  Arguments arguments;
  app.add_option("--intents", arguments.intents)->capture_default_str();
  app.add_option("--in-flight", arguments.in_flight)->capture_default_str();
  app.add_option("--path", arguments.path, "A file that is made, and removed")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  Remove(arguments.path);
  SystemClock clock;
  SqliteLedger::Options options;
  options.path = arguments.path;
  absl::StatusOr<std::unique_ptr<SqliteLedger>> ledger =
      SqliteLedger::Open(std::move(options), clock);
  if (!ledger.ok()) {
    std::cerr << ledger.status() << "\n";
    return 1;
  }
  const absl::Time begin = absl::Now();
  Writers(**ledger, arguments.intents).Run(arguments.in_flight);
  const double write_s = absl::ToDoubleSeconds(absl::Now() - begin);
  const SqliteLedger::Stats stats = (*ledger)->stats();
  ledger->reset();
  const auto bytes = std::filesystem::file_size(arguments.path);
  const absl::Time verify_begin = absl::Now();
  const absl::StatusOr<VerifyReport> report = VerifyLedger({.path = arguments.path});
  const double verify_s = absl::ToDoubleSeconds(absl::Now() - verify_begin);
  if (!report.ok() || report->finding.has_value()) {
    std::cerr << "not intact: "
              << (report.ok() ? report->finding->what : std::string(report.status().message()))
              << "\n";
    return 1;
  }
  std::cout << absl::StrFormat(
      R"({"intents":%d,"commits":%d,"calls_dropped":%d,"intents_per_s":%.0f,"bytes_per_intent":%.0f,)"
      R"("events":%d,"verified_events_per_s":%.0f})"
      "\n",
      arguments.intents, stats.writer.commits, stats.calls_dropped, arguments.intents / write_s,
      static_cast<double>(bytes) / arguments.intents, report->events, report->events / verify_s);
  Remove(arguments.path);
  return 0;
}

}  // namespace
}  // namespace onetake

int main(int argc, char** argv) { return onetake::Main(argc, argv); }
