#include "runtime/engine/guidance.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace onetake {
namespace {

constexpr absl::Duration kCheckAfter = absl::Seconds(2);

std::string OrDefault(const std::string& own, absl::string_view fallback) {
  return own.empty() ? std::string(fallback) : own;
}

const SayTexts& Say(const Tool* tool) {
  static const SayTexts* const none = new SayTexts;
  return tool == nullptr ? *none : tool->say;
}

Guidance Done(const Answer& answer, absl::string_view name, const Tool* tool) {
  Guidance guidance;
  guidance.llm_text =
      answer.result_unavailable
          ? absl::StrCat(name,
                         " took effect, but the system's answer could not be read. Do not call it "
                         "again; look the details up if they are needed.")
          : answer.result_json;
  if (answer.intent.has_value() && answer.intent->state == IntentState::kReversed) {
    guidance.llm_text =
        absl::StrCat(name,
                     " took effect and has been undone since; this call is not run again. Its "
                     "result was: ",
                     answer.result_json);
    guidance.next_action = NextAction::kAskUser;
    return guidance;
  }
  guidance.say = Say(tool).done;
  guidance.next_action = NextAction::kProceed;
  return guidance;
}

Guidance Pending(absl::string_view name, const Tool* tool) {
  Guidance guidance;
  guidance.llm_text = absl::StrCat(
      name,
      " is running and its outcome is not known yet. It has neither succeeded nor failed. Do not "
      "call it again; the outcome will be available in a moment.");
  guidance.say = OrDefault(Say(tool).pending, "I'm working on that now, one moment.");
  guidance.must_not_say = {"it is done", "it failed", "let me try that again"};
  guidance.next_action = NextAction::kWait;
  guidance.check_after = kCheckAfter;
  return guidance;
}

Guidance Uncertain(absl::string_view name, const Tool* tool) {
  Guidance guidance;
  guidance.llm_text = absl::StrCat("It is not known whether ", name,
                                   " took effect: it was sent and the answer was lost. It may "
                                   "already be done and is being checked. Do not repeat it, do not "
                                   "call it failed, and do not say "
                                   "that it succeeded.");
  guidance.say =
      OrDefault(Say(tool).unknown, "I'm checking whether that went through, one moment.");
  guidance.must_not_say = {"it is done", "it failed", "let me try that again"};
  guidance.next_action = NextAction::kWait;
  guidance.check_after = kCheckAfter;
  return guidance;
}

Guidance NeedsReview(absl::string_view name) {
  Guidance guidance;
  guidance.llm_text = absl::StrCat(
      name,
      " may have taken effect, and only a person can find out. Do not call it again, do not call "
      "it failed, and do not say that it succeeded. Tell the caller that a colleague will check "
      "and confirm.");
  guidance.say =
      "I couldn't confirm whether that went through. A colleague will check it and get back to "
      "you.";
  guidance.must_not_say = {"it is done", "it failed", "let me try that again"};
  guidance.next_action = NextAction::kHandOff;
  return guidance;
}

Guidance Rejected(const Answer& answer, absl::string_view name, const Tool* tool) {
  Guidance guidance;
  guidance.llm_text = absl::StrCat(name, " did not take effect; nothing was changed.");
  if (!answer.result_json.empty()) {
    absl::StrAppend(&guidance.llm_text, " The system answered: ", answer.result_json);
  }
  guidance.say = OrDefault(Say(tool).rejected, "That didn't go through, and nothing was changed.");
  guidance.must_not_say = {"it is done"};
  if (answer.reason == "limit.generations") {
    absl::StrAppend(&guidance.llm_text,
                    " It was refused too often in a row: ask the caller before anything else.");
    guidance.next_action = NextAction::kAskUser;
    return guidance;
  }
  guidance.next_action = NextAction::kAskUser;
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
    absl::StrAppend(out, diff.path, " was ", diff.recorded.empty() ? "absent" : diff.recorded,
                    ", now ", diff.received.empty() ? "absent" : diff.received);
  });
}

Guidance Conflict(const Answer& answer, absl::string_view name) {
  Guidance guidance;
  guidance.llm_text = absl::StrCat(
      "Nothing was done now: ", name,
      " was already called for the same thing with other values: ", Differences(answer), ".");
  if (!answer.result_json.empty()) {
    absl::StrAppend(&guidance.llm_text, " The recorded result is: ", answer.result_json);
  }
  absl::StrAppend(
      &guidance.llm_text,
      " Ask the caller which one is right. Do not call it again with the new values as they are.");
  guidance.say = "I already have a request like that with different details. Which one is right?";
  guidance.must_not_say = {"it is changed"};
  guidance.next_action = NextAction::kAskUser;
  return guidance;
}

Guidance NeedsConfirmation(const Answer& answer, absl::string_view name) {
  Guidance guidance;
  guidance.must_not_say = {"it is done"};
  guidance.next_action = NextAction::kAskUser;
  guidance.may_call_again = true;
  if (!answer.intent.has_value()) {
    guidance.llm_text =
        absl::StrCat("Nothing was done yet: ", name,
                     " must be confirmed by the caller first. Read the details back and ask for a "
                     "clear yes; only then call it again with exactly the same arguments.");
    guidance.say = "Let me read that back to you before I go ahead.";
    return guidance;
  }
  guidance.llm_text = absl::StrCat(
      "Nothing was done now: a moment ago ", name, " was called for the same subject",
      answer.conflicts.empty() ? " and the very same thing, in another conversation."
                               : absl::StrCat(" with another value: ", Differences(answer), "."),
      WhatBecameOf(answer),
      " Ask the caller whether they want this one as well. Only after a clear yes call it again "
      "with exactly the same arguments; if they want it instead of the other one, cancel that one "
      "first.");
  guidance.say = "I already have a very similar request. Would you like this one as well?";
  return guidance;
}

Guidance Withdrawn(absl::string_view name) {
  Guidance guidance;
  guidance.llm_text = absl::StrCat(
      name,
      " was not run: the caller interrupted before it was sent, and nothing was changed. Call it "
      "again only if the caller still wants it.");
  guidance.must_not_say = {"it is done"};
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
  guidance.must_not_say = {"it is done"};
  guidance.next_action = NextAction::kFixCall;
  guidance.may_call_again = true;
  return guidance;
}

Guidance Failed(const Answer& answer, absl::string_view name) {
  Guidance guidance;
  guidance.llm_text = absl::StrCat(name, " could not be answered; nothing was changed.");
  if (!answer.result_json.empty()) {
    absl::StrAppend(&guidance.llm_text, " The system answered: ", answer.result_json);
  }
  absl::StrAppend(&guidance.llm_text, " It may be called again.");
  guidance.say = "I couldn't look that up just now.";
  guidance.next_action = NextAction::kAskUser;
  guidance.may_call_again = true;
  return guidance;
}

}  // namespace

Guidance MakeGuidance(const Answer& answer, absl::string_view tool_name, const Tool* tool) {
  switch (answer.disposition) {
    case Disposition::kDone: return Done(answer, tool_name, tool);
    case Disposition::kPending: return Pending(tool_name, tool);
    case Disposition::kRejected: return Rejected(answer, tool_name, tool);
    case Disposition::kUncertain: return Uncertain(tool_name, tool);
    case Disposition::kNeedsReview: return NeedsReview(tool_name);
    case Disposition::kNeedsConfirmation: return NeedsConfirmation(answer, tool_name);
    case Disposition::kConflict: return Conflict(answer, tool_name);
    case Disposition::kInvalid: return Invalid(answer, tool_name);
    case Disposition::kWithdrawn: return Withdrawn(tool_name);
    case Disposition::kFailed: return Failed(answer, tool_name);
  }
  return {};
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
