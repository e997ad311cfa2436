#include "tests/sim/history.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"

namespace onetake::sim {
namespace {

// I8, once more and by hand: what may follow what.
bool MayFollow(const std::string& from, const std::string& to) {
  static const std::set<std::pair<std::string, std::string>> moves = {
      {"", "IN_FLIGHT"},         {"IN_FLIGHT", "SUCCEEDED"}, {"IN_FLIGHT", "REJECTED"},
      {"IN_FLIGHT", "UNKNOWN"},  {"UNKNOWN", "SUCCEEDED"},   {"UNKNOWN", "REJECTED"},
      {"UNKNOWN", "REVIEW"},     {"REVIEW", "SUCCEEDED"},    {"REVIEW", "REJECTED"},
      {"SUCCEEDED", "REVERSED"}, {"REVERSED", "SUCCEEDED"},
  };
  return from == to || moves.count({from, to}) != 0;
}

std::string Words(const Answer& answer) {
  std::string words = absl::StrCat(answer.result_json, answer.guidance.llm_text,
                                   answer.guidance.say, answer.reason);
  for (const ArgumentDiff& diff : answer.conflicts) {
    absl::StrAppend(&words, diff.path, diff.recorded, diff.received);
  }
  return words;
}

constexpr absl::string_view kClaimFailed = "R1.claim_failed";

bool IsDone(const Dump::Intent& intent) {
  return intent.state == "SUCCEEDED" || intent.state == "REVERSED";
}

}  // namespace

void History::OnAnswer(const Said& said, const Answer& answer) {
  CheckTenant(said, answer);
  ++world_.tally.dispositions[std::string(ToString(answer.disposition))];
  if (said.tool == kLookUp) CheckLookUp(said, answer);
  if (restored_ || !answer.intent.has_value() || answer.intent->key.empty()) return;
  Told& told = told_[answer.intent->key];
  if (!told.tenant.empty() && told.tenant != said.tenant) {
    world_.Fail("I9: tenants ", told.tenant, " and ", said.tenant, " share key ",
                answer.intent->key);
  }
  told.tenant = said.tenant;
  told.intent_id = answer.intent->id;
  if (answer.disposition == Disposition::kDone) CheckDone(said, answer);
  if (answer.intent->state == IntentState::kRejected &&
      answer.disposition == Disposition::kRejected) {
    // Of a claim that failed nothing is recorded, and a further call claims it anew.
    told.rejected = told.rejected || answer.reason != kClaimFailed;
    if (downstream_.ByKey(answer.intent->key) != nullptr) {
      world_.Fail("I2: key ", answer.intent->key, " is told to be rejected, and is booked");
    }
    if (IsRestoring(said.tool) && downstream_.HasRestored(answer.intent->key)) {
      world_.Fail("I2: key ", answer.intent->key, " is told to be rejected, and has restored");
    }
    if (CancelsByIdentity(NatureOf(said.tool)) &&
        downstream_.UndoneBy(answer.intent->key) != nullptr) {
      world_.Fail("I2: key ", answer.intent->key, " is told to be rejected, and has cancelled");
    }
  }
}

// I9
void History::CheckTenant(const Said& said, const Answer& answer) {
  const std::string foreign = said.tenant == "A" ? "pB-" : "pA-";
  if (absl::StrContains(Words(answer), foreign)) {
    world_.Fail("I9: tenant ", said.tenant, " is told about ", foreign);
  }
}

// Whoever has been told of a write sees it, whatever look-up theirs was joined with.
void History::CheckLookUp(const Said& said, const Answer& answer) {
  if (answer.disposition != Disposition::kDone) return;
  std::set<int> shown;
  const absl::StatusOr<Json> result = ParseJson(answer.result_json, ResultLimits());
  if (!result.ok()) return world_.Fail("a look-up answers ", answer.result_json);
  for (const Json& row : result->value("found", Json::array())) shown.insert(row.value("id", 0));
  const Downstream::Effect* booked = downstream_.ById(said.appointment);
  // Whoever changed their mind before anything was booked may have it for somebody else.
  if (booked != nullptr && booked->patient == said.patient && booked->provider == said.provider &&
      !booked->undone_at.has_value() && !world_.faults.eventual &&
      shown.count(said.appointment) == 0) {
    world_.Fail("READ: appointment ", said.appointment,
                " was told to be booked, and is not shown after that");
  }
  const Downstream::Effect* undone = downstream_.ById(said.undone);
  const bool is_restored = undone != nullptr && undone->at > said.sent_at;
  if (said.undone != 0 && shown.count(said.undone) != 0 && !is_restored) {
    world_.Fail("READ: appointment ", said.undone,
                " was told to be cancelled, and is shown after that");
  }
}

void History::OnErased(const std::string& tenant, const std::string& session,
                       const ErasureResult& result) {
  erased_[{tenant, session}] += result.erased + result.plain;
}

void History::CheckDone(const Said& said, const Answer& answer) {
  const std::string& key = answer.intent->key;
  Told& told = told_[key];
  told.done = true;
  if (!answer.result_json.empty()) {
    if (!told.result.empty() && told.result != answer.result_json) {
      world_.Fail("I5: key ", key, " has two results: ", told.result, " and ", answer.result_json);
    }
    told.result = answer.result_json;
  }
  if (!IsBooking(answer.tool)) return CheckCancelled(said, answer);
  const Downstream::Effect* effect = downstream_.ByKey(key);
  if (effect == nullptr) return world_.Fail("I2: key ", key, " is told to be done, and is not");
  if (said.patient.empty()) return;  // who waits for an intent says no details
  CheckBooked(said, *effect);
}

void History::CheckBooked(const Said& said, const Downstream::Effect& effect) {
  if (effect.patient != said.patient || effect.slot != said.slot ||
      effect.provider != said.provider) {
    world_.Fail("I5: key ", effect.key, " is told to be done for ", said.patient, " at ",
                said.provider, ", and is for ", effect.patient, " at ", effect.provider);
  }
  if (!effect.undone_at.has_value()) return;
  const Wish& wish = wishes_[static_cast<size_t>(said.wish)];
  // What names no booking is serialised with all of them, told or not.
  const bool was_told =
      wish.cancel_told_at < said.first_said_at && *effect.undone_at <= wish.cancel_told_at;
  const bool was_undone = *effect.undone_at < said.first_said_at;
  if (was_told || (CancelsByIdentity(wish.nature) && was_undone)) {
    world_.Fail("R7: a booking after its cancellation is told to be done, and is not: key ",
                effect.key);
  }
}

void History::CheckCancelled(const Said& said, const Answer& answer) {
  if (IsBooking(said.tool)) return;
  if (IsRestoring(answer.tool)) {
    if (!downstream_.HasRestored(answer.intent->key)) {
      world_.Fail("I2: key ", answer.intent->key, " is told to be done, and has restored nothing");
    }
    return;
  }
  if (!CancelsByIdentity(NatureOf(answer.tool))) {
    const Downstream::Effect* undone = downstream_.ById(said.appointment);
    if (undone == nullptr || !undone->undone_at.has_value()) {
      world_.Fail("I2: appointment ", said.appointment, " is told to be cancelled, and is not");
    }
    return;
  }
  // Whatever was booked when it was asked for is gone; what was booked since may stand.
  for (const Downstream::Effect& effect : downstream_.effects()) {
    if (effect.wish == said.wish && !effect.undone_at.has_value() &&
        effect.at <= said.first_said_at) {
      world_.Fail("I2: wish ", said.wish, " is told to be cancelled by key ", answer.intent->key,
                  ", and booking ", effect.id, " stands");
    }
  }
}

void History::CheckLedger(const Dump& dump) {
  CheckFile(dump);
  CheckIntents(dump);
  CheckReversals(dump);
  CheckTold(dump);
  CheckErased(dump);
}

// Nothing may be lost twice: whatever is still open waits for a person. That no booking was made
// again, the downstream checks.
void History::CheckRestored(const Dump& dump) {
  CheckFile(dump);
  for (const Dump::Intent& intent : dump.intents) {
    if (!intent.settled && !intent.in_review) {
      world_.Fail("I6: row ", intent.row, " of a restored ledger stays ", intent.state);
    }
  }
}

void History::CheckFile(const Dump& dump) {
  ++world_.tally.checks;
  if (dump.integrity != "ok") world_.Fail("I12: integrity_check says ", dump.integrity);
  if (dump.schema < 2) world_.Fail("I12: schema version ", dump.schema);
  if (dump.open_attempts_of_settled != 0) world_.Fail("I8: a settled intent has an open attempt");
  CheckEvents(dump);
}

// I7, I8: no change without its record, and no record without its change.
void History::CheckEvents(const Dump& dump) {
  std::map<int64_t, std::string> state;
  int64_t seq = 0;
  for (const Dump::Event& event : dump.events) {
    if (event.seq != ++seq) world_.Fail("I7: event ", seq, " is missing");
    if (event.row == 0 || event.to.empty()) continue;
    std::string& now = state[event.row];
    if (event.from != now) {
      world_.Fail("I7: event ", seq, " leads from ", event.from, " while row ", event.row, " is ",
                  now);
    }
    const bool corrects = event.kind == "resolved";
    if (!corrects && !MayFollow(event.from, event.to)) {
      world_.Fail("I8: event ", seq, " leads from ", event.from, " to ", event.to);
    }
    now = event.to;
  }
  for (const Dump::Intent& intent : dump.intents) {
    if (state[intent.row] != intent.state) {
      world_.Fail("I7: row ", intent.row, " is ", intent.state, ", its last event says ",
                  state[intent.row]);
    }
  }
}

void History::CheckIntents(const Dump& dump) {
  std::map<std::string, const Dump::Intent*> latest;
  for (const Dump::Intent& intent : dump.intents) {
    const Dump::Intent*& before = latest[absl::StrCat(intent.tenant, " ", intent.intent_id)];
    if (intent.generation != (before == nullptr ? 1 : before->generation + 1)) {
      world_.Fail("I8: row ", intent.row, " is generation ", intent.generation);
    }
    if (before != nullptr && !before->settled) {
      world_.Fail("I8: row ", intent.row, " was opened over one that is ", before->state);
    }
    before = &intent;
    // I6
    if (!intent.settled && !intent.in_review) {
      world_.Fail("I6: row ", intent.row, " of ", intent.tool, " stays ", intent.state, " (",
                  intent.reason, ")");
    }
    if (IsBooking(intent.tool) && !intent.in_review) CheckEffect(intent);
  }
  const std::map<std::string, const Dump::Intent*> by_key = dump.ByKey();
  for (const Downstream::Effect& effect : downstream_.effects()) {
    if (by_key.count(effect.key) == 0) {
      world_.Fail("I3: booking ", effect.id, " is of key ", effect.key,
                  ", which the ledger does not know");
    }
    if (!effect.undone_by.empty() && by_key.count(effect.undone_by) == 0) {
      world_.Fail("I3: booking ", effect.id, " is undone by key ", effect.undone_by,
                  ", which the ledger does not know");
    }
  }
}

void History::CheckEffect(const Dump::Intent& intent) {
  const Downstream::Effect* effect = downstream_.ByKey(intent.key);
  if (IsDone(intent) && effect == nullptr) {
    return world_.Fail("I2: row ", intent.row, " is ", intent.state, " (", intent.reason,
                       "), and nothing is booked");
  }
  if (!IsDone(intent) && effect != nullptr) {
    return world_.Fail("I2: row ", intent.row, " is ", intent.state, " (", intent.reason,
                       "), and it is booked");
  }
  if (effect == nullptr) return;
  const bool is_gone = effect->undone_at.has_value();
  if (intent.state == "REVERSED" && !is_gone) {
    world_.Fail("R7: row ", intent.row, " is REVERSED, and booking ", effect->id, " stands");
  }
  if (intent.state == "SUCCEEDED" && is_gone && CancelsByIdentity(effect->nature)) {
    world_.Fail("R7: row ", intent.row, " is SUCCEEDED, and booking ", effect->id, " is gone");
  }
}

// What is recorded of the cancellations that name no booking.
void History::CheckReversals(const Dump& dump) {
  std::map<int64_t, const Dump::Intent*> rows;
  for (const Dump::Intent& intent : dump.intents) rows[intent.row] = &intent;
  for (const Dump::Intent& intent : dump.intents) {
    if (IsBooking(intent.tool) || intent.in_review) continue;
    if (!CancelsByIdentity(NatureOf(intent.tool))) continue;
    if (IsRestoring(intent.tool) && IsDone(intent) != downstream_.HasRestored(intent.key)) {
      world_.Fail("I2: row ", intent.row, " is ", intent.state, " (", intent.reason, "), and ",
                  IsDone(intent) ? "nothing is restored" : "has restored something");
    }
    const Downstream::Effect* undone = downstream_.UndoneBy(intent.key);
    if (intent.state == "REJECTED" && undone != nullptr) {
      world_.Fail("I2: row ", intent.row, " is REJECTED (", intent.reason, "), and has undone ",
                  undone->id);
    }
    if (undone == nullptr) continue;
    const auto target = rows.find(intent.reverses_row);
    if (target == rows.end() || target->second->key != undone->key) {
      world_.Fail("R7: row ", intent.row, " has undone booking ", undone->id, ", and row ",
                  intent.reverses_row, " is recorded");
    }
  }
}

// I2
void History::CheckTold(const Dump& dump) {
  const std::map<std::string, const Dump::Intent*> by_key = dump.ByKey();
  for (const auto& [key, told] : told_) {
    const auto found = by_key.find(key);
    if (found == by_key.end()) {
      // A claim that was on its way may have been refused yet.
      if (told.done || told.rejected) world_.Fail("I2: key ", key, " was told, and is lost");
      continue;
    }
    const Dump::Intent& intent = *found->second;
    if (intent.tenant != told.tenant || intent.intent_id != told.intent_id) {
      world_.Fail("I9: key ", key, " is of another intent than was told");
    }
    if (told.done && !IsDone(intent)) {
      world_.Fail("I2: key ", key, " was told to be done, and is ", intent.state);
    }
    if (told.rejected && intent.state != "REJECTED" && !intent.in_review) {
      world_.Fail("I2: key ", key, " was told to be rejected, and is ", intent.state);
    }
    const bool readable = intent.result.has_value() && !intent.aged;
    if (told.done && !told.result.empty() && readable && told.result != *intent.result) {
      world_.Fail("I2: key ", key, " was told ", told.result, ", recorded is ", *intent.result);
    }
  }
}

// What was told to be erased stays erased, and nothing is left of what was erased or is too old.
void History::CheckErased(const Dump& dump) {
  std::map<std::pair<std::string, std::string>, int64_t> erased;
  for (const Dump::Intent& intent : dump.intents) {
    if (intent.erased) ++erased[{intent.tenant, intent.session}];
    if (intent.bodies > 0 && (intent.erased || intent.aged)) {
      world_.Fail("I2: row ", intent.row, " is erased, and its contents are there");
    }
  }
  for (const auto& [whose, told] : erased_) {
    if (erased[whose] < told) {
      world_.Fail("I2: of session ", whose.second, " ", told, " intents were told to be erased, ",
                  erased[whose], " are");
    }
  }
}

// I8, I12: what was settled stays, over every death.
void History::CheckKept(const Dump& before, const Dump& after) {
  std::map<int64_t, const Dump::Intent*> rows;
  for (const Dump::Intent& intent : after.intents) rows[intent.row] = &intent;
  for (const Dump::Intent& intent : before.intents) {
    const auto found = rows.find(intent.row);
    if (found == rows.end() || found->second->key != intent.key) {
      world_.Fail("I2: row ", intent.row, " is lost");
    } else if (found->second->state != intent.state || found->second->result != intent.result) {
      world_.Fail("I12: row ", intent.row, " was ", intent.state, ", and is ",
                  found->second->state);
    }
  }
}

}  // namespace onetake::sim
