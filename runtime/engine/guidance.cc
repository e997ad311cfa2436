#include "runtime/engine/guidance.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/confirm_token.h"
#include "runtime/engine/guidance_texts.h"
#include "runtime/engine/rules.h"
#include "runtime/ledger/ledger.h"

namespace onetake {
namespace {

constexpr absl::Duration kCheckAfter = absl::Seconds(2);

Guidance Done(const Answer& answer, absl::string_view name) {
  Guidance guidance;
  if (answer.result_gone) {
    guidance.llm_text = absl::StrCat(name,
                                     " took effect; what the system answered then is not kept any "
                                     "more. Do not call it again; look the details up if they are "
                                     "needed.");
  } else if (answer.result_unavailable) {
    guidance.llm_text = absl::StrCat(name,
                                     " took effect, but the system's answer could not be read. Do "
                                     "not call it again; look the details up if they are needed.");
  } else if (answer.result_json.empty() || answer.result_json == "null") {
    guidance.llm_text = absl::StrCat(name, " is done. The system said nothing more about it.");
  } else {
    guidance.llm_text = answer.result_json;
  }
  if (answer.intent.has_value() && answer.intent->state == IntentState::kReversed) {
    const bool overwritten = answer.reason == kOverwrittenRule;
    guidance.llm_text =
        absl::StrCat(name, " took effect and has been ",
                     overwritten ? "replaced since by what a later call has set" : "undone since",
                     "; this call is not run again. Its result was: ", answer.result_json);
    guidance.next_action = NextAction::kAskUser;
    return guidance;
  }
  guidance.next_action = NextAction::kProceed;
  return guidance;
}

Guidance Pending(absl::string_view name) {
  Guidance guidance;
  guidance.llm_text = absl::StrCat(
      name,
      " is running and its outcome is not known yet. It has neither succeeded nor failed. Do not "
      "call it again; the outcome will be available in a moment.");
  guidance.next_action = NextAction::kWait;
  guidance.check_after = kCheckAfter;
  return guidance;
}

Guidance Uncertain(const Answer& answer, absl::string_view name) {
  Guidance guidance;
  guidance.next_action = NextAction::kWait;
  guidance.check_after = kCheckAfter;
  if (answer.reason == kClaimOnItsWay) {
    guidance.llm_text = absl::StrCat(
        "It is not known yet whether ", name,
        " is being done: it was taken on a moment ago and may be done any moment. Do not repeat "
        "it, do not call it failed, and do not say that it succeeded.");
    return guidance;
  }
  if (answer.reason == kWaitsForAnother) {
    guidance.llm_text = absl::StrCat(
        name,
        " took effect before. Whether it is wanted once more by this call is not known yet, as "
        "something that it depends on is being done just now. Do not call it failed, and do not "
        "say that it succeeded. If the caller still wants it, call it again in a moment, with the "
        "same arguments.");
    guidance.next_action = NextAction::kProceed;
    guidance.may_call_again = true;
    return guidance;
  }
  if (answer.reason == kBeingUndone) {
    guidance.llm_text = absl::StrCat(
        "What ", name,
        " would undo is being undone by an earlier call, which may have done so already; nothing "
        "was sent for this one. Do not repeat it, do not call it failed, and do not say that it "
        "succeeded; the outcome of the earlier call will be available in a moment.");
    return guidance;
  }
  guidance.llm_text = absl::StrCat("It is not known whether ", name,
                                   " took effect: it was sent and the answer was lost. It may "
                                   "already be done and is being checked. Do not repeat it, do not "
                                   "call it failed, and do not say "
                                   "that it succeeded.");
  return guidance;
}

Guidance NeedsReview(const Answer& answer, absl::string_view name) {
  Guidance guidance;
  guidance.next_action = NextAction::kHandOff;
  if (answer.reason == kOriginalUnsettled) {
    guidance.llm_text = absl::StrCat(
        name,
        " was not run: what it would undo may or may not have taken effect, and only a person can "
        "find out. Do not call it again, and do not say that it is undone. Tell the caller that a "
        "colleague will check and confirm.");
    return guidance;
  }
  if (answer.reason == kEarlierUnsettled) {
    guidance.llm_text = absl::StrCat(
        name,
        " was not run: an earlier call for the same thing, with other values, may or may not have "
        "taken effect, and only a person can find out. Do not call it again, and do not say that "
        "either of them is done. Tell the caller that a colleague will check and confirm.");
    return guidance;
  }
  guidance.llm_text = absl::StrCat(
      name,
      " may have taken effect, and only a person can find out. Do not call it again, do not call "
      "it failed, and do not say that it succeeded. Tell the caller that a colleague will check "
      "and confirm.");
  return guidance;
}

Guidance Rejected(const Answer& answer, absl::string_view name) {
  Guidance guidance;
  guidance.llm_text = absl::StrCat(name, " did not take effect; nothing was changed.");
  if (!answer.result_json.empty()) {
    absl::StrAppend(&guidance.llm_text, " The system answered: ", answer.result_json);
  }
  if (answer.reason == kTooManyGenerations) {
    absl::StrAppend(&guidance.llm_text,
                    " It was refused, undone or replaced as often as is allowed, and is not tried "
                    "any more: ask the caller before anything else.");
    guidance.next_action = NextAction::kAskUser;
    return guidance;
  }
  guidance.next_action = NextAction::kAskUser;
  if (answer.reason == kNothingToReverse) {
    absl::StrAppend(&guidance.llm_text,
                    " There is nothing to undo: what it would undo was refused itself.");
    return guidance;
  }
  guidance.may_call_again = true;
  absl::StrAppend(
      &guidance.llm_text,
      " It may be called again if the caller still wants it, also with other arguments.");
  return guidance;
}

// What is known about the intent that a further call would repeat.
absl::string_view WhatBecameOf(const Answer& answer) {
  switch (answer.intent.has_value() ? answer.intent->state : IntentState::kUnknown) {
    case IntentState::kSucceeded: return " That one took effect.";
    case IntentState::kInFlight: return " That one is still running.";
    default: return " That one may have taken effect; its outcome is not known yet.";
  }
}

std::string Differences(const Answer& answer) {
  return absl::StrJoin(answer.conflicts, "; ", [](std::string* out, const ArgumentDiff& diff) {
    if (diff.recorded.empty() && diff.received.empty()) {
      absl::StrAppend(out, "in a value that is not kept, so it cannot be said in which");
      return;
    }
    absl::StrAppend(out, diff.path, " was ", diff.recorded.empty() ? "absent" : diff.recorded,
                    ", now ", diff.received.empty() ? "absent" : diff.received);
  });
}

// What is known of a near duplicate, and in what it differs.
std::string OfTheOther(const Answer& answer, absl::string_view name) {
  return absl::StrCat(
      "Nothing was done now: a moment ago ", name, " was called for the same subject",
      answer.conflicts.empty() ? " and the very same thing, in another conversation."
                               : absl::StrCat(" with another value: ", Differences(answer), "."),
      WhatBecameOf(answer));
}

Guidance Conflict(const Answer& answer, absl::string_view name) {
  Guidance guidance;
  if (answer.other_is_gone) {
    guidance.llm_text = absl::StrCat(
        "Nothing was done now: ", name,
        answer.reason == kNearDuplicate ? " had been called for the same subject."
                                        : " had been called for the same thing with other values.",
        " That one did not take effect, or was undone or replaced since. This one may be called "
        "again if the caller still wants it.");
    guidance.next_action = NextAction::kAskUser;
    guidance.may_call_again = true;
    return guidance;
  }
  if (answer.reason == kNearDuplicate) {
    guidance.llm_text = absl::StrCat(
        OfTheOther(answer, name),
        answer.replaces ? " It is not done so soon after the other one. Tell the caller."
                        : " It is not done beside the other one. Tell the caller; if they want it "
                          "instead, cancel the other one first, and then call it.");
    guidance.next_action = NextAction::kAskUser;
    return guidance;
  }
  guidance.llm_text = absl::StrCat(
      "Nothing was done now: ", name,
      " was already called for the same thing with other values: ", Differences(answer), ".");
  if (!answer.result_json.empty()) {
    absl::StrAppend(&guidance.llm_text, " The recorded result is: ", answer.result_json);
  }
  absl::StrAppend(
      &guidance.llm_text,
      " Ask the caller which one is right. Do not call it again with the new values as they are.");
  guidance.next_action = NextAction::kAskUser;
  return guidance;
}

// Why the yes that came with the call does not count; empty: none came.
std::string WhyRefused(absl::string_view reason) {
  constexpr std::pair<ConfirmVerdict, absl::string_view> kWhy[] = {
      {ConfirmVerdict::kOtherArguments,
       "it is not of a question about this call with these arguments"},
      {ConfirmVerdict::kAnotherQuestion, "it is of another question than the one to be asked now"},
      {ConfirmVerdict::kUsed, "it has made a write already, or may have"},
      {ConfirmVerdict::kExpired, "it is older than 10 minutes"},
      {ConfirmVerdict::kSameTurn, "the caller has not spoken since it was given"},
  };
  for (const auto& [verdict, why] : kWhy) {
    if (reason != ToString(verdict)) continue;
    return absl::StrCat(" The confirm_token was not accepted: ", why,
                        ". Ask the caller, and then send the one of this answer.");
  }
  return "";
}

Guidance NeedsConfirmation(const Answer& answer, absl::string_view name) {
  Guidance guidance;
  guidance.next_action = NextAction::kAskUser;
  guidance.may_call_again = true;
  if (answer.forgotten) {
    guidance.llm_text = absl::StrCat(
        answer.intent.has_value() ? OfTheOther(answer, name) + " Ask about that one, too. " : "",
        "It is not known whether ", name,
        " was done already: the record of what was done lately was lost, and nothing was sent for "
        "this call. Ask the caller whether they have had a confirmation of it, from you or "
        "otherwise. If they have, or are not sure, do not call it again, and tell them that a "
        "colleague will check. Only after a clear no to that, and a yes to the details read back, "
        "call it again with exactly the same arguments.",
        WhyRefused(answer.reason));
    return guidance;
  }
  if (!answer.intent.has_value()) {
    guidance.llm_text =
        absl::StrCat("Nothing was done yet: ", name,
                     " must be confirmed by the caller first. Read the details back and ask for a "
                     "clear yes; only then call it again with exactly the same arguments.",
                     WhyRefused(answer.reason));
    return guidance;
  }
  guidance.llm_text = absl::StrCat(
      OfTheOther(answer, name),
      answer.replaces
          ? " Ask the caller whether they want this one instead, for it replaces the other one. "
            "Only after a clear yes call it again with exactly the same arguments."
          : " Ask the caller whether they want this one as well. Only after a clear yes call it "
            "again with exactly the same arguments; if they want it instead of the other one, "
            "cancel that one first.",
      WhyRefused(answer.reason));
  return guidance;
}

Guidance Withdrawn(absl::string_view name) {
  Guidance guidance;
  guidance.llm_text = absl::StrCat(
      name,
      " was not run: the caller interrupted before it was sent, and nothing was changed. Call it "
      "again only if the caller still wants it.");
  guidance.next_action = NextAction::kProceed;
  guidance.may_call_again = true;
  return guidance;
}

Guidance Invalid(const Answer& answer, absl::string_view name) {
  Guidance guidance;
  guidance.llm_text =
      absl::StrCat(name, " was not run and nothing was changed: ",
                   absl::StrJoin(answer.invalid, "; ",
                                 [](std::string* out, const InvalidArgument& invalid) {
                                   absl::StrAppend(out, invalid.path,
                                                   invalid.path.empty() ? "" : " ", invalid.reason);
                                   if (!invalid.expected.empty()) {
                                     absl::StrAppend(out, " (expected: ", invalid.expected, ")");
                                   }
                                 }),
                   ". Correct this and call it again.");
  guidance.next_action = NextAction::kFixCall;
  guidance.may_call_again = true;
  return guidance;
}

// A READ of a turn that was discarded: nobody is to hear of it.
bool IsInterrupted(const Answer& answer) {
  return answer.disposition == Disposition::kFailed && answer.reason == kBargeIn;
}

Guidance Failed(const Answer& answer, absl::string_view name) {
  Guidance guidance;
  if (IsInterrupted(answer)) {
    guidance.llm_text = absl::StrCat(name,
                                     " was given up, as the caller interrupted; nothing was "
                                     "changed. Call it again only if the caller still wants it.");
    guidance.next_action = NextAction::kProceed;
    guidance.may_call_again = true;
    return guidance;
  }
  guidance.llm_text = absl::StrCat(name, " could not be answered; nothing was changed.");
  if (!answer.result_json.empty()) {
    absl::StrAppend(&guidance.llm_text, " The system answered: ", answer.result_json);
  }
  absl::StrAppend(&guidance.llm_text, " It may be called again.");
  guidance.next_action = NextAction::kAskUser;
  guidance.may_call_again = true;
  return guidance;
}

Guidance ForTheModel(const Answer& answer, absl::string_view tool_name) {
  switch (answer.disposition) {
    case Disposition::kDone: return Done(answer, tool_name);
    case Disposition::kPending: return Pending(tool_name);
    case Disposition::kRejected: return Rejected(answer, tool_name);
    case Disposition::kUncertain: return Uncertain(answer, tool_name);
    case Disposition::kNeedsReview: return NeedsReview(answer, tool_name);
    case Disposition::kNeedsConfirmation: return NeedsConfirmation(answer, tool_name);
    case Disposition::kConflict: return Conflict(answer, tool_name);
    case Disposition::kInvalid: return Invalid(answer, tool_name);
    case Disposition::kWithdrawn: return Withdrawn(tool_name);
    case Disposition::kFailed: return Failed(answer, tool_name);
  }
  return {};
}

Situation SituationOf(const Answer& answer) {
  switch (answer.disposition) {
    case Disposition::kDone: return Situation::kDone;
    case Disposition::kPending: return Situation::kPending;
    case Disposition::kRejected: return Situation::kRejected;
    case Disposition::kUncertain: return Situation::kUnknown;
    case Disposition::kNeedsReview: return Situation::kNeedsReview;
    case Disposition::kNeedsConfirmation:
      if (answer.forgotten) return Situation::kForgotten;
      return answer.intent.has_value() ? Situation::kNearDuplicate : Situation::kReadBack;
    case Disposition::kConflict:
      return answer.other_is_gone ? Situation::kRejected : Situation::kConflict;
    case Disposition::kInvalid: return Situation::kInvalid;
    case Disposition::kWithdrawn: return Situation::kWithdrawn;
    case Disposition::kFailed:
      return IsInterrupted(answer) ? Situation::kWithdrawn : Situation::kFailed;
  }
  return Situation::kUnknown;
}

// Whether the write was undone since: then no "done" is to be spoken.
bool IsUndone(const Answer& answer) {
  return answer.disposition == Disposition::kDone && answer.intent.has_value() &&
         answer.intent->state == IntentState::kReversed;
}

void Speak(const Answer& answer, absl::string_view language, const Tool* tool, Guidance& guidance) {
  const Situation situation = SituationOf(answer);
  Spoken spoken = SpokenTexts(situation, language, tool);
  const bool silent = IsUndone(answer) || (answer.discarded && IsOpen(answer.disposition));
  guidance.say = silent ? "" : std::move(spoken.say);
  guidance.must_not_say = std::move(spoken.must_not_say);
  // A result is handed to the model as it is.
  guidance.told_by_tool = 0;
  if (situation == Situation::kDone) return;
  const std::string told = ToolTells(situation, language, tool);
  if (told.empty()) return;
  absl::StrAppend(&guidance.llm_text, " ", told);
  guidance.told_by_tool = told.size() + 1;
}

}  // namespace

Guidance MakeGuidance(const Answer& answer, const Tool* tool) {
  Guidance guidance = ForTheModel(answer, answer.tool);
  Speak(answer, "", tool, guidance);
  return guidance;
}

void SpeakIn(absl::string_view language, const Tool* tool, Answer& answer) {
  if (language.empty()) return;
  answer.guidance.llm_text.resize(answer.guidance.llm_text.size() - answer.guidance.told_by_tool);
  Speak(answer, language, tool, answer.guidance);
}

absl::string_view ToString(Disposition disposition) {
  switch (disposition) {
    case Disposition::kDone: return "DONE";
    case Disposition::kPending: return "PENDING";
    case Disposition::kRejected: return "REJECTED";
    case Disposition::kUncertain: return "UNCERTAIN";
    case Disposition::kNeedsReview: return "NEEDS_REVIEW";
    case Disposition::kNeedsConfirmation: return "NEEDS_CONFIRMATION";
    case Disposition::kConflict: return "CONFLICT";
    case Disposition::kInvalid: return "INVALID";
    case Disposition::kWithdrawn: return "WITHDRAWN";
    case Disposition::kFailed: return "FAILED";
  }
  return "";
}

}  // namespace onetake
