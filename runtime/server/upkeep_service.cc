#include "runtime/server/upkeep_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "runtime/json/json.h"

namespace onetake {
namespace {

constexpr char kErase[] = "/onetake.v1.LedgerUpkeep/Erase";
// The most erasures under way at once: each takes the ledger's writer for a while.
constexpr size_t kErasures = 8;
constexpr size_t kErasuresOfTenant = 4;

absl::Status CheckText(const std::string& field, const std::string& text, size_t most,
                       absl::string_view meaning) {
  if (text.empty()) return BadField(field, absl::StrCat("is required: ", meaning));
  return CheckLength(field, text, most);
}

absl::StatusOr<Erasure> ToErasure(const v1::EraseRequest& request, const Principal& caller) {
  const int given = (request.intent_id().empty() ? 0 : 1) + (request.session_id().empty() ? 0 : 1) +
                    (request.attribute().empty() ? 0 : 1);
  if (given != 1) return BadField("intent_id", "give one of intent_id, session_id and attribute");
  if (request.attribute().empty() != request.value().empty()) {
    return BadField("value", "goes with an attribute, which has one");
  }
  for (const auto& [field, text] : {std::pair{"intent_id", &request.intent_id()},
                                    std::pair{"session_id", &request.session_id()},
                                    std::pair{"attribute", &request.attribute()}}) {
    ONETAKE_RETURN_IF_ERROR(CheckLength(field, *text, limits::kIdBytes));
  }
  ONETAKE_RETURN_IF_ERROR(CheckLength("value", request.value(), limits::kAttributeValueBytes));
  ONETAKE_RETURN_IF_ERROR(CheckText("by", request.by(), limits::kIdBytes, "who erases it"));
  ONETAKE_RETURN_IF_ERROR(
      CheckText("reason", request.reason(), limits::kEvidenceBytes, "why it is erased"));
  return Erasure{
      .tenant = caller.tenant,
      .intent_id = request.intent_id(),
      .session_id = request.session_id(),
      .attribute = request.attribute(),
      .value = request.value(),
      .by = request.by(),
      .reason = DumpJson(Json{{"credential", caller.name}, {"reason", request.reason()}})};
}

}  // namespace

UpkeepService::UpkeepService(const Gate& gate, AgeRules rules, const Clock& clock,
                             LedgerUpkeep& upkeep)
    : gate_(gate),
      erasures_({.in_flight = kErasures, .tenant_in_flight = kErasuresOfTenant}, clock),
      rules_(std::move(rules)),
      clock_(clock),
      upkeep_(upkeep) {}

grpc::ServerUnaryReactor* UpkeepService::Erase(grpc::CallbackServerContext* context,
                                               const v1::EraseRequest* request,
                                               v1::EraseResponse* response) {
  UnaryCall call(context, response, gate_, kErase, erasures_);
  if (!call.admitted()) return call.reactor();
  absl::StatusOr<Erasure> erasure = ToErasure(*request, call.caller());
  if (!erasure.ok()) return call.Finish(erasure.status());
  erasure->at = clock_.Now();
  erasure->held_sessions = rules_.held_sessions;
  erasure->held_tools = rules_.held_tools;
  erasure->held_intents = rules_.held_intents;
  upkeep_.Erase(*std::move(erasure),
                [response, reply = call.TakeReply()](absl::StatusOr<ErasureResult> result) mutable {
                  if (!result.ok()) return reply.Finish(result.status());
                  response->set_erased(result->erased);
                  response->set_gone(result->gone);
                  response->set_unsettled(result->unsettled);
                  response->set_plain(result->plain);
                  response->set_held(result->held);
                  response->set_calls(result->calls);
                  reply.Finish(absl::OkStatus());
                });
  return call.reactor();
}

}  // namespace onetake
