#include "runtime/server/ledger_request.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "runtime/json/json.h"
#include "runtime/server/convert.h"

namespace onetake {
namespace {

constexpr size_t kMaxPrefixBytes = 128;  // a key of a template with its generation fits

absl::Status BadField(absl::string_view field, absl::string_view what) {
  return WithDetail(absl::InvalidArgumentError(absl::StrCat(field, ": ", what)),
                    {.reason = "INVALID_FIELD", .field = std::string(field)});
}

absl::Status CheckLength(absl::string_view field, absl::string_view value, size_t most) {
  if (value.size() <= most) return absl::OkStatus();
  return BadField(field, absl::StrCat("is longer than ", most, " bytes"));
}

absl::StatusOr<int> PageSize(int asked) {
  if (asked < 0 || asked > kMaxPageSize) {
    return BadField("page_size", absl::StrCat("must be 0 to ", kMaxPageSize));
  }
  return asked == 0 ? kDefaultPageSize : asked;
}

absl::StatusOr<int64_t> RowOfToken(absl::string_view token) {
  if (token.empty()) return 0;
  int64_t row = 0;
  if (!absl::ConsumePrefix(&token, "r") || !absl::SimpleAtoi(token, &row) || row <= 0) {
    return BadField("page_token", "is not a token this server gave: leave it empty to begin");
  }
  return row;
}

absl::StatusOr<absl::Time> TimeField(absl::string_view field,
                                     const google::protobuf::Timestamp& timestamp) {
  absl::StatusOr<absl::Time> time = FromTimestamp(timestamp);
  if (!time.ok()) return BadField(field, time.status().message());
  return time;
}

absl::StatusOr<IntentFilter> ToFilter(const v1::ListIntentsRequest& request,
                                      absl::string_view tenant) {
  ONETAKE_RETURN_IF_ERROR(CheckLength("session_id", request.session_id(), limits::kIdBytes));
  ONETAKE_RETURN_IF_ERROR(CheckLength("tool", request.tool(), limits::kToolNameBytes));
  ONETAKE_RETURN_IF_ERROR(CheckLength("id_prefix", request.id_prefix(), kMaxPrefixBytes));
  IntentFilter filter;
  filter.tenant = std::string(tenant);
  filter.session_id = request.session_id();
  filter.tool = request.tool();
  filter.id_prefix = request.id_prefix();
  filter.held_back_only = request.held_back_only();
  filter.review_only = request.review_only();
  filter.state = FromMessage(request.state());
  if (!filter.state.has_value() && request.state() != v1::INTENT_STATE_UNSPECIFIED) {
    return BadField("state", "is not a state this version knows");
  }
  if (request.has_created_after()) {
    ONETAKE_ASSIGN_OR_RETURN(filter.created_after,
                             TimeField("created_after", request.created_after()));
  }
  if (request.has_created_before()) {
    ONETAKE_ASSIGN_OR_RETURN(filter.created_before,
                             TimeField("created_before", request.created_before()));
  }
  return filter;
}

}  // namespace

std::string PageToken(int64_t row) { return absl::StrCat("r", row); }

absl::StatusOr<ListIntentsQuery> ToQuery(const v1::ListIntentsRequest& request,
                                         absl::string_view tenant) {
  ListIntentsQuery query;
  ONETAKE_ASSIGN_OR_RETURN(query.filter, ToFilter(request, tenant));
  ONETAKE_ASSIGN_OR_RETURN(query.before_row, RowOfToken(request.page_token()));
  ONETAKE_ASSIGN_OR_RETURN(query.page_size, PageSize(request.page_size()));
  return query;
}

absl::StatusOr<ListEventsQuery> ToQuery(const v1::ListEventsRequest& request,
                                        absl::string_view tenant) {
  ONETAKE_RETURN_IF_ERROR(CheckLength("intent_id", request.intent_id(), limits::kIdBytes));
  ONETAKE_RETURN_IF_ERROR(CheckLength("session_id", request.session_id(), limits::kIdBytes));
  if (request.after_seq() < 0) return BadField("after_seq", "must not be negative");
  if (request.newest() && request.after_seq() != 0) {
    return BadField("after_seq", "must be 0 when newest is asked for");
  }
  ListEventsQuery query;
  query.filter = {.tenant = std::string(tenant),
                  .intent_id = request.intent_id(),
                  .session_id = request.session_id()};
  query.after_seq = request.after_seq();
  ONETAKE_ASSIGN_OR_RETURN(query.page_size, PageSize(request.page_size()));
  return query;
}

absl::StatusOr<VerifyChainQuery> ToQuery(const v1::VerifyChainRequest& request) {
  constexpr int64_t kMost = ChainQueries::kMaxEvents;
  if (request.from_seq() < 0) return BadField("from_seq", "must not be negative");
  if (request.max_events() < 0 || request.max_events() > kMost) {
    return BadField("max_events", absl::StrCat("must be 0 to ", kMost));
  }
  return VerifyChainQuery{request.from_seq() == 0 ? 1 : request.from_seq(),
                          request.max_events() == 0 ? kMost : request.max_events()};
}

absl::StatusOr<Resolution> ToResolution(const v1::ResolveIntentRequest& request,
                                        absl::string_view tenant) {
  if (request.intent_id().empty()) return BadField("intent_id", "is required");
  ONETAKE_RETURN_IF_ERROR(CheckLength("intent_id", request.intent_id(), limits::kIdBytes));
  if (request.generation() < 0) return BadField("generation", "must not be negative");
  if (request.verdict() != v1::VERDICT_APPLIED && request.verdict() != v1::VERDICT_NOT_APPLIED) {
    return BadField("verdict", "must be APPLIED or NOT_APPLIED");
  }
  if (request.by().empty()) return BadField("by", "is required: who decides");
  ONETAKE_RETURN_IF_ERROR(CheckLength("by", request.by(), limits::kIdBytes));
  if (request.evidence().empty()) return BadField("evidence", "is required: how they know");
  ONETAKE_RETURN_IF_ERROR(CheckLength("evidence", request.evidence(), limits::kEvidenceBytes));
  Resolution resolution;
  if (!request.result_json().empty()) {
    if (request.verdict() != v1::VERDICT_APPLIED) {
      return BadField("result_json", "goes with APPLIED only");
    }
    ONETAKE_RETURN_IF_ERROR(
        CheckLength("result_json", request.result_json(), limits::kArgumentsBytes));
    if (!ParseJson(request.result_json(), ResultLimits()).ok()) {
      return BadField("result_json", "is not JSON");
    }
    resolution.result_json = request.result_json();
  }
  resolution.tenant = std::string(tenant);
  resolution.intent_id = request.intent_id();
  resolution.generation = request.generation();
  resolution.verdict =
      request.verdict() == v1::VERDICT_APPLIED ? IntentState::kSucceeded : IntentState::kRejected;
  resolution.by = request.by();
  resolution.evidence_json = DumpJson(Json{{"note", request.evidence()}});
  return resolution;
}

absl::Status CheckGetIntent(const v1::GetIntentRequest& request) {
  constexpr size_t kShortest = 4;
  if (request.id().size() < kShortest) {
    return BadField("id", absl::StrCat("must have at least ", kShortest, " characters"));
  }
  return CheckLength("id", request.id(), kMaxPrefixBytes);
}

}  // namespace onetake
