#include "tests/io/watched_ledger.h"

#include <gmock/gmock.h>

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake::io {
namespace {

constexpr int kMost = 100;  // more than a scenario makes of anything

std::string BodiesText(Bodies bodies) {
  switch (bodies) {
    case Bodies::kKept: return "kept";
    case Bodies::kAged: return "aged";
    case Bodies::kErased: return "erased";
  }
  return "";
}

}  // namespace

std::string WatchedLedger::IntentName(int n) { return absl::StrCat("intent", n); }

std::string WatchedLedger::Text(const IntentRecord& intent, const std::string& kinds) {
  return absl::StrCat(ToString(intent.state), " attempts=", intent.attempts,
                      " contradicted=", IsContradicted(intent), " key=", intent.key,
                      " result=", intent.result_json.value_or("none"), " ",
                      BodiesText(intent.bodies), " ", intent.arguments_json, intent.identity_json,
                      intent.request, " |", kinds);
}

std::string WatchedLedger::Text(const CallRecord& call, const std::string& intent_id) {
  return absl::StrCat(ToString(call.role), " ", call.disposition, " ", intent_id);
}

SqliteLedger::Options WatchedLedger::Options(const Place& place) {
  SqliteLedger::Options options;
  options.path = place.path;
  options.threading = SqliteLedger::Threading::kManual;
  options.vfs = place.vfs;
  options.on_fatal = [](const absl::Status&) {};
  std::vector<Secret> masters;
  masters.emplace_back("master key one, 32 bytes or more");
  options.key_ring = std::make_shared<KeyRing>(std::move(masters));
  options.sealing.new_rows = RowKeys::NewRows::kSealed;
  options.checkpoints.emplace().TakeNames(place.path);
  options.attributes = {
      .names = {"phone"},
      .digest = [](absl::string_view, absl::string_view, absl::string_view value) {
        return absl::StrCat("digest of ", value);
      }};
  return options;
}

bool WatchedLedger::Open() {
  stops_ = 0;
  for (;;) {
    const int64_t failures = place_.failures();
    SqliteLedger::Options options = Options(place_);
    options.on_fatal = [this](const absl::Status&) { ++stops_; };
    absl::StatusOr<std::unique_ptr<SqliteLedger>> opened =
        SqliteLedger::Open(std::move(options), clock_);
    if (opened.ok()) {
      ledger_ = *std::move(opened);
      return true;
    }
    const bool has_reason = place_.failures() > failures;
    EXPECT_TRUE(has_reason) << opened.status();
    if (!has_reason || place_.heal == nullptr) return false;
    place_.heal();
  }
}

void WatchedLedger::Close() {
  ledger_.reset();
  EXPECT_LE(stops_, 1);
}

absl::Status WatchedLedger::Await(const std::function<void(const Done& done)>& start) {
  std::optional<absl::Status> outcome;
  start([&outcome](const absl::Status& status) {
    EXPECT_FALSE(outcome.has_value()) << "answered twice";
    outcome = status;
  });
  while (!outcome.has_value() && ledger_->RunPending()) {
  }
  EXPECT_TRUE(outcome.has_value()) << "never answered";
  return outcome.value_or(absl::CancelledError());
}

bool WatchedLedger::Write(const Contents& changes,
                          const std::function<void(const Done& done)>& start) {
  if (!is_open()) return false;
  for (;;) {
    const int64_t failures = place_.failures();
    const absl::Status outcome = Await(start);
    if (Judge(outcome, failures, changes) == Next::kDone) return outcome.ok();
  }
}

WatchedLedger::Next WatchedLedger::Judge(const absl::Status& outcome, int64_t failures_before,
                                         const Contents& changes) {
  if (outcome.ok()) {
    EXPECT_EQ(stops_, 0) << "it has stopped, and writes";
    EXPECT_TRUE(!place_.fails_changes || place_.failures() == failures_before)
        << "what failed is told as done";
    book_.Told(changes);
    return Next::kDone;
  }
  if (absl::StrContains(outcome.message(), "the ledger has stopped") && book_.has_doubt()) {
    return Next::kDone;  // an earlier write stopped it
  }
  EXPECT_GT(place_.failures(), failures_before) << outcome;
  if (absl::IsResourceExhausted(outcome)) {
    EXPECT_EQ(stops_, 0) << "a full disk is no reason to stop: " << outcome;
    EXPECT_THAT(outcome.message(), ::testing::HasSubstr("full"));
    return place_.is_well() && place_.failures() > failures_before ? Next::kAgain : Next::kDone;
  }
  EXPECT_EQ(stops_, 1) << "it goes on after " << outcome;
  book_.Doubted(changes);
  return Next::kDone;
}

void WatchedLedger::Record(const Contents& changes, CallRecord call) {
  Write(changes, [&](const Done& done) {
    const int64_t dropped = ledger_->stats().calls_dropped;
    const int stops = stops_;
    ledger_->RecordCall(call);
    while (ledger_->RunPending()) {
    }
    if (ledger_->stats().calls_dropped == dropped) return done(absl::OkStatus());
    if (stops > 0) return done(absl::DataLossError("the ledger has stopped"));
    done(stops_ > 0 ? absl::DataLossError("dropped")
                    : absl::ResourceExhaustedError("full: dropped"));
  });
}

void WatchedLedger::ExpectToStayStopped() {
  if (!is_open() || !has_stopped()) return;
  if (place_.heal != nullptr) place_.heal();
  const absl::Status outcome =
      Await([this](const Done& done) { ledger_->SaveLatencies({LatencyRecord{}}, done); });
  EXPECT_THAT(outcome.message(), ::testing::HasSubstr("the ledger has stopped"));
  EXPECT_FALSE(ledger_->MarkCrashed(clock_.Now()).ok());
}

void WatchedLedger::Idle() {
  if (!is_open()) return;
  const int64_t failures = place_.failures();
  const int before = stops_;
  ledger_->RunIdle();
  ledger_->RunCheckpoints();
  if (stops_ == before) return;
  EXPECT_GT(place_.failures(), failures);
  book_.Doubted({});  // nothing that was told
}

template <typename T, typename Start>
absl::StatusOr<T> WatchedLedger::Ask(Start start) {
  absl::StatusOr<T> answer = absl::CancelledError("never answered");
  start([&answer](absl::StatusOr<T> given) { answer = std::move(given); });
  while (ledger_->RunReads()) {
  }
  return answer;
}

void WatchedLedger::Look(int n) {
  if (!is_open()) return;
  const int64_t failures = place_.failures();
  const std::string name = IntentName(n);
  const absl::StatusOr<LookupResult> found = Ask<LookupResult>([&](auto done) {
    ledger_->Lookup({.tenant = "clinic",
                     .intent_id = name,
                     .session_id = "CA1",
                     .tool_call_id = absl::StrCat("toolu_", n)},
                    std::move(done));
  });
  if (!found.ok()) {
    EXPECT_GT(place_.failures(), failures) << found.status();
    return;
  }
  EXPECT_EQ(found->call_intent.has_value(), found->latest.has_value());
  const absl::StatusOr<std::vector<IntentDetail>> details = Ask<std::vector<IntentDetail>>(
      [&](auto done) { ledger_->GetIntent("clinic", name, std::move(done)); });
  if (!details.ok() && !absl::IsNotFound(details.status())) {
    EXPECT_GT(place_.failures(), failures) << details.status();
    return;
  }
  EXPECT_EQ(details.ok(), found->latest.has_value());
  if (!details.ok() || !found->latest.has_value()) {
    EXPECT_TRUE(book_.Allows(name, "")) << name << " is not there";
    return;
  }
  std::string kinds;
  for (const EventRecord& event : details->back().events) absl::StrAppend(&kinds, ",", event.kind);
  for (const auto& record : {found->latest, found->call_intent}) {
    const std::string text = Text(*record, kinds);
    EXPECT_TRUE(book_.Allows(name, text)) << name << " is told as " << text;
  }
}

absl::StatusOr<Contents> WatchedLedger::Observe() {
  Contents found;
  ONETAKE_RETURN_IF_ERROR(ObserveIntents(found));
  ONETAKE_RETURN_IF_ERROR(ObserveUnsettled(found));
  ONETAKE_RETURN_IF_ERROR(ObserveRest(found));
  return found;
}

absl::Status WatchedLedger::ObserveIntents(Contents& found) {
  ONETAKE_ASSIGN_OR_RETURN(const IntentPage page, Ask<IntentPage>([&](auto done) {
                             ledger_->ListIntents({.tenant = "clinic"}, {}, kMost, std::move(done));
                           }));
  for (const IntentSummary& one : page.intents) {
    const std::string& name = one.intent.intent_id;
    ONETAKE_ASSIGN_OR_RETURN(const std::vector<IntentDetail> details,
                             Ask<std::vector<IntentDetail>>([&](auto done) {
                               ledger_->GetIntent("clinic", name, std::move(done));
                             }));
    std::string kinds;
    for (const EventRecord& event : details.back().events) absl::StrAppend(&kinds, ",", event.kind);
    ONETAKE_ASSIGN_OR_RETURN(const LookupResult looked, Ask<LookupResult>([&](auto done) {
                               ledger_->Lookup({.tenant = "clinic", .intent_id = name},
                                               std::move(done));
                             }));
    found[name] = looked.latest.has_value() ? Text(*looked.latest, kinds) : "not found";
  }
  return absl::OkStatus();
}

// What recovery sees is what the others see.
absl::Status WatchedLedger::ObserveUnsettled(const Contents& found) {
  ONETAKE_ASSIGN_OR_RETURN(const std::vector<IntentRecord> open, ledger_->Unsettled(0, kMost));
  std::set<std::string> unsettled, unknown;
  for (const IntentRecord& one : open) unsettled.insert(one.intent_id);
  for (const auto& [name, text] : found) {
    if (absl::StartsWith(text, "UNKNOWN")) unknown.insert(name);
  }
  EXPECT_EQ(unsettled, unknown);
  return absl::OkStatus();
}

absl::Status WatchedLedger::ObserveRest(Contents& found) {
  ONETAKE_ASSIGN_OR_RETURN(const std::vector<CallSummary> calls,
                           Ask<std::vector<CallSummary>>([&](auto done) {
                             ledger_->ListCalls({.tenant = "clinic"}, {}, kMost, std::move(done));
                           }));
  for (const CallSummary& one : calls) {
    found[absl::StrCat("call:", one.call.call_id)] = Text(one.call, one.intent_id);
  }
  ONETAKE_ASSIGN_OR_RETURN(const std::vector<LatencyRecord> latencies, ledger_->LoadLatencies());
  for (const LatencyRecord& one : latencies) found["latency:" + one.tool] = one.histogram;
  return absl::OkStatus();
}

void WatchedLedger::Compare() {
  if (!is_open()) return;
  const int64_t failures = place_.failures();
  const absl::StatusOr<Contents> found = Observe();
  if (!found.ok()) {
    EXPECT_GT(place_.failures(), failures) << found.status();
    return;
  }
  if (!has_stopped()) book_.Settle(*found);
}

}  // namespace onetake::io
