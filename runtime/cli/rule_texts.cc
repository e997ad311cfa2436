#include "runtime/cli/rule_texts.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"

namespace onetake {
namespace {

using Meanings = absl::Span<const std::pair<absl::string_view, absl::string_view>>;

constexpr RuleText kRules[] = {
    // Before and at the claim.
    {"R1.claim",
     "the intent is recorded on disk before a byte of it is sent, so that no crash can forget it"},
    {"R1.claim_failed",
     "its claim was not recorded after all, although somebody was told that it may be: nothing was "
     "sent"},
    {"R1.claim_on_its_way",
     "the claim was still on its way to the disk when the caller's patience ended; it may be sent "
     "as soon as it is durable"},
    {"limit.generations",
     "this intent has been done, undone or refused as often as is allowed, or turned away unheard "
     "fifty times; another time needs a person"},

    // Sent again, or not, while the outcome was not known.
    {"R3.keyed",
     "it may have happened, and the downstream honours the idempotency key: the same bytes under "
     "the same key cannot take effect twice, so it is sent again"},
    {"R3.natural",
     "it may have happened, and doing it twice leaves the same state as doing it once, so it is "
     "sent again"},
    {"R3.not_resendable",
     "it may have happened, and nothing protects against a second effect (no key, not natural), so "
     "it is not sent again: the downstream is asked, or else a person"},
    {"R3.still_runs",
     "the answer was lost, and as far as is known it is still being done; only a look-up that "
     "finds it settles it"},
    {"R3.still_runs_resend",
     "the answer was lost, and as far as is known it is still being done; the key, or that doing "
     "it twice leaves the same state, lets it be sent again beside that"},
    {"R3.retention_over",
     "it may have happened, and the downstream has forgotten the key by now: the key protects no "
     "more, so it is not sent again"},
    {"limit.resend",
     "it could safely be sent again, but its attempts or its time are used up; whether it happened "
     "is not known"},
    {"resend", "another attempt begins: the same bytes under the same key"},

    // What an attempt showed.
    {"table.success", "the downstream answered that it is done"},
    {"table.success_of_resend",
     "the downstream answered that it is done, to an attempt that was sent again"},
    {"table.accepted_job_in_doubt",
     "the downstream accepted it as a job; what was sent before that may have happened too"},
    {"table.accepted_job",
     "the downstream accepted it and does it later; its job is asked after until it ends"},
    {"table.not_sent",
     "nothing of the request left this machine, so it had no effect and is tried again"},
    {"table.refused_unprocessed",
     "the downstream turned the request away without looking at it (busy), so it had no effect and "
     "is tried again when the downstream asked for it"},
    {"table.definite_refusal",
     "the downstream looked at the request and refused it: it had no effect, and the same request "
     "would be refused again"},
    {"table.already_gone",
     "after a doubtful attempt the downstream says that what was to be removed is gone: that is "
     "the state that was asked for"},
    {"table.key_reused",
     "the downstream holds this key with another request: a mistake, here or there, that only a "
     "person can sort out"},
    {"table.replayed_error",
     "the downstream repeats its recorded error for this key for ever, so sending again tells "
     "nothing: it is asked by a look-up, or else a person is"},
    {"table.body_unreadable",
     "the downstream confirmed it, but its answer was cut off and cannot be fetched again: it is "
     "done, without a result"},
    {"table.read", "a READ changes nothing, so it may simply run again"},
    {"table.not_for_read", "the downstream spoke of a key that a READ does not have"},
    {"limit.read", "the READ's attempts or its time are used up"},
    {"limit.no_effect",
     "no attempt had an effect, and the attempts or the time are used up, or the ledger's disk was "
     "full before the first one was sent: it was not done"},
    {"R14.job_failed_after_ambiguous",
     "the job failed, which proves nothing: an earlier attempt may have happened, and be the "
     "reason"},
    {"R14.refusal_after_ambiguous",
     "an earlier attempt may have happened, so this refusal proves nothing: what is in the way may "
     "be our own write"},
    {"R14.not_processed_after_ambiguous",
     "this attempt had no effect, but an earlier one may have, and it may not be sent again"},

    // Asking the downstream.
    {"R3.probe_applied", "the look-up found it at the downstream: it took effect"},
    {"R3.probe_not_applied",
     "the look-up did not find it, and no attempt can land any more: it surely did not take "
     "effect"},
    {"probe.not_applied_yet",
     "the look-up did not find it, but the downstream may show it later: it is asked again"},
    {"probe.inconclusive", "the look-up gave no answer that settles it: it is asked again"},
    {"probe.exhausted", "no look-up gave an answer that settles it: only a person can tell"},
    {"probe.may_still_land",
     "the look-up did not find it, but it was left running and never seen to end: only a person "
     "can tell"},
    {"probe.conflict",
     "the look-up found several matches, somebody else's, or nothing of what the downstream has "
     "confirmed: only a person can tell"},

    // Jobs.
    {"job.done", "the downstream's job ended well: it took effect"},
    {"job.failed", "the downstream's job ended without an effect"},
    {"job.given_up",
     "the downstream's job did not end in its time, and asking for it again would make another "
     "job"},
    {"job.may_still_land",
     "the look-up did not find it, but its job was never seen to end and may still do it: only a "
     "person can tell"},

    // Stop and start.
    {"R12.crash",
     "the process ended while an attempt was in flight, so it may have happened; the start after "
     "it takes it up again"},
    {"drain.not_sent", "the server was stopping, and nothing had been sent: it was not done"},
    {"drain.left_unknown",
     "the server was stopping while the outcome was not known; the next start goes on"},
    {"drain.abandoned",
     "the server was stopping and waited no longer for the answer: it may have happened; the next "
     "start goes on"},
    {"drain.body_not_fetched",
     "it is done; the server was stopping before its result could be fetched again"},

    // One intent against another.
    {"R7.reversed", "a later write undid it, and that write is settled"},
    {"R7.reinstated", "the write that had undone it was undone itself: it stands again"},
    {"R7.may_stand_again",
     "a write that had undone it was undone itself, but it was done again since, or another write "
     "may have undone or replaced it, too: a person has to say whether it stands"},
    {"R7.reversal_corrected",
     "a person found that the write which undid it did not take effect: another look at this one, "
     "before it is done again"},
    {"R7.overwritten",
     "a later write of the same thing took effect, and what that has set stands in its place"},
    {"R7.overwriting_corrected",
     "a person found that the write which replaced it did not take effect: another look at this "
     "one, before it is done again"},
    {"R7.may_be_undone",
     "its result is not known, and a later write undid something that is not known either: a "
     "person has to say by the result whether that was this one"},
    {"R7.may_be_meant",
     "its result is not known, and a call wants to undo a result that may be this one's: a person "
     "has to say by the result what is meant"},
    {"R7.undone_meanwhile",
     "a write that may have undone it came before its result was known: it may be undone, and "
     "sending it again could do that again, so only a person can tell"},
    {"R7.waits_for_another",
     "a write that undoes this one or makes it stand again, or that this one undoes, makes stand "
     "again or may have to undo once more, or that sets the same thing, or an "
     "attempt of this one from before a person's verdict, is under way: one waits for the other"},
    {"R7.being_undone",
     "another write that undoes the same thing is under way and may have taken effect: its outcome "
     "is waited for before anything more is sent"},
    {"R7.reversal_unsettled",
     "whether the write that undoes it, or makes it stand again, took effect is not known, so it "
     "may be neither done again nor undone once more yet"},
    {"R7.earlier_unsettled",
     "whether an earlier write that sets the same thing took effect is not known, so this one is "
     "neither sent nor told to be done yet"},
    {"R7.original_unsettled",
     "whether the write that it would undo took effect, or is the one that is meant, is not known, "
     "so it waits"},
    {"R7.nothing_to_reverse", "what it would undo did not take effect"},
    {"R8.drift",
     "the same intent came with another value in a field that must not differ: neither the old "
     "result nor a second write would be right"},
    {"R15.near_duplicate",
     "it is almost the same as an intent that is live or recent: the user is asked before anything "
     "is sent"},
    {"R20.withdrawn",
     "the caller spoke on, its turn was discarded, and nothing of it had been sent: it was not "
     "done"},

    // Confirmations.
    {"confirm.always", "this tool is read back to the user before it runs"},
    {"calls.shed", "calls were not recorded one by one: the ledger's writer was behind"},
    {"access.unseal", "somebody was shown the values of its arguments and its result"},
    {"chain.altered",
     "what the ledger held of it was not what the server had written: somebody else had changed it "
     "in the file; see onetake ledger verify"},
    {"erase.subject", "what it held was destroyed for the person it belonged to"},
    {"retention.bodies", "what it held was kept for long enough and deleted"},
    {"retention.skeletons", "the oldest events were kept for long enough and removed"},
    {"restore.accepted",
     "the ledger goes on from an older copy: what was written meanwhile is unknown to it"},
    {"restore.unsettled",
     "the ledger is an older copy: what became of this write since, only a person can tell"},
    {"restore.forgotten",
     "the ledger was restored from an older copy and may have forgotten this write: the user is "
     "asked whether it was done"},
    {"confirm.missing", "the user has not been asked yet"},
    {"confirm.confirmed", "the user said yes to exactly this"},
    {"confirm.expired", "the user's yes came too late, so it is asked for again"},
    {"confirm.other_arguments", "the user said yes to something else, so it is asked for again"},
    {"confirm.another_question", "the user said yes to another question, so it is asked for again"},
    {"confirm.used",
     "this yes has been used already, or may have been before the ledger was restored, so it is "
     "asked for again"},
    {"confirm.same_turn",
     "the yes came in the turn that asked for it: nobody can have been asked, so it does not "
     "count"},

    // After the verdict.
    {"R16.late_success",
     "a success arrived after the verdict, or before it without a body that could be read; it "
     "overwrites nothing"},
    {"R16.late_refusal", "a refusal arrived after the verdict; it overwrites nothing"},
    {"R16.late_unknown",
     "a request that was under way when somebody said that nothing was done has ended without a "
     "known outcome: a person has to look again"},
    {"R16.late_nothing",
     "a request that was under way when somebody said that nothing was done has ended without an "
     "effect of its own, as far as can be told"},
    {"R16.late_accepted_job",
     "the downstream accepted a job after the verdict; it overwrites nothing"},
    {"R16.late_job", "a job ended after the verdict; it overwrites nothing"},
    {"R16.late_probe", "a look-up found it after the verdict; it overwrites nothing"},
    {"R16.overtaken", "somebody else settled it first; what was learned is kept beside it"},
    {"R16.conflict",
     "what arrived later contradicts the verdict: a person has to look, and nothing is sent "
     "before"},
    {"review.applied", "a person found that it took effect"},
    {"review.not_applied", "a person found that it did not take effect"},
};

constexpr std::pair<absl::string_view, absl::string_view> kRoles[] = {
    {"opened", "it claimed the intent: the call that wrote"},
    {"joined",
     "held back: the same intent was in flight, so this call waited for its outcome and sent "
     "nothing"},
    {"replayed",
     "held back: the same intent had an outcome already, so the recorded answer was given and "
     "nothing was sent"},
    {"redelivered",
     "held back: the same tool_call_id had been delivered before, so its recorded answer was given "
     "and nothing was sent"},
    {"conflict",
     "held back: the same intent with another value in a field that must not differ; nothing was "
     "sent"},
    {"held",
     "held back: the outcome of the same intent, or of the one that it depends on, was not known; "
     "nothing was sent"},
    {"unconfirmed", "nothing was sent: the user had to be asked first"},
    {"withdrawn", "nothing was sent: its turn was discarded before"},
    {"read", "it was a READ, which changes nothing"},
    {"invalid", "nothing was sent: the call could not run as it was written"},
};

constexpr std::pair<absl::string_view, absl::string_view> kFailures[] = {
    {"NOT_SENT",
     "nothing was sent, so surely no effect: no connection, a name that cannot be resolved, a "
     "secret that is missing, or no room at the downstream"},
    {"REFUSED_UNPROCESSED", "turned away unprocessed: surely no effect"},
    {"DEFINITE_REFUSAL", "refused: surely no effect"},
    {"ALREADY_GONE", "what was to be removed is not there"},
    {"KEY_IN_USE", "the downstream is working on this very key: it may be happening"},
    {"KEY_REUSED", "the downstream holds this key with another request"},
    {"SERVER_ERROR", "the downstream failed on its side: it may have happened"},
    {"REPLAYED_ERROR", "the downstream repeated an error it had recorded: it may have happened"},
    {"LOST", "the request was sent and no answer came back: it may have happened"},
    {"BODY_UNREADABLE", "confirmed, but the answer was cut off or unreadable: it happened"},
    {"CRASH", "the process ended while it was in flight: it may have happened"},
    {"RETENTION_OVER", "not sent: the downstream has forgotten the key by now"},
};

constexpr std::pair<absl::string_view, absl::string_view> kDispositions[] = {
    {"DONE", "it is done"},
    {"PENDING", "it is still running"},
    {"REJECTED", "it was surely not done"},
    {"UNCERTAIN", "it may be done, and is being checked"},
    {"NEEDS_REVIEW", "it may be done, and only a person can tell"},
    {"NEEDS_CONFIRMATION", "not done: ask the user first"},
    {"CONFLICT", "not done: it differs from what is recorded"},
    {"INVALID", "not done: the call could not run as it was written"},
    {"WITHDRAWN", "not done: its turn was discarded"},
    {"FAILED", "the READ could not be answered"},
};

absl::string_view MeaningIn(Meanings meanings, absl::string_view name) {
  for (const auto& [known, meaning] : meanings) {
    if (known == name) return meaning;
  }
  return "";
}

}  // namespace

absl::Span<const RuleText> RuleTexts() { return kRules; }

absl::string_view RuleMeaning(absl::string_view rule) {
  const auto* found = std::find_if(std::begin(kRules), std::end(kRules),
                                   [rule](const RuleText& text) { return text.rule == rule; });
  return found == std::end(kRules) ? "" : found->meaning;
}

absl::string_view RoleMeaning(absl::string_view role) { return MeaningIn(kRoles, role); }

bool IsHeldBack(absl::string_view role) {
  constexpr std::array<absl::string_view, 5> kHeldBack = {"joined", "replayed", "redelivered",
                                                          "conflict", "held"};
  return std::find(kHeldBack.begin(), kHeldBack.end(), role) != kHeldBack.end();
}

absl::string_view FailureMeaning(absl::string_view failure) {
  // A crash was written in lower case once.
  return MeaningIn(kFailures, absl::AsciiStrToUpper(failure));
}

absl::string_view DispositionMeaning(absl::string_view disposition) {
  return MeaningIn(kDispositions, disposition);
}

}  // namespace onetake
