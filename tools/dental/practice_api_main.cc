#include <csignal>
#include <iostream>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tools/dental/practice_api.h"

namespace {

using onetake::dental::KeyMode;
using onetake::dental::PracticeApi;

// Flags as they are typed; durations in the API's own time, before --time-scale.
struct Flags {
  std::string listen = "127.0.0.1:0";
  std::string db;
  int threads = 512;
  double p50_ms = 1900;
  double p95_ms = 4200;
  double time_scale = 1;
  std::string keys = "honour";
  double key_retention_s = 24 * 3600;
  double stall_ms = 60'000;
  double error_before_commit = 0;
  double error_after_commit = 0;
  double commit_then_stall = 0;
  double commit_then_reset = 0;
  uint64_t seed = 1;
};

void Declare(CLI::App& app, Flags& flags) {
  app.description(
      "The practice's scheduling API of the demo: an HTTP server over its own SQLite file, slow "
      "and faulty on purpose.\nPrints its address (http://HOST:PORT) on standard output when it "
      "is ready; SIGTERM stops it.\nDurations are in the API's own time and multiplied by "
      "--time-scale. P is a probability, 0 to 1.");
  app.add_option("--listen", flags.listen, "HOST:PORT (IPv4); port 0 takes any free one")
      ->capture_default_str();
  app.add_option("--db", flags.db, "SQLite file of the schedule; made when it is not there")
      ->required();
  app.add_option("--threads", flags.threads,
                 "connections served at a time; a stalled or idle one counts")
      ->check(CLI::Range(1, 900))
      ->capture_default_str();
  app.add_option("--p50-ms", flags.p50_ms, "median latency (log-normal)")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--p95-ms", flags.p95_ms, "95th percentile of the latency")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--time-scale", flags.time_scale, "0.01 turns 4,200 ms into 42 ms")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--keys", flags.keys, "what it does with Idempotency-Key: honour or ignore")
      ->check(CLI::IsMember({"honour", "ignore"}))
      ->capture_default_str();
  app.add_option("--key-retention", flags.key_retention_s, "seconds a key is remembered")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  const auto fault = [&app](const char* name, double& probability, const char* help) {
    app.add_option(name, probability, help)->type_name("P")->check(CLI::Range(0.0, 1.0));
  };
  fault("--error-before-commit", flags.error_before_commit, "a write answers 503, no row written");
  fault("--error-after-commit", flags.error_after_commit, "a write answers 500, row written");
  fault("--commit-then-stall", flags.commit_then_stall, "row written, then no answer");
  fault("--commit-then-reset", flags.commit_then_reset,
        "row written, then the connection is reset");
  app.add_option("--stall-ms", flags.stall_ms, "how long a stall lasts")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "same seed, same latencies and faults")
      ->capture_default_str();
}

// False when the flags do not go together; `error` says why.
bool ToOptions(const Flags& flags, PracticeApi::Options& options, std::string& error) {
  const std::pair<std::string, std::string> address =
      absl::StrSplit(flags.listen, absl::MaxSplits(':', 1));
  if (address.first.empty() || !absl::SimpleAtoi(address.second, &options.port) ||
      options.port < 0 || options.port > 65535) {
    error = "--listen must be HOST:PORT, such as 127.0.0.1:0";
    return false;
  }
  if (flags.p95_ms <= flags.p50_ms) {
    error = "--p95-ms must be above --p50-ms";
    return false;
  }
  if (flags.error_before_commit + flags.error_after_commit + flags.commit_then_stall +
          flags.commit_then_reset >
      1) {
    error = "the fault probabilities must not exceed 1 together";
    return false;
  }
  options.host = address.first;
  options.threads = flags.threads;
  options.db_path = flags.db;
  options.keys = flags.keys == "honour" ? KeyMode::kHonour : KeyMode::kIgnore;
  options.key_retention = absl::Seconds(flags.key_retention_s) * flags.time_scale;
  options.stall = absl::Milliseconds(flags.stall_ms) * flags.time_scale;
  options.fate = {.p50 = absl::Milliseconds(flags.p50_ms),
                  .p95 = absl::Milliseconds(flags.p95_ms),
                  .time_scale = flags.time_scale,
                  .error_before_commit = flags.error_before_commit,
                  .error_after_commit = flags.error_after_commit,
                  .commit_then_stall = flags.commit_then_stall,
                  .commit_then_reset = flags.commit_then_reset,
                  .seed = flags.seed};
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app;
  Flags flags;
  Declare(app, flags);
  CLI11_PARSE(app, argc, argv);
  PracticeApi::Options options;
  std::string error;
  if (!ToOptions(flags, options, error)) {
    std::cerr << "practice_api: " << error << "\n";
    return 2;
  }
  // Before any thread exists, so that all inherit the mask and sigwait() below gets the signal.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  const auto api = PracticeApi::Start(options);
  if (!api.ok()) {
    std::cerr << "practice_api: " << api.status().message() << "\n";
    return 1;
  }
  std::cout << "http://" << options.host << ":" << (*api)->port() << std::endl;
  int signal = 0;
  sigwait(&stop, &signal);
  return 0;
}
