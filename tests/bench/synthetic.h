#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "runtime/ledger/ledger.h"

namespace onetake::bench {

// Writes as a practice's agents make them, each number one of its own and always the same; ids as
// long and as random as the engine's.

inline std::string IdOf(int64_t n) {
  const auto seed = static_cast<uint64_t>(n);
  return absl::StrFormat("%016x%016x", seed * 0x9e3779b97f4a7c15u, seed * 0xc2b2ae3d27d4eb4fu);
}
inline std::string KeyOf(int64_t n) {
  const std::string id = IdOf(n);
  return absl::StrCat(id.substr(16), id.substr(0, 16));
}
inline std::string SessionOf(int64_t n) { return absl::StrCat("CA", n / 4); }
inline std::string ToolCallOf(int64_t n) { return absl::StrCat("toolu_", IdOf(n).substr(0, 24)); }
inline std::string PhoneOf(int64_t n) { return absl::StrCat("+4930", 1'000'000 + n / 8); }
inline absl::Time TimeOf(int64_t n) {
  return absl::FromUnixSeconds(1'782'000'000) + absl::Milliseconds(n);
}

inline ClaimRequest MakeClaim(int64_t n) {
  ClaimRequest request;
  IntentRecord& intent = request.intent;
  const std::string id = IdOf(n);
  intent.tenant = "default";
  intent.intent_id = id;
  intent.key = KeyOf(n);
  intent.tool = "book_appointment";
  intent.tool_version = id.substr(0, 16);
  intent.session_id = SessionOf(n);
  intent.scope = absl::StrCat("session:", intent.session_id);
  intent.safety = "KEYED";
  intent.identity_json = R"({"provider_id":"dr-kim","slot_iso":"2026-06-24T19:00:00Z"})";
  intent.arguments_json =
      absl::StrCat(R"({"notes":"prefers the morning","patient_id":"p-)", n,
                   R"(","provider_id":"dr-kim","slot_iso":"2026-06-24T19:00:00Z"})");
  intent.request = absl::StrCat(
      R"({"method":"POST","url":"https://practice.example/appointments","headers":{"Idempotency-Key":")",
      intent.key, R"("},"body":)", intent.arguments_json, "}");
  intent.created_at = TimeOf(n);
  CallRecord& call = request.call;
  call.call_id =
      absl::StrFormat("%012x-%s-%x", absl::ToUnixMillis(intent.created_at), id.substr(8, 10), n);
  call.tenant = intent.tenant;
  call.session_id = intent.session_id;
  call.tool_call_id = ToolCallOf(n);
  call.turn_id = absl::StrCat("turn-", n);
  call.tool = intent.tool;
  call.fingerprint = id;
  call.received_at = intent.created_at;
  return request;
}

// Its answer, 4.2 s later.
inline Transition MakeOutcome(int64_t row, IntentState to, absl::Time claimed_at) {
  Transition transition;
  transition.row = row;
  transition.to = to;
  transition.rule = "table.success";
  transition.actor = "engine";
  transition.at = claimed_at + absl::Milliseconds(4200);
  transition.attempt_end = AttemptEnd{.number = 1,
                                      .reached = "body_complete",
                                      .http_status = 201,
                                      .latency = absl::Milliseconds(4200)};
  if (to != IntentState::kSucceeded) {
    transition.attempt_end->failure = to == IntentState::kRejected ? "REFUSED" : "TIMEOUT";
  } else {
    transition.result_json = R"({"id":4711,"slot_iso":"2026-06-24T19:00:00Z","status":"booked"})";
  }
  return transition;
}

inline CallRecord Answered(CallRecord call, int64_t row, const std::string& disposition) {
  call.intent_row = row;
  call.disposition = disposition;
  call.answered_at = call.received_at + absl::Milliseconds(4200);
  return call;
}

// The same again, as a model that lost patience sends it.
inline CallRecord Repeated(CallRecord call, CallRole role, const std::string& disposition) {
  call.call_id += "-again";
  call.tool_call_id += "-again";
  call.role = role;
  call.disposition = disposition;
  call.received_at += absl::Seconds(6);
  call.answered_at = call.received_at;
  call.attributes = {};
  return call;
}

}  // namespace onetake::bench
