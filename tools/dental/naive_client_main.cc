// The client of the story: its timeout is below the API's p95, and a timeout counts as "it failed".

#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "httplib.h"
#include "tools/dental/booking_plan.h"
#include "tools/dental/parallel.h"
#include "tools/dental/truth.h"

namespace onetake::dental {
namespace {

struct Flags {
  std::string api;
  int bookings = 1800;
  uint64_t seed = 1;
  int concurrency = 64;
  double timeout_ms = 3000;
  double time_scale = 1;
};

struct Tally {
  absl::Mutex mutex;
  Acknowledged acknowledged ABSL_GUARDED_BY(mutex);
  int timeouts ABSL_GUARDED_BY(mutex) = 0;
  int errors ABSL_GUARDED_BY(mutex) = 0;
  int retries ABSL_GUARDED_BY(mutex) = 0;
};

// Makes one attempt; true when the caller may be told "booked".
bool Try(const Flags& flags, const Booking& booking, int attempt, Tally& tally) {
  httplib::Client client(flags.api);
  const absl::Duration timeout = absl::Milliseconds(flags.timeout_ms) * flags.time_scale;
  client.set_read_timeout(absl::ToChronoMicroseconds(timeout));
  const httplib::Result answer =
      client.Post("/appointments", BookingArguments(booking, attempt).dump(), "application/json");

  absl::MutexLock lock(&tally.mutex);
  if (!answer) {
    ++tally.timeouts;
  } else if (answer->status != 201) {
    ++tally.errors;
  } else {
    const nlohmann::json body = nlohmann::json::parse(answer->body, nullptr, false);
    tally.acknowledged[booking.session] = body.is_object() ? body.value("id", "") : "";
    return true;
  }
  return false;
}

void Report(const Flags& flags, const std::vector<Booking>& plan, Tally& tally,
            const Verdict& verdict, absl::Duration took) {
  absl::MutexLock lock(&tally.mutex);
  PrintLine("callers who wanted one appointment", static_cast<int64_t>(plan.size()));
  PrintLine("attempts without an answer", tally.timeouts,
            absl::StrFormat("no answer within %.0f ms, or reset", flags.timeout_ms));
  PrintLine("attempts with a 5xx", tally.errors);
  PrintLine("\"let me try that again\"", tally.retries, "each one a new POST");
  PrintLine("callers told \"booked\"", static_cast<int64_t>(tally.acknowledged.size()));
  PrintLine("callers told \"it failed\" who do have a row",
            static_cast<int64_t>(verdict.untold.size()));
  PrintLine("rows in the practice", verdict.rows,
            absl::StrFormat("after %.1f s", absl::ToDoubleSeconds(took)));
  PrintLine("DOUBLE BOOKINGS", verdict.double_bookings);
}

int Run(const Flags& flags) {
  const std::vector<Booking> plan = PlanBookings(flags.bookings, flags.seed);
  Tally tally;
  const absl::Time begin = absl::Now();
  RunParallel(flags.bookings, flags.concurrency, [&](int i) {
    if (Try(flags, plan[i], 0, tally)) return;
    {
      absl::MutexLock lock(&tally.mutex);
      ++tally.retries;
    }
    Try(flags, plan[i], 1, tally);
  });
  const absl::Duration took = absl::Now() - begin;

  const absl::StatusOr<std::vector<Row>> rows = FetchRows(flags.api);
  if (!rows.ok()) {
    std::cerr << "naive_client: " << rows.status().message() << "\n";
    return 1;
  }
  const Acknowledged acknowledged = [&tally] {
    absl::MutexLock lock(&tally.mutex);
    return tally.acknowledged;
  }();
  const Verdict verdict = Judge(plan, acknowledged, *rows);
  Report(flags, plan, tally, verdict, took);
  return verdict.double_bookings > 0 ? 0 : 3;
}

}  // namespace
}  // namespace onetake::dental

int main(int argc, char** argv) {
  onetake::dental::Flags flags;
  CLI::App app(
      "Books as the client of the story did: a short timeout, one retry, no key. Then counts the "
      "practice's rows.\nExit codes: 0 double bookings seen; 3 none seen; 1 the API does not "
      "answer.");
  app.add_option("--api", flags.api, "http://HOST:PORT of practice_api")->required();
  app.add_option("--bookings", flags.bookings, "callers")
      ->check(CLI::Range(1, 20000))
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "same seed, same bookings")->capture_default_str();
  app.add_option("--concurrency", flags.concurrency, "calls at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--timeout-ms", flags.timeout_ms, "gives up after this, in the API's own time")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--time-scale", flags.time_scale, "as given to practice_api")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return onetake::dental::Run(flags);
}
