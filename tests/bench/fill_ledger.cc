#include "tests/bench/fill_ledger.h"

#include <iostream>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "runtime/base/check.h"
#include "runtime/base/status.h"
#include "runtime/ledger/ledger_writes.h"
#include "runtime/ledger/schema.h"
#include "runtime/store/migration.h"
#include "runtime/store/transaction.h"
#include "tests/bench/synthetic.h"

namespace onetake::bench {
namespace {

constexpr int64_t kBatch = 20'000;

// Of 10,000, evenly mixed and another one for each `salt`.
int64_t Share(int64_t n, uint64_t salt) {
  uint64_t x = static_cast<uint64_t>(n) * 0x9e3779b97f4a7c15u + salt * 0xbf58476d1ce4e5b9u;
  x ^= x >> 31;
  x *= 0x94d049bb133111ebu;
  x ^= x >> 29;
  return static_cast<int64_t>(x % 10'000);
}

absl::Status Write(LedgerWrites& writes, int64_t n) {
  const Kind kind = KindOf(n);
  ClaimRequest request = MakeClaim(n);
  request.intent.tool = request.call.tool = kind.tool;
  if (n % 4 == 0) request.call.attributes = {{"caller_phone", PhoneOf(n)}};
  ONETAKE_ASSIGN_OR_RETURN(const ClaimResult claim, writes.Claim(request));
  ONETAKE_CHECK(claim.granted);
  const absl::Time at = request.intent.created_at;
  std::string disposition = "DONE";
  IntentState state = IntentState::kSucceeded;
  if (kind.end == Kind::End::kRejected) {
    state = IntentState::kRejected;
    disposition = "REJECTED";
  } else if (kind.end != Kind::End::kDone) {
    state = IntentState::kUnknown;
    disposition = kind.end == Kind::End::kReview ? "NEEDS_REVIEW" : "UNCERTAIN";
  }
  ONETAKE_RETURN_IF_ERROR(writes.Apply(MakeOutcome(claim.row, state, at)).status());
  if (kind.end == Kind::End::kReview) {
    Transition review = MakeOutcome(claim.row, IntentState::kReview, at);
    review.from = IntentState::kUnknown;
    review.attempt_end.reset();
    ONETAKE_RETURN_IF_ERROR(writes.Apply(review).status());
  }
  const CallRecord call = Answered(std::move(request.call), claim.row, disposition);
  ONETAKE_RETURN_IF_ERROR(writes.RecordCall(call));
  switch (kind.repeat) {
    case Kind::Repeat::kNone: return absl::OkStatus();
    case Kind::Repeat::kReplayed:
      return writes.RecordCall(Repeated(call, CallRole::kReplayed, disposition));
    case Kind::Repeat::kConflict:
      return writes.RecordCall(Repeated(call, CallRole::kConflict, "CONFLICT"));
  }
  return absl::OkStatus();
}

}  // namespace

Kind KindOf(int64_t n) {
  Kind kind;
  const int64_t tool = Share(n, 1);
  kind.tool = tool < 5000   ? "book_appointment"
              : tool < 8000 ? "send_message"
              : tool < 9500 ? "cancel_appointment"
              : tool < 9999 ? "charge_card"
                            : std::string(kRareTool);
  const int64_t end = Share(n, 2);
  kind.end = end < 250   ? Kind::End::kRejected
             : end < 265 ? Kind::End::kUnknown
             : end < 270 ? Kind::End::kReview
                         : Kind::End::kDone;
  const int64_t repeat = Share(n, 3);
  kind.repeat = repeat < 1000   ? Kind::Repeat::kReplayed
                : repeat < 1020 ? Kind::Repeat::kConflict
                                : Kind::Repeat::kNone;
  return kind;
}

AttributeIndex Attributes() {
  return {.names = {"caller_phone"},
          .digest = [](absl::string_view tenant, absl::string_view name, absl::string_view value) {
            return Sha256().Of({tenant, "/", name, "/", value}).ToHex().substr(0, 32);
          }};
}

absl::Status FillLedger(const std::string& path, int64_t intents) {
  ONETAKE_ASSIGN_OR_RETURN(const std::string full, ResolveDatabasePath(path));
  ONETAKE_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database,
                           Database::Open({full, Database::Access::kWriter, ""}));
  ONETAKE_RETURN_IF_ERROR(Migrate(*database, kLedgerApplicationId, LedgerMigrations()));
  ONETAKE_RETURN_IF_ERROR(
      database->RunScript("PRAGMA synchronous=OFF; PRAGMA cache_size=-1500000;"));
  const AttributeIndex attributes = Attributes();
  ONETAKE_ASSIGN_OR_RETURN(std::unique_ptr<RowKeys> keys, RowKeys::Prepare(*database, nullptr, {}));
  ONETAKE_ASSIGN_OR_RETURN(const std::unique_ptr<LedgerWrites> writes,
                           LedgerWrites::Prepare(*database, std::move(keys), attributes));
  const absl::Time begin = absl::Now();
  // Each number makes one intent, in whole batches: a fill that was broken off goes on.
  ONETAKE_ASSIGN_OR_RETURN(const int64_t there, database->QueryInt("SELECT count(*) FROM intents"));
  for (int64_t n = there + 1; n <= intents;) {
    ONETAKE_ASSIGN_OR_RETURN(Transaction transaction,
                             Transaction::Begin(*database, Transaction::Kind::kWrite));
    for (const int64_t end = std::min(n + kBatch, intents + 1); n < end; ++n) {
      ONETAKE_RETURN_IF_ERROR(Write(*writes, n));
    }
    ONETAKE_RETURN_IF_ERROR(transaction.Commit());
    ONETAKE_RETURN_IF_ERROR(database->Checkpoint(Database::CheckpointMode::kTruncate).status());
    if ((n - 1) % (50 * kBatch) == 0) {
      std::cerr << n - 1 << " intents in " << absl::ToInt64Seconds(absl::Now() - begin) << " s\n";
    }
  }
  return database->RunScript("PRAGMA synchronous=FULL");
}

}  // namespace onetake::bench
