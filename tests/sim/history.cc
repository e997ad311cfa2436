#include "tests/sim/history.h"

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace onetake::sim {
namespace {

std::string Words(const Answer& answer) {
  std::string words = absl::StrCat(answer.result_json, answer.guidance.llm_text,
                                   answer.guidance.say, answer.reason);
  for (const ArgumentDiff& diff : answer.conflicts) {
    absl::StrAppend(&words, diff.path, diff.recorded, diff.received);
  }
  return words;
}

// Whether `patient` is named, and not another one whose name begins like that.
bool Names(const std::string& words, const std::string& patient) {
  for (size_t at = words.find(patient); at != std::string::npos; at = words.find(patient, at + 1)) {
    const size_t end = at + patient.size();
    if (end == words.size() || (!absl::ascii_isalnum(words[end]) && words[end] != '-')) return true;
  }
  return false;
}

constexpr absl::string_view kClaimFailed = "R1.claim_failed";
constexpr absl::string_view kNearDuplicate = "R15.near_duplicate";

// Whether the answer tells what became of the call's own intent, and not of another one that keeps
// it from being done.
bool IsOutcome(const Said& said, const Answer& answer) {
  if (!answer.intent.has_value() || answer.tool != said.tool) return false;
  if (answer.disposition == Disposition::kDone) return true;
  return answer.disposition == Disposition::kRejected &&
         answer.intent->state == IntentState::kRejected && answer.reason != kClaimFailed &&
         answer.reason != "R7.nothing_to_reverse" && answer.reason != "limit.generations";
}

}  // namespace

// R6: whoever was told an outcome hears it again, and nothing more is done for it.
void History::OnDelivered(const Said& said) {
  if (FindOutcome(said) != nullptr) MustDoNothing(said, "its outcome was told before");
}

// Nobody waits until it is recorded that a call has joined, or was answered by what is recorded: a
// death, or a disk that is full, may lose that.
const History::Outcome* History::FindOutcome(const Said& said) const {
  const auto found = outcomes_.find({said.tenant, said.session, said.tool_call_id});
  if (found == outcomes_.end()) return nullptr;
  const Outcome& outcome = found->second;
  const bool is_kept = outcome.opened || (outcome.life == said.life && !world_.disk_was_full);
  return is_kept ? &outcome : nullptr;
}

// Nothing was done for the call, and nothing will be.
void History::MustDoNothing(const Said& said, absl::string_view because) {
  if (said.trace.empty()) return;
  refused_[said.trace] =
      absl::StrCat("call ", said.tool_call_id, " of ", said.session, ": ", because);
  CheckNothingDone(said.trace);
}

void History::CheckNothingDone(const std::string& trace) {
  const std::string* key = downstream_.DoneFor(trace);
  if (key != nullptr && denied_.count(*key) == 0) {
    world_.Fail("I2: ", refused_[trace], "; and something is done for it under key ", *key);
  }
}

// A status says that nothing was done and nothing is recorded, and which one it may be.
void History::OnStatus(const Said& said, const absl::Status& status) {
  const bool is_known = absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
                        (said.trace.empty() && absl::IsNotFound(status));
  if (!is_known) {
    world_.Fail("call ", said.tool_call_id, " of ", said.session, " ends as ", status.ToString());
  }
  MustDoNothing(said, absl::StatusCodeToString(status.code()));
}

void History::CheckRefusal(const Said& said, const Answer& answer) {
  switch (answer.disposition) {
    case Disposition::kConflict: CheckConflict(said, answer); [[fallthrough]];
    case Disposition::kRejected:
    case Disposition::kNeedsConfirmation:
    case Disposition::kInvalid:
    case Disposition::kWithdrawn:
      return MustDoNothing(said, absl::StrCat(ToString(answer.disposition), " ", answer.reason));
    case Disposition::kDone:
    case Disposition::kPending:
    case Disposition::kUncertain:
    case Disposition::kNeedsReview:
    case Disposition::kFailed: return;
  }
}

// R8: who is told that it differs has said something else.
void History::CheckConflict(const Said& said, const Answer& answer) {
  if (answer.reason == kNearDuplicate && !answer.result_json.empty()) {
    world_.Fail("R15: call ", said.tool_call_id, " of ", said.session,
                " is told the result of another wish");
  }
  if (answer.reason == kNearDuplicate || !answer.intent.has_value()) return;
  const Downstream::Effect* effect = downstream_.ByKey(answer.intent->key);
  const bool is_same =
      !IsBooking(said.tool) || (effect != nullptr && effect->patient == said.patient &&
                                effect->provider == said.provider && effect->slot == said.slot);
  if (is_same) {
    world_.Fail("R8: call ", said.tool_call_id, " of ", said.session,
                " is told to differ from key ", answer.intent->key, ", and says the same");
  }
}

// R6
void History::CheckSameDelivery(const Said& said, const Answer& answer) {
  if (said.trace.empty() || !answer.intent.has_value()) return;
  const Outcome* before = FindOutcome(said);
  if (before != nullptr && before->key != answer.intent->key) {
    world_.Fail("R6: call ", said.tool_call_id, " of ", said.session, " was told of key ",
                before->key, ", and now of ", answer.intent->key);
  }
  if (before == nullptr && IsOutcome(said, answer)) {
    outcomes_[{said.tenant, said.session, said.tool_call_id}] = {
        answer.intent->key, said.life, !answer.replayed && !answer.joined};
  }
}

void History::OnAnswer(const Said& said, const Answer& answer) {
  CheckTenant(said, answer);
  CheckSession(said, answer);
  if (world_.calm && answer.disposition == Disposition::kNeedsReview) {
    world_.Fail("I6: nothing goes wrong, and a person is needed: ", answer.reason);
  }
  ++world_.tally.dispositions[std::string(ToString(answer.disposition))];
  if (said.tool == kLookUp) return CheckLookUp(said, answer);
  CheckRefusal(said, answer);
  if (!answer.intent.has_value() || answer.intent->key.empty()) return;
  CheckSameDelivery(said, answer);
  Told& told = told_[answer.intent->key];
  if (!told.tenant.empty() && told.tenant != said.tenant) {
    world_.Fail("I9: tenants ", told.tenant, " and ", said.tenant, " share key ",
                answer.intent->key);
  }
  const bool is_open =
      answer.disposition == Disposition::kPending || answer.disposition == Disposition::kUncertain;
  const std::string& key = answer.intent->key;
  if (!is_open) {
    open_.erase(key);
    ended_[key] = said.life;
  } else if (ended_[key] != said.life) {  // otherwise it only came late
    open_[key] = said.life;
  }
  told.tenant = said.tenant;
  told.intent_id = answer.intent->id;
  if (answer.disposition == Disposition::kDone) CheckDone(said, answer);
  if (answer.intent->state == IntentState::kRejected &&
      answer.disposition == Disposition::kRejected) {
    // Of a claim that failed nothing is recorded, and a further call claims it anew.
    told.rejected = told.rejected || answer.reason != kClaimFailed;
    CheckRejected(said, answer);
  }
}

void History::CheckRejected(const Said& said, const Answer& answer) {
  const std::string& key = answer.intent->key;
  if (denied_.count(key) != 0) return;
  const Downstream::Effect* booked = downstream_.ByKey(key);
  if (booked != nullptr && !WasTakenBackUnseen(*booked, answer.reason)) {
    world_.Fail("I2: key ", key, " is told to be rejected, and is booked");
  }
  if (IsRestoring(said.tool) && downstream_.HasRestored(key)) {
    world_.Fail("I2: key ", key, " is told to be rejected, and has restored");
  }
  // What the ledger has forgotten is done under the same key again, and refused then.
  const bool again = restored_ && !CancelsByIdentity(NatureOf(said.tool));
  if (downstream_.UndoneBy(key) != nullptr && !again) {
    world_.Fail("I2: key ", key, " is told to be rejected, and has cancelled");
  }
}

// I9
void History::CheckTenant(const Said& said, const Answer& answer) {
  const std::string foreign = said.tenant == "A" ? "pB-" : "pA-";
  if (absl::StrContains(Words(answer), foreign)) {
    world_.Fail("I9: tenant ", said.tenant, " is told about ", foreign);
  }
}

// No conversation hears of another one's patients, unless the tool's intents are of both.
void History::CheckSession(const Said& said, const Answer& answer) {
  if (said.tool == kLookUp || IsShared(NatureOf(said.tool))) return;
  const std::string words = Words(answer);
  for (const Wish& wish : wishes_) {
    const bool is_own = wish.tenant == said.tenant && wish.session == said.session;
    if (!is_own && !IsShared(wish.nature) && Names(words, wish.patient)) {
      world_.Fail("I9: session ", said.session, " is told about ", wish.patient);
    }
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

void History::OnDenied(const std::string& key, int wish) {
  denied_.insert(key);
  misled_.insert(wish);
}

void History::OnPush(const IntentRecord& record, const Answer& answer, uint64_t life) {
  world_.trace.Note("pushed ", record.tenant, " ", record.session_id, " ", record.key, " ",
                    ToString(answer.disposition), " ", answer.reason);
  OnAnswer(
      {.life = life, .tenant = record.tenant, .session = record.session_id, .tool = record.tool},
      answer);
}

void History::OnErased(const std::string& tenant, const std::string& session,
                       const ErasureResult& result) {
  erased_[{tenant, session}] += result.erased + result.plain;
}

void History::OnRestored() {
  restored_ = true;
  told_.clear();
  erased_.clear();
  outcomes_.clear();
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
  // That it was undone since is a part of that answer.
  const bool says_so = answer.intent->state == IntentState::kReversed;
  CheckBooked(said, *effect, says_so ? Undone::kSaid : Undone::kNotSaid);
}

void History::CheckBooked(const Said& said, const Downstream::Effect& effect, Undone undone) {
  if (effect.patient != said.patient || effect.slot != said.slot ||
      effect.provider != said.provider) {
    world_.Fail("I5: key ", effect.key, " is told to be done for ", said.patient, " at ",
                said.provider, ", and is for ", effect.patient, " at ", effect.provider);
  }
  if (!effect.undone_at.has_value() || restored_) return;
  const Wish& wish = wishes_[static_cast<size_t>(said.wish)];
  // What names no booking is serialised with all of them, told or not.
  const bool was_told =
      wish.cancel_told_at < said.first_said_at && *effect.undone_at <= wish.cancel_told_at;
  const bool was_undone = *effect.undone_at < said.first_said_at;
  if ((was_told && undone == Undone::kNotSaid) || (CancelsByIdentity(wish.nature) && was_undone)) {
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
    if (said.appointment == 0) return;  // of a push
    const Downstream::Effect* undone = downstream_.ById(said.appointment);
    if (undone == nullptr || !undone->undone_at.has_value()) {
      world_.Fail("I2: appointment ", said.appointment, " is told to be cancelled, and is not");
    }
    return;
  }
  if (restored_) return;
  // Whatever was booked when it was asked for is gone; what was booked since may stand.
  for (const Downstream::Effect& effect : downstream_.effects()) {
    if (effect.wish == said.wish && !effect.undone_at.has_value() &&
        effect.at <= said.first_said_at) {
      world_.Fail("I2: wish ", said.wish, " is told to be cancelled by key ", answer.intent->key,
                  ", and booking ", effect.id, " stands");
    }
  }
}

}  // namespace onetake::sim
