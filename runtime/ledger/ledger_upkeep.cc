// The part of LedgerWrites about what is destroyed on purpose: for a person, or when its time is
// over.
#include "runtime/ledger/ledger_upkeep.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/ledger_writes.h"
#include "runtime/ledger/rows.h"

#define ONETAKE_ERASABLE(column)                                                       \
  "SELECT intent_row, state, settled_at IS NOT NULL, sealed,"                          \
  " erased_at IS NOT NULL OR aged_at IS NOT NULL, review_at IS NOT NULL FROM intents " \
  "WHERE " column " = ?1 AND tenant = ?2 ORDER BY intent_row"

namespace onetake {
namespace {

constexpr absl::string_view kErasedRule = "erase.subject";
constexpr absl::string_view kAgedRule = "retention.bodies";

bool Holds(const std::vector<std::string>& held, absl::string_view name) {
  return std::find(held.begin(), held.end(), name) != held.end();
}

}  // namespace

absl::Status LedgerWrites::PrepareUpkeep() {
  ONETAKE_ASSIGN_OR_RETURN(select_of_intent_, database_.Prepare(ONETAKE_ERASABLE("intent_id")));
  ONETAKE_ASSIGN_OR_RETURN(select_of_session_, database_.Prepare(ONETAKE_ERASABLE("session_id")));
  ONETAKE_ASSIGN_OR_RETURN(
      select_old_,
      database_.Prepare("SELECT intent_row, state, session_id, tool, intent_id FROM intents"
                        " WHERE settled_at IS NOT NULL AND aged_at IS NULL AND settled_at < ?1"
                        " AND review_at IS NULL ORDER BY settled_at"));
  ONETAKE_ASSIGN_OR_RETURN(delete_key_,
                           database_.Prepare("DELETE FROM intent_keys WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(delete_result_,
                           database_.Prepare("DELETE FROM results WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(delete_body_,
                           database_.Prepare("DELETE FROM bodies WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      mark_erased_, database_.Prepare("UPDATE intents SET erased_at = ?2 WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      mark_aged_, database_.Prepare("UPDATE intents SET aged_at = ?2 WHERE intent_row = ?1"));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LedgerWrites::Erasable>> LedgerWrites::FindErasable(
    const Erasure& erasure) {
  std::vector<Erasable> found;
  const bool by_intent = !erasure.intent_id.empty();
  ONETAKE_RETURN_IF_ERROR(Run(by_intent ? select_of_intent_ : select_of_session_)
                              .Text(1, by_intent ? erasure.intent_id : erasure.session_id)
                              .Text(2, erasure.tenant)
                              .ForEach([&](const Run& row) {
                                found.push_back({.row = row.Int(0),
                                                 .state = std::string(row.Text(1)),
                                                 .settled = row.Int(2) != 0 && row.Int(5) == 0,
                                                 .sealed = row.Int(3) != 0,
                                                 .gone = row.Int(4) != 0});
                                return absl::OkStatus();
                              }));
  if (found.empty())
    return absl::NotFoundError(by_intent ? "intent_id: no such intent"
                                         : "session_id: nothing is recorded of that conversation");
  return found;
}

absl::StatusOr<ErasureResult> LedgerWrites::Erase(const Erasure& erasure) {
  ONETAKE_ASSIGN_OR_RETURN(const std::vector<Erasable> found, FindErasable(erasure));
  ErasureResult result;
  for (const Erasable& one : found) {
    if (one.gone) {
      ++result.gone;
    } else if (!one.settled) {
      ++result.unsettled;
    } else if (!one.sealed) {
      ++result.plain;
    } else {
      ONETAKE_RETURN_IF_ERROR(EraseRow(one, erasure));
      ++result.erased;
    }
  }
  return result;
}

absl::Status LedgerWrites::EraseRow(const Erasable& one, const Erasure& erasure) {
  ONETAKE_RETURN_IF_ERROR(Run(delete_key_).Int(1, one.row).Finish());
  ONETAKE_RETURN_IF_ERROR(Run(mark_erased_).Int(1, one.row).Int(2, ToColumn(erasure.at)).Finish());
  return events_
      ->Append({.row = one.row,
                .at = erasure.at,
                .kind = "erased",
                .from = one.state,
                .to = one.state,
                .rule = kErasedRule,
                .actor = erasure.by,
                .evidence = erasure.reason})
      .status();
}

absl::StatusOr<int64_t> LedgerWrites::Age(const AgeRules& rules, absl::Time now, int limit) {
  struct Old {
    int64_t row;
    std::string state;
  };
  std::vector<Old> old;
  Run run(select_old_);
  run.Int(1, ToColumn(now - rules.bodies));
  while (old.size() < static_cast<size_t>(ClampLimit(limit))) {
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
    if (!found) break;
    if (Holds(rules.held_sessions, run.Text(2)) || Holds(rules.held_tools, run.Text(3)) ||
        Holds(rules.held_intents, run.Text(4))) {
      continue;
    }
    old.push_back({run.Int(0), std::string(run.Text(1))});
  }
  for (const Old& one : old) ONETAKE_RETURN_IF_ERROR(AgeRow(one.row, one.state, now));
  return static_cast<int64_t>(old.size());
}

absl::Status LedgerWrites::AgeRow(int64_t row, absl::string_view state, absl::Time now) {
  for (Statement* statement : {&forget_request_, &delete_key_, &delete_result_, &delete_body_}) {
    ONETAKE_RETURN_IF_ERROR(Run(*statement).Int(1, row).Finish());
  }
  ONETAKE_RETURN_IF_ERROR(Run(mark_aged_).Int(1, row).Int(2, ToColumn(now)).Finish());
  return events_
      ->Append({.row = row,
                .at = now,
                .kind = "aged",
                .from = state,
                .to = state,
                .rule = kAgedRule,
                .actor = "retention",
                .evidence = ""})
      .status();
}

}  // namespace onetake
