// Usage: ledger_bench [--intents N] [--in-flight N] [--path FILE] [--keep | --verify-only]
//
// How fast a ledger is written, and verified, and how big it is. Each intent is a write with its
// claim, its outcome and the answer to its call; a tenth of them are replayed as well. Prints two
// lines of JSON.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "runtime/base/status.h"
#include "runtime/base/system_clock.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/bench/writers.h"

namespace onetake {
namespace {

struct Arguments {
  int intents = 20'000;
  int in_flight = 256;
  std::string path = "/tmp/ledger_bench.db";
  bool keep = false;
  bool verify_only = false;
};

void Remove(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path + suffix);
}

absl::Status Write(const Arguments& arguments) {
  Remove(arguments.path);
  SystemClock clock;
  SqliteLedger::Options options;
  options.path = arguments.path;
  ONETAKE_ASSIGN_OR_RETURN(std::unique_ptr<SqliteLedger> ledger,
                           SqliteLedger::Open(std::move(options), clock));
  const double rate = bench::Writers(*ledger, 1, arguments.intents).Run(arguments.in_flight);
  const SqliteLedger::Stats stats = ledger->stats();
  ledger.reset();
  const auto bytes = std::filesystem::file_size(arguments.path);
  std::cout << absl::StrFormat(
      R"({"intents":%d,"in_flight":%d,"commits":%d,"calls_dropped":%d,"intents_per_s":%.0f,)"
      R"("bytes_per_intent":%.0f})"
      "\n",
      arguments.intents, arguments.in_flight, stats.writer.commits, stats.calls_dropped, rate,
      static_cast<double>(bytes) / arguments.intents);
  return absl::OkStatus();
}

absl::Status Verify(const Arguments& arguments) {
  const absl::Time begin = absl::Now();
  ONETAKE_ASSIGN_OR_RETURN(const VerifyReport report,
                           VerifyLedger({.path = arguments.path, .indexes = false}));
  const double verify_s = absl::ToDoubleSeconds(absl::Now() - begin);
  if (report.finding.has_value()) {
    return absl::DataLossError(absl::StrCat("not intact: ", report.finding->what));
  }
  std::cout << absl::StrFormat(R"({"events":%d,"verified_events_per_s":%.0f})"
                               "\n",
                               report.events, report.events / verify_s);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  CLI::App app("How fast a ledger is written and verified, and how big it is");
  Arguments arguments;
  app.add_option("--intents", arguments.intents)->capture_default_str();
  app.add_option("--in-flight", arguments.in_flight)->capture_default_str();
  app.add_option("--path", arguments.path, "A file that is made, and removed")
      ->capture_default_str();
  app.add_flag("--keep", arguments.keep, "Do not remove it");
  app.add_flag("--verify-only", arguments.verify_only, "Of a file that is there, and is kept");
  CLI11_PARSE(app, argc, argv);
  absl::Status status;
  if (!arguments.verify_only) status = Write(arguments);
  if (status.ok()) status = Verify(arguments);
  if (!status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  if (!arguments.keep && !arguments.verify_only) Remove(arguments.path);
  return 0;
}

}  // namespace
}  // namespace onetake

int main(int argc, char** argv) { return onetake::Main(argc, argv); }
