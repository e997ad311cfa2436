// Runs simulations: `sim --seed 7` one, `sim --seeds 2000 --from 1` many.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "runtime/base/log.h"
#include "tests/sim/simulation.h"
#include "tests/testing/temp_dir.h"

namespace onetake::sim {
namespace {

char running[64] = "";

// A broken invariant of the program is a finding like any other; its seed must be known.
void OnAbort(int /*signal*/) {
  const ssize_t ignored = write(STDOUT_FILENO, running, std::strlen(running));
  (void)ignored;
}

void Report(const Outcome& outcome) {
  absl::PrintF("seed %d broke a promise at step %d: %s\n", outcome.seed, outcome.step,
               outcome.failure);
}

int Main(int argc, char** argv) {
  CLI::App app{"Simulates onetaked, its disk, its downstreams and its callers under a seed."};
  uint64_t seed = 0, from = 1;
  int64_t seeds = 0, keep_going = 0;
  double minutes = 0;
  bool trace = false, digest = false;
  app.add_option("--seed", seed, "run this one");
  app.add_option("--seeds", seeds, "run so many");
  app.add_option("--from", from, "the first of them");
  app.add_option("--minutes", minutes, "begin no further one after so long");
  app.add_option("--failures", keep_going, "go on until so many have failed");
  app.add_flag("--trace", trace, "print all that happens");
  app.add_flag("--digest", digest, "print the digest of all that happened");
  CLI11_PARSE(app, argc, argv);
  // What onetaked would log of all these faults, nobody reads; of one run it may help.
  SetLogLevel(LogLevel::kError);
  if (!trace && std::freopen("/dev/null", "w", stderr) == nullptr) return 1;
  if (seed != 0) from = seed, seeds = 1;

  std::signal(SIGABRT, OnAbort);
  const testing::TempDir folder;
  const auto began = std::chrono::steady_clock::now();
  Tally tally;
  int64_t failed = 0;
  for (int64_t i = 0; i < seeds; ++i) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (minutes > 0 && took.count() > minutes * 60) break;
    const uint64_t next = from + static_cast<uint64_t>(i);
    (void)std::snprintf(running, sizeof(running), "\nseed %llu aborted\n",
                        static_cast<unsigned long long>(next));
    const Outcome outcome =
        Simulation::Run({.seed = next,
                         .print = trace ? Trace::Print::kYes : Trace::Print::kNo,
                         .folder = folder.path()});
    tally.Add(outcome.tally);
    if (digest) absl::PrintF("seed %d digest %016x\n", next, outcome.digest);
    if (outcome.failure.empty()) continue;
    Report(outcome);
    if (++failed > keep_going) break;
  }
  absl::PrintF("%s", tally.Text());
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace onetake::sim

int main(int argc, char** argv) { return onetake::sim::Main(argc, argv); }
