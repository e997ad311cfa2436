// What callers send besides arguments: an ExecuteRequest's bytes, page tokens, confirmation tokens,
// what auditors ask for.
#include "onetake/v1/ledger.pb.h"
#include "runtime/engine/confirm_token.h"
#include "runtime/server/execute_request.h"
#include "runtime/server/ledger_request.h"
#include "runtime/server/page_token.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace onetake;

const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);

void OfCall(absl::string_view text) {
  static const Principal& caller = *new Principal{.tenant = "t"};
  const auto call = ParseExecuteRequest(text, caller);
  if (call.ok()) ONETAKE_CHECK(call->tenant == "t");  // never the request's
}

// A token that was not made here is none, whatever it looks like.
void OfTokens(absl::string_view text) {
  const v1::ListIntentsRequest question;
  if (const auto position = ReadPageToken(text, question, "t"); position.ok() && !text.empty()) {
    ONETAKE_CHECK(MakePageToken(question, "t", *position) == text);
  }
  static const Secret& key = *new Secret(std::string(32, 'k'));
  const ConfirmVerdict verdict = CheckConfirmToken(key, {.intent_id = "i"}, "turn", kNow, text);
  ONETAKE_CHECK(verdict != ConfirmVerdict::kConfirmed);
}

template <typename Request>
void OfQuestion(absl::string_view text) {
  Request request;
  if (!request.ParseFromArray(text.data(), static_cast<int>(text.size()))) return;
  if (const auto query = ToQuery(request, "t"); query.ok()) {
    ONETAKE_CHECK(query->filter.tenant == "t");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text = TextOf(data, size);
  OfCall(text);
  OfTokens(text);
  OfQuestion<v1::ListIntentsRequest>(text);
  OfQuestion<v1::ListEventsRequest>(text);
  OfQuestion<v1::ListCallsRequest>(text);
  OfQuestion<v1::WatchEventsRequest>(text);
  v1::ResolveIntentRequest verdict;
  if (verdict.ParseFromArray(text.data(), static_cast<int>(text.size()))) {
    ToResolution(verdict, Principal{.tenant = "t"}).status().IgnoreError();
  }
  return 0;
}
