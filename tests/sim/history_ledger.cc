// The ledger's file against what was told, and against what was done.
#include <set>
#include <utility>

#include "tests/sim/history.h"

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

constexpr char kLimitOfResends[] = "limit.resend";
// What all tools of the simulation may be sent, as by default.
constexpr int kMostAttempts = 5;
// Within it a further attempt is in time, whatever its downstream asks for.
constexpr absl::Duration kResendsFor = absl::Seconds(100);

bool IsDone(const Dump::Intent& intent) {
  return intent.state == "SUCCEEDED" || intent.state == "REVERSED";
}

}  // namespace

void History::CheckLedger(const Dump& dump) {
  CheckFile(dump);
  CheckIntents(dump);
  CheckGenerations(dump);
  CheckReversals(dump);
  CheckTold(dump);
  CheckErased(dump);
  for (const auto& [trace, why] : refused_) CheckNothingDone(trace);
  CheckWishes();
}

// R7: of what was told to be cancelled, and nobody has asked for since, nothing stands. A booking
// that was said shortly before may have waited for the cancellation.
void History::CheckWishes() {
  for (const Downstream::Effect& effect : downstream_.effects()) {
    const Wish& wish = wishes_[static_cast<size_t>(effect.wish)];
    if (misled_.count(wish.id) != 0) continue;  // it was told to be rejected, and cancelled so
    if (!effect.undone_at.has_value() && wish.unwanted_at > wish.wanted_at + absl::Seconds(10)) {
      world_.Fail("R7: wish ", wish.id, " was told to be cancelled, and booking ", effect.id,
                  " stands");
    }
  }
}

// I1, I8: a generation is opened when the one before it has no effect, or none any more; what
// undoes may be done again, as it may have something else to undo by then.
void History::CheckGenerations(const Dump& dump) {
  std::map<std::pair<std::string, std::string>, const Dump::Intent*> latest;
  for (const Dump::Intent& intent : dump.intents) {
    const Dump::Intent*& before = latest[{intent.tenant, intent.intent_id}];
    if (intent.generation != (before == nullptr ? 1 : before->generation + 1)) {
      world_.Fail("I8: row ", intent.row, " is generation ", intent.generation);
    }
    const bool may_follow =
        before == nullptr ||
        (before->settled && (before->state != "SUCCEEDED" || !IsBooking(intent.tool)));
    if (!may_follow) {
      world_.Fail("I8: row ", intent.row, " was opened over one that is ", before->state);
    }
    before = &intent;
  }
}

// Nothing may be lost twice: whatever was open is settled. That no booking was made
// again, the downstream checks.
void History::CheckRestored(const Dump& dump) {
  CheckFile(dump);
  CheckSettled(dump);
  CheckTold(dump);
  CheckErased(dump);
  for (const auto& [trace, why] : refused_) CheckNothingDone(trace);
  for (const Dump::Intent& intent : dump.intents) {
    const Downstream::Effect* booked = downstream_.ByKey(intent.key);
    const bool is_booked = booked != nullptr && !WasTakenBackUnseen(*booked, intent.reason);
    if (IsBooking(intent.tool) && IsDone(intent) != is_booked) {
      world_.Fail("I2: row ", intent.row, " of a restored ledger is ", intent.state, " (",
                  intent.reason, "), and ", is_booked ? "it" : "nothing", " is booked");
    }
  }
}

void History::CheckFile(const Dump& dump) {
  ++world_.tally.checks;
  if (dump.integrity != "ok") world_.Fail("I12: integrity_check says ", dump.integrity);
  if (dump.schema < 2) world_.Fail("I12: schema version ", dump.schema);
  if (dump.open_attempts_of_settled != 0) world_.Fail("I8: a settled intent has an open attempt");
  CheckEvents(dump);
  CheckReviews(dump);
}

// I6: only what cannot be found out is left to a person.
void History::CheckReviews(const Dump& dump) {
  std::map<int64_t, const Dump::Intent*> rows;
  std::map<int64_t, absl::Time> claimed;
  for (const Dump::Intent& intent : dump.intents) rows[intent.row] = &intent;
  for (const Dump::Event& event : dump.events) {
    if (event.from.empty() && !event.to.empty()) claimed[event.row] = event.at;
    if (event.to != "REVIEW" || event.from == event.to) continue;
    if (world_.calm) world_.Fail("I6: nothing goes wrong, and a person is asked: ", event.rule);
    const auto found = rows.find(event.row);
    if (event.rule != kLimitOfResends || found == rows.end() || !claimed.contains(event.row)) {
      continue;
    }
    const Dump::Intent& intent = *found->second;
    const bool is_late =
        event.at - claimed[event.row] > kResendsFor || world_.set_back > absl::ZeroDuration();
    if (intent.attempts - intent.waits < kMostAttempts && !is_late) {
      world_.Fail("I6: row ", intent.row, " of ", intent.tool, " is left to a person after ",
                  intent.attempts, " attempts");
    }
  }
}

void History::CheckAttempts(const Dump& dump, const SentLog& log) {
  for (const Dump::Intent& intent : dump.intents) {
    const auto sent = log.keys.find(intent.key);
    const int sends = sent == log.keys.end() ? 0 : sent->second.sends;
    if (intent.attempts != intent.last_attempt || intent.attempts < sends) {
      world_.Fail("I7: row ", intent.row, " is sent ", sends, " times, and has ", intent.attempts,
                  " attempts up to number ", intent.last_attempt);
    }
    // R16: what comes after the verdict is recorded, and shown to a person, who then knows better.
    if (sent != log.keys.end() && sent->second.heard && intent.state == "REJECTED") {
      world_.Fail("R16: row ", intent.row, " of ", intent.tool,
                  " was heard to be done after a person had denied it, and stays REJECTED");
    }
    if (sends - intent.waits > kMostAttempts) {
      world_.Fail("I10: row ", intent.row, " of ", intent.tool, " is sent ", sends, " times");
    }
  }
}

void History::CheckPushes(const Dump& dump, uint64_t life) {
  for (const auto& [key, told_in] : open_) {
    const Dump::Intent* intent = dump.Find(key);
    if (told_in == life && intent != nullptr && intent->settled) {
      world_.Fail("R9: nobody is told that key ", key, " is ", intent->state);
    }
  }
}

void History::CountEvents(const Dump& dump) {
  for (const Dump::Event& event : dump.events) {
    ++world_.tally.events[event.kind];
    if (event.from == event.to) continue;
    ++world_.tally.moves[absl::StrCat(event.from, ">", event.to)];
    if (event.to == "REVIEW") ++world_.tally.reviews[event.rule];
  }
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

// I6
void History::CheckSettled(const Dump& dump) {
  for (const Dump::Intent& intent : dump.intents) {
    if (intent.sealed && intent.result.has_value()) {
      world_.Fail("I11: the result of row ", intent.row, " of a sealed ledger stands in clear");
    }
    if (!intent.settled || intent.in_review) {
      world_.Fail("I6: row ", intent.row, " of ", intent.tool, " stays ", intent.state, " (",
                  intent.reason, ")");
    }
  }
}

void History::CheckIntents(const Dump& dump) {
  CheckSettled(dump);
  for (const Dump::Intent& intent : dump.intents) {
    if (IsBooking(intent.tool)) CheckEffect(dump, intent);
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

void History::CheckEffect(const Dump& dump, const Dump::Intent& intent) {
  const Downstream::Effect* effect = downstream_.ByKey(intent.key);
  if (IsDone(intent) && effect == nullptr) {
    return world_.Fail("I2: row ", intent.row, " is ", intent.state, " (", intent.reason,
                       "), and nothing is booked");
  }
  if (!IsDone(intent) && effect != nullptr && !WasTakenBackUnseen(*effect, intent.reason)) {
    return world_.Fail("I2: row ", intent.row, " is ", intent.state, " (", intent.reason,
                       "), and it is booked");
  }
  if (effect == nullptr) return;
  const bool is_gone = effect->undone_at.has_value();
  if (intent.state == "REVERSED" && !is_gone) {
    world_.Fail("R7: row ", intent.row, " is REVERSED, and booking ", effect->id, " stands");
  }
  // Without a result nothing brings a booking together with the cancellation that names it so.
  const Dump::Intent* undoing = is_gone ? dump.Find(effect->undone_by) : nullptr;
  const bool is_named = CancelsByIdentity(effect->nature) ||
                        (intent.result.has_value() && undoing != nullptr && IsDone(*undoing));
  if (intent.state == "SUCCEEDED" && is_gone && is_named) {
    world_.Fail("R7: row ", intent.row, " is SUCCEEDED, and booking ", effect->id, " is gone");
  }
}

// What is recorded of the cancellations.
void History::CheckReversals(const Dump& dump) {
  std::map<int64_t, const Dump::Intent*> rows;
  for (const Dump::Intent& intent : dump.intents) rows[intent.row] = &intent;
  for (const Dump::Intent& intent : dump.intents) {
    if (IsBooking(intent.tool)) continue;
    if (IsRestoring(intent.tool) && IsDone(intent) != downstream_.HasRestored(intent.key)) {
      world_.Fail("I2: row ", intent.row, " is ", intent.state, " (", intent.reason, "), and ",
                  IsDone(intent) ? "nothing is restored" : "has restored something");
    }
    const Downstream::Effect* undone = downstream_.UndoneBy(intent.key);
    if (intent.state == "REJECTED" && undone != nullptr) {
      world_.Fail("I2: row ", intent.row, " is REJECTED (", intent.reason, "), and has undone ",
                  undone->id);
    }
    if (undone == nullptr || !CancelsByIdentity(undone->nature)) continue;
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
    if (told.rejected && intent.state != "REJECTED" && denied_.count(key) == 0) {
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

// I7, I8, I12: what was settled stays, and what was recorded is not written anew, over every death.
void History::CheckKept(const Dump& before, const Dump& after) {
  for (size_t i = 0; i < before.events.size(); ++i) {
    if (i >= after.events.size() || after.events[i].hash != before.events[i].hash) {
      return world_.Fail("I7: event ", before.events[i].seq, " was another one before a death");
    }
  }
  std::map<int64_t, const Dump::Intent*> rows;
  for (const Dump::Intent& intent : after.intents) rows[intent.row] = &intent;
  for (const Dump::Intent& intent : before.intents) {
    const auto found = rows.find(intent.row);
    if (found == rows.end() || found->second->key != intent.key) {
      world_.Fail("I2: row ", intent.row, " is lost");
    } else if (found->second->state != intent.state || found->second->stored != intent.stored) {
      world_.Fail("I12: row ", intent.row, " was ", intent.state, ", and is ",
                  found->second->state);
    }
  }
}

}  // namespace onetake::sim
