#include "runtime/ledger/upkeep_writes.h"

#include "runtime/base/planted_bug.h"
#include "runtime/base/status.h"
#include "runtime/ledger/rows.h"

// All of this runs while writes wait, so no statement may look through all of a tenant's rows: `+`
// keeps the planner from the indexes that begin with it. A generation that is gone still counts
// while its calls have attributes: calls that came after it may have left some.
#define ONETAKE_ERASABLE(which)                                                     \
  "SELECT intent_row, state, settled_at IS NOT NULL AND review_at IS NULL, sealed," \
  " (erased_at IS NOT NULL OR aged_at IS NOT NULL) AND job = '' AND NOT EXISTS"     \
  " (SELECT 1 FROM calls JOIN attributes USING (call_row)"                          \
  "   WHERE calls.intent_row = intents.intent_row), session_id, tool, intent_id"    \
  " FROM intents WHERE " which " AND +tenant = ?2 ORDER BY intent_row"
#define ONETAKE_ERASABLE_CALLS(from, which)                                          \
  "SELECT DISTINCT c.call_row, c.session_id, c.tool, coalesce(i.intent_id, '')" from \
  " LEFT JOIN intents i ON i.intent_row = c.intent_row"                              \
  " WHERE " which " AND +c.tenant = ?2 ORDER BY c.call_row"

namespace onetake {
namespace {

constexpr absl::string_view kErasedRule = "erase.subject";
constexpr absl::string_view kUnsealedRule = "access.unseal";
constexpr absl::string_view kAgedRule = "retention.bodies";

// Whether the session, the tool or the intent that stand in a row from column `session` on are on
// hold.
bool IsHeld(const Erasure& erasure, const Run& row, int session) {
  return Holds(erasure.held_sessions, row.Text(session)) ||
         Holds(erasure.held_tools, row.Text(session + 1)) ||
         Holds(erasure.held_intents, row.Text(session + 2));
}

}  // namespace

absl::StatusOr<std::unique_ptr<UpkeepWrites>> UpkeepWrites::Prepare(
    Database& database, EventLog& events, const AttributeIndex& attributes) {
  std::unique_ptr<UpkeepWrites> writes(new UpkeepWrites(database, events, attributes));
  ONETAKE_RETURN_IF_ERROR(writes->PrepareAll());
  return writes;
}

absl::Status UpkeepWrites::PrepareAll() {
  ONETAKE_ASSIGN_OR_RETURN(pruning_, Pruning::Prepare(database_, events_));
  ONETAKE_RETURN_IF_ERROR(held_calls_.Prepare(database_));
  ONETAKE_ASSIGN_OR_RETURN(select_of_intent_,
                           database_.Prepare(ONETAKE_ERASABLE("intent_id = ?1")));
  ONETAKE_ASSIGN_OR_RETURN(select_of_session_,
                           database_.Prepare(ONETAKE_ERASABLE("session_id = ?1")));
  ONETAKE_ASSIGN_OR_RETURN(
      select_of_subject_,
      database_.Prepare(ONETAKE_ERASABLE(
          "intent_row IN (SELECT c.intent_row FROM attributes a JOIN calls c USING (call_row)"
          " WHERE a.name = ?3 AND a.value_mac = ?1 AND +c.tenant = ?2)")));
  ONETAKE_ASSIGN_OR_RETURN(select_calls_of_session_,
                           database_.Prepare(ONETAKE_ERASABLE_CALLS(
                               " FROM calls c JOIN attributes a USING (call_row)",
                               "c.session_id = ?1 AND c.session_id != ''"
                               " AND (i.intent_row IS NULL OR i.session_id != ?1)")));
  ONETAKE_ASSIGN_OR_RETURN(select_calls_of_subject_,
                           database_.Prepare(ONETAKE_ERASABLE_CALLS(
                               " FROM attributes a JOIN calls c USING (call_row)",
                               "a.name = ?3 AND a.value_mac = ?1 AND i.intent_row IS NULL")));
  ONETAKE_ASSIGN_OR_RETURN(
      select_any_call_,
      database_.Prepare("SELECT 1 FROM calls WHERE session_id = ?1 AND session_id != ''"
                        " AND +tenant = ?2 LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(delete_call_attributes_,
                           database_.Prepare("DELETE FROM attributes WHERE call_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      delete_attributes_, database_.Prepare("DELETE FROM attributes WHERE call_row IN"
                                            " (SELECT call_row FROM calls WHERE intent_row = ?1)"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_old_,
      database_.Prepare("SELECT intent_row, state, session_id, tool, intent_id, settled_at,"
                        " review_at IS NOT NULL FROM intents"
                        " WHERE settled_at IS NOT NULL AND aged_at IS NULL AND settled_at < ?1"
                        " AND (settled_at, intent_row) > (?2, ?3) ORDER BY settled_at, intent_row"
                        " LIMIT ?4"));
  ONETAKE_ASSIGN_OR_RETURN(forget_request_,
                           database_.Prepare("DELETE FROM requests WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(delete_key_,
                           database_.Prepare("DELETE FROM intent_keys WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(delete_result_,
                           database_.Prepare("DELETE FROM results WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(delete_body_,
                           database_.Prepare("DELETE FROM bodies WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      mark_erased_,
      database_.Prepare("UPDATE intents SET erased_at = ?2, job = '' WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      mark_aged_,
      database_.Prepare("UPDATE intents SET aged_at = ?2, job = '' WHERE intent_row = ?1"));
  return absl::OkStatus();
}

absl::StatusOr<UpkeepWrites::Erasables> UpkeepWrites::FindErasable(const Erasure& erasure) {
  Statement* which = &select_of_intent_;
  Statement* which_calls = nullptr;
  std::string name = erasure.intent_id;
  if (!erasure.session_id.empty()) {
    which = &select_of_session_;
    which_calls = &select_calls_of_session_;
    name = erasure.session_id;
  } else if (!erasure.attribute.empty()) {
    if (!attributes_.Has(erasure.attribute)) {
      return absl::InvalidArgumentError(
          "attribute: is not among ledger.indexed_attributes, so calls are not found by it");
    }
    which = &select_of_subject_;
    which_calls = &select_calls_of_subject_;
    name = attributes_.digest(erasure.tenant, erasure.attribute, erasure.value);
  }
  const auto bind = [&](Run& run) {
    run.Text(1, name).Text(2, erasure.tenant);
    if (!erasure.attribute.empty()) run.Text(3, erasure.attribute);
  };
  Erasables found;
  Run run(*which);
  bind(run);
  ONETAKE_RETURN_IF_ERROR(run.ForEach([&](const Run& row) -> absl::Status {
    ONETAKE_ASSIGN_OR_RETURN(const bool met, held_calls_.Met(row.Int(0), erasure.held_sessions));
    found.generations.push_back({.row = row.Int(0),
                                 .state = std::string(row.Text(1)),
                                 .settled = row.Int(2) != 0,
                                 .sealed = row.Int(3) != 0,
                                 .gone = row.Int(4) != 0,
                                 .held = met || IsHeld(erasure, row, 5)});
    return absl::OkStatus();
  }));
  if (which_calls == nullptr) return found;
  Run run_calls(*which_calls);
  bind(run_calls);
  ONETAKE_RETURN_IF_ERROR(run_calls.ForEach([&](const Run& row) {
    (IsHeld(erasure, row, 1) ? found.held_calls : found.calls).push_back(row.Int(0));
    return absl::OkStatus();
  }));
  return found;
}

absl::Status UpkeepWrites::CheckSomethingFound(const Erasables& found, const Erasure& erasure) {
  if (!found.generations.empty() || !found.calls.empty() || !found.held_calls.empty()) {
    return absl::OkStatus();
  }
  if (!erasure.session_id.empty()) {
    Run run(select_any_call_);
    run.Text(1, erasure.session_id).Text(2, erasure.tenant);
    ONETAKE_ASSIGN_OR_RETURN(const bool called, run.Step());
    if (called) return absl::OkStatus();
  }
  return absl::NotFoundError("nothing is recorded of that intent, conversation or attribute");
}

absl::StatusOr<ErasureResult> UpkeepWrites::Erase(const Erasure& erasure) {
  ONETAKE_ASSIGN_OR_RETURN(const Erasables found, FindErasable(erasure));
  ONETAKE_RETURN_IF_ERROR(CheckSomethingFound(found, erasure));
  ErasureResult result;
  for (const Erasable& one : found.generations) {
    if (one.gone) {
      ++result.gone;
    } else if (one.held) {
      ++result.held;
    } else if (!one.settled) {
      ++result.unsettled;
    } else {
      ONETAKE_RETURN_IF_ERROR(EraseRow(one, erasure));
      ++(one.sealed ? result.erased : result.plain);
    }
  }
  for (const int64_t call : found.calls) ONETAKE_RETURN_IF_ERROR(EraseCall(call, erasure));
  result.calls = static_cast<int64_t>(found.calls.size());
  result.held += static_cast<int64_t>(found.held_calls.size());
  return result;
}

absl::Status UpkeepWrites::EraseRow(const Erasable& one, const Erasure& erasure) {
  ONETAKE_RETURN_IF_ERROR(events_.WitnessIntent(one.row, erasure.at));
  ONETAKE_RETURN_IF_ERROR(DeleteBodies(one.row));
  ONETAKE_RETURN_IF_ERROR(Run(delete_attributes_).Int(1, one.row).Finish());
  ONETAKE_RETURN_IF_ERROR(Run(mark_erased_).Int(1, one.row).Int(2, ToColumn(erasure.at)).Finish());
  return events_
      .Append({.row = one.row,
               .at = erasure.at,
               .kind = EventLog::kErasedKind,
               .from = one.state,
               .to = one.state,
               .rule = kErasedRule,
               .actor = erasure.by,
               .evidence = erasure.reason})
      .status();
}

absl::Status UpkeepWrites::EraseCall(int64_t row, const Erasure& erasure) {
  ONETAKE_RETURN_IF_ERROR(events_.WitnessCall(row, erasure.at));
  ONETAKE_RETURN_IF_ERROR(Run(delete_call_attributes_).Int(1, row).Finish());
  return events_
      .AppendCall({.row = row,
                   .at = erasure.at,
                   .kind = EventLog::kErasedKind,
                   .rule = kErasedRule,
                   .actor = erasure.by,
                   .evidence = erasure.reason})
      .status();
}

absl::StatusOr<int64_t> UpkeepWrites::RecordUnsealing(const Unsealing& unsealing) {
  const Erasure which{.tenant = unsealing.tenant, .intent_id = unsealing.intent_id};
  ONETAKE_ASSIGN_OR_RETURN(const Erasables found, FindErasable(which));
  ONETAKE_RETURN_IF_ERROR(CheckSomethingFound(found, which));
  for (const Erasable& one : found.generations) {
    ONETAKE_RETURN_IF_ERROR(events_.WitnessIntent(one.row, unsealing.at));
    ONETAKE_RETURN_IF_ERROR(events_
                                .Append({.row = one.row,
                                         .at = unsealing.at,
                                         .kind = "unsealed",
                                         .from = one.state,
                                         .to = one.state,
                                         .rule = kUnsealedRule,
                                         .actor = unsealing.by,
                                         .evidence = ""})
                                .status());
  }
  return static_cast<int64_t>(found.generations.size());
}

absl::StatusOr<AgeResult> UpkeepWrites::Age(const AgeRules& rules, absl::Time now, int limit) {
  struct Old {
    int64_t row;
    std::string state;
  };
  std::vector<Old> old;
  // After a rollback, what was looked at has not aged: the cursor begins anew.
  AgeCursor cursor = age_cursor_.rollbacks == database_.Rollbacks() ? age_cursor_ : AgeCursor{};
  int64_t seen = 0;
  ONETAKE_RETURN_IF_ERROR(
      Run(select_old_)
          .Int(1, ToColumn(now - rules.bodies))
          .Int(2, cursor.settled_at)
          .Int(3, cursor.row)
          .Int(4, ClampLimit(limit))
          .ForEach([&](const Run& row) -> absl::Status {
            ++seen;
            cursor = {row.Int(5), row.Int(0), database_.Rollbacks()};
            ONETAKE_ASSIGN_OR_RETURN(const bool met,
                                     held_calls_.Met(row.Int(0), rules.held_sessions));
            const bool kept = met || row.Int(6) != 0 || Holds(rules.held_sessions, row.Text(2)) ||
                              Holds(rules.held_tools, row.Text(3)) ||
                              Holds(rules.held_intents, row.Text(4));
            if (!kept) old.push_back({row.Int(0), std::string(row.Text(1))});
            return absl::OkStatus();
          }));
  for (const Old& one : old) ONETAKE_RETURN_IF_ERROR(AgeRow(one.row, one.state, now));
  const bool more = seen == ClampLimit(limit);
  age_cursor_ = more ? cursor : AgeCursor{};
  ONETAKE_ASSIGN_OR_RETURN(const int64_t pruned, pruning_->Prune(rules, now, limit));
  return AgeResult{static_cast<int64_t>(old.size()), pruned,
                   more || pruned > 0 ? AgeResult::More::kMaybe : AgeResult::More::kNo};
}

absl::Status UpkeepWrites::DeleteBodies(int64_t row) {
  for (Statement* statement : {&forget_request_, &delete_key_, &delete_result_, &delete_body_}) {
    if (ONETAKE_PLANTED_BUG("erasure_leaves_result") && statement == &delete_result_) continue;
    ONETAKE_RETURN_IF_ERROR(Run(*statement).Int(1, row).Finish());
  }
  return absl::OkStatus();
}

absl::Status UpkeepWrites::AgeRow(int64_t row, absl::string_view state, absl::Time now) {
  ONETAKE_RETURN_IF_ERROR(events_.WitnessIntent(row, now));
  ONETAKE_RETURN_IF_ERROR(DeleteBodies(row));
  ONETAKE_RETURN_IF_ERROR(Run(mark_aged_).Int(1, row).Int(2, ToColumn(now)).Finish());
  return events_
      .Append({.row = row,
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
