// The naive client's calls, made by an agent through onetake; then the practice's own rows are
// counted.

#include <grpcpp/grpcpp.h>

#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "tools/dental/booking_agent.h"
#include "tools/dental/booking_plan.h"
#include "tools/dental/parallel.h"
#include "tools/dental/truth.h"

namespace onetake::dental {
namespace {

struct Flags {
  std::string server = "127.0.0.1:7171";
  std::string api;
  int bookings = 1800;
  uint64_t seed = 1;
  int concurrency = 64;
  int insists = 2;
  double give_up_s = 60;
  bool may_need_review = false;
};

// The totals over all callers.
struct Tally {
  Acknowledged acknowledged;
  std::set<std::string> in_review;  // sessions
  int done = 0;
  int open = 0;   // neither settled nor in review when the agent gave up
  int other = 0;  // REJECTED, INVALID and the like: none of them is right here
  int again = 0;
  int held_back = 0;
  int joined = 0;
  int replayed = 0;
  std::vector<std::string> errors;
};

void Count(const Booking& booking, const absl::StatusOr<BookingAgent::Outcome>& outcome,
           Tally& tally) {
  if (!outcome.ok()) {
    tally.errors.push_back(absl::StrCat(booking.session, ": ", outcome.status().ToString()));
    return;
  }
  tally.again += outcome->calls - 1;
  tally.held_back += outcome->held_back;
  tally.joined += outcome->joined;
  tally.replayed += outcome->replayed;
  const v1::Disposition disposition = outcome->last.disposition();
  if (disposition == v1::DISPOSITION_DONE) {
    ++tally.done;
    tally.acknowledged[booking.session] = outcome->appointment_id;
  } else if (disposition == v1::DISPOSITION_NEEDS_REVIEW) {
    tally.in_review.insert(booking.session);
  } else if (IsOpen(outcome->last)) {
    ++tally.open;
  } else {
    ++tally.other;
  }
}

void Report(const Flags& flags, const Tally& tally, const Verdict& verdict,
            const nlohmann::json& stats, absl::Duration took) {
  const auto requests = [&stats](const char* kind) {
    return stats.value("requests", nlohmann::json::object()).value(kind, int64_t{0});
  };
  PrintLine("callers who wanted one appointment", flags.bookings);
  PrintLine("\"let me try that again\"", tally.again);
  PrintLine("  held back, no second booking sent", tally.held_back);
  PrintLine("    joined the attempt that was running", tally.joined);
  PrintLine("    answered from the ledger", tally.replayed);
  if (flags.may_need_review) {
    PrintLine("    told to leave it to a person", tally.held_back - tally.joined - tally.replayed);
  }
  PrintLine("booking requests the practice got", requests("book"),
            absl::StrCat(requests("book") - flags.bookings, " sent again by onetake"));
  PrintLine("look-ups whether a booking is there", requests("find"));
  PrintLine("callers told \"booked\"", tally.done);
  PrintLine("callers told \"a person will confirm\"", static_cast<int64_t>(tally.in_review.size()),
            "NEEDS_REVIEW");
  if (flags.may_need_review) {
    PrintLine("  of these, do have a row", static_cast<int64_t>(verdict.untold.size()));
  }
  PrintLine("rows in the practice", verdict.rows,
            absl::StrFormat("after %.1f s", absl::ToDoubleSeconds(took)));
  PrintLine("booked, told so, but lost", verdict.lost);
  PrintLine("DOUBLE BOOKINGS", verdict.double_bookings);
}

// Prints one line on standard error for each promise that does not hold.
int CheckPromises(const Flags& flags, const Tally& tally, const Verdict& verdict) {
  int broken = 0;
  const auto expect = [&broken](bool holds, const std::string& otherwise) {
    if (holds) return;
    ++broken;
    std::cerr << "agent_client: BROKEN: " << otherwise << "\n";
  };
  expect(verdict.double_bookings == 0, absl::StrCat(verdict.double_bookings, " double bookings"));
  expect(verdict.lost == 0, absl::StrCat(verdict.lost, " acknowledged bookings are not there"));
  expect(verdict.unasked == 0, absl::StrCat(verdict.unasked, " rows that nobody asked for"));
  expect(tally.errors.empty(), absl::StrCat(tally.errors.size(), " calls failed, first: ",
                                            tally.errors.empty() ? "" : tally.errors.front()));
  expect(tally.open == 0, absl::StrCat(tally.open, " intents did not settle"));
  expect(tally.other == 0, absl::StrCat(tally.other, " callers got a refusal"));
  expect(flags.may_need_review || tally.in_review.empty(),
         absl::StrCat(tally.in_review.size(), " intents need a person"));
  int untold = 0;
  for (const std::string& session : verdict.untold) {
    untold += tally.in_review.contains(session) ? 0 : 1;
  }
  expect(untold == 0, absl::StrCat(untold, " rows that the caller was told nothing about"));
  return broken;
}

int Run(const Flags& flags) {
  const std::vector<Booking> plan = PlanBookings(flags.bookings, flags.seed);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  const std::unique_ptr<v1::ToolRuntime::Stub> runtime = v1::ToolRuntime::NewStub(
      grpc::CreateCustomChannel(flags.server, grpc::InsecureChannelCredentials(), arguments));
  const BookingAgent agent(*runtime,
                           {.insists = flags.insists, .give_up = absl::Seconds(flags.give_up_s)});

  absl::Mutex mutex;
  Tally tally;
  const absl::Time begin = absl::Now();
  RunParallel(flags.bookings, flags.concurrency, [&](int i) {
    const absl::StatusOr<BookingAgent::Outcome> outcome = agent.Book(plan[i]);
    absl::MutexLock lock(&mutex);
    Count(plan[i], outcome, tally);
  });
  const absl::Duration took = absl::Now() - begin;

  const absl::StatusOr<nlohmann::json> stats = FetchStats(flags.api);
  const absl::StatusOr<std::vector<Row>> rows = FetchRows(flags.api);
  if (!stats.ok() || !rows.ok()) {
    std::cerr << "agent_client: the practice's API does not answer\n";
    return 4;
  }
  const Verdict verdict = Judge(plan, tally.acknowledged, *rows);
  Report(flags, tally, verdict, *stats, took);
  return CheckPromises(flags, tally, verdict) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace onetake::dental

int main(int argc, char** argv) {
  onetake::dental::Flags flags;
  CLI::App app(
      "Books what naive_client books, by an agent that calls onetake and says \"let me try that "
      "again\" after every\nanswer that is not DONE, in other words and another spelling. Then "
      "checks the practice's rows.\nExit codes: 0 every promise held; 1 one is broken (standard "
      "error says which); 4 the API does not answer.");
  app.add_option("--server", flags.server, "onetaked: HOST:PORT or unix:PATH")
      ->capture_default_str();
  app.add_option("--api", flags.api, "http://HOST:PORT of practice_api, for the check")->required();
  app.add_option("--bookings", flags.bookings, "callers")
      ->check(CLI::Range(1, 20000))
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "same seed, same bookings")->capture_default_str();
  app.add_option("--concurrency", flags.concurrency, "phone calls at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--insists", flags.insists, "how often an agent tries again")
      ->check(CLI::Range(0, 10))
      ->capture_default_str();
  app.add_option("--give-up-s", flags.give_up_s, "seconds until an open intent counts as broken")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--may-need-review", flags.may_need_review,
               "the tool has no retry safety: NEEDS_REVIEW is a right answer");
  CLI11_PARSE(app, argc, argv);
  return onetake::dental::Run(flags);
}
