#include "runtime/server/ledger_request.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "runtime/json/json.h"
#include "runtime/server/convert.h"
#include "runtime/server/page_token.h"

namespace onetake {
namespace {

constexpr size_t kShortestPrefix = 4;
constexpr size_t kMaxPrefixBytes = 128;  // a key of a template with its generation fits
constexpr absl::Duration kReportedTime = absl::Hours(7 * 24);

absl::StatusOr<int> PageSize(int asked) {
  if (asked < 0 || asked > kMaxPageSize) {
    return BadField("page_size", absl::StrCat("must be 0 to ", kMaxPageSize));
  }
  return asked == 0 ? kDefaultPageSize : asked;
}

absl::StatusOr<absl::Time> TimeField(absl::string_view field,
                                     const google::protobuf::Timestamp& timestamp) {
  absl::StatusOr<absl::Time> time = FromTimestamp(timestamp);
  if (!time.ok()) return BadField(field, time.status().message());
  return time;
}

// Reads the two bounds of a time, each of which may be absent.
template <typename Request>
absl::Status TimesOf(const Request& request, std::optional<absl::Time>& after,
                     std::optional<absl::Time>& before) {
  if (request.has_after()) {
    ONETAKE_ASSIGN_OR_RETURN(after, TimeField("after", request.after()));
  }
  if (request.has_before()) {
    ONETAKE_ASSIGN_OR_RETURN(before, TimeField("before", request.before()));
  }
  if (after.has_value() && before.has_value() && *after > *before) {
    return BadField("before", "is earlier than after");
  }
  return absl::OkStatus();
}

absl::Status ReadState(const v1::ListIntentsRequest& request, IntentFilter& filter) {
  filter.state = FromMessage(request.state());
  if (!filter.state.has_value() && request.state() != v1::INTENT_STATE_UNSPECIFIED) {
    return BadField("state", "is not a state this version knows");
  }
  if (request.disposition() == v1::DISPOSITION_UNSPECIFIED) return absl::OkStatus();
  if (!v1::Disposition_IsValid(request.disposition())) {
    return BadField("disposition", "is not a disposition this version knows");
  }
  filter.disposition =
      std::string(absl::StripPrefix(v1::Disposition_Name(request.disposition()), "DISPOSITION_"));
  return absl::OkStatus();
}

absl::Status ReadCreated(const v1::ListIntentsRequest& request, IntentFilter& filter) {
  if (request.has_created_after()) {
    ONETAKE_ASSIGN_OR_RETURN(filter.created_after,
                             TimeField("created_after", request.created_after()));
  }
  if (request.has_created_before()) {
    ONETAKE_ASSIGN_OR_RETURN(filter.created_before,
                             TimeField("created_before", request.created_before()));
  }
  if (filter.created_after.has_value() && filter.created_before.has_value() &&
      *filter.created_after > *filter.created_before) {
    return BadField("created_before", "is earlier than created_after");
  }
  return absl::OkStatus();
}

absl::Status CheckPrefix(absl::string_view field, absl::string_view value) {
  if (value.size() < kShortestPrefix) {
    return BadField(field, absl::StrCat("must have at least ", kShortestPrefix, " characters"));
  }
  return CheckLength(field, value, kMaxPrefixBytes);
}

absl::StatusOr<IntentFilter> ToFilter(const v1::ListIntentsRequest& request,
                                      absl::string_view tenant) {
  ONETAKE_RETURN_IF_ERROR(CheckLength("session_id", request.session_id(), limits::kIdBytes));
  ONETAKE_RETURN_IF_ERROR(CheckLength("tool", request.tool(), limits::kToolNameBytes));
  ONETAKE_RETURN_IF_ERROR(CheckLength("tool_call_id", request.tool_call_id(), limits::kIdBytes));
  if (!request.id_prefix().empty()) {
    ONETAKE_RETURN_IF_ERROR(CheckPrefix("id_prefix", request.id_prefix()));
  }
  IntentFilter filter;
  filter.tenant = std::string(tenant);
  filter.session_id = request.session_id();
  filter.tool = request.tool();
  filter.id_prefix = request.id_prefix();
  filter.tool_call_id = request.tool_call_id();
  filter.held_back_only = request.held_back_only();
  filter.replayed_only = request.replayed_only();
  filter.drift_only = request.drift_only();
  filter.review_only = request.review_only();
  if (request.has_attribute()) {
    if (request.attribute().name().empty()) return BadField("attribute.name", "is required");
    ONETAKE_RETURN_IF_ERROR(
        CheckLength("attribute.name", request.attribute().name(), limits::kAttributeKeyBytes));
    ONETAKE_RETURN_IF_ERROR(
        CheckLength("attribute.value", request.attribute().value(), limits::kAttributeValueBytes));
    filter.attribute = request.attribute().name();
    filter.attribute_value = request.attribute().value();
  }
  ONETAKE_RETURN_IF_ERROR(ReadState(request, filter));
  ONETAKE_RETURN_IF_ERROR(ReadCreated(request, filter));
  return filter;
}

template <typename Request>
absl::StatusOr<EventFilter> ToEventFilter(const Request& request, absl::string_view tenant) {
  ONETAKE_RETURN_IF_ERROR(CheckLength("intent_id", request.intent_id(), limits::kIdBytes));
  ONETAKE_RETURN_IF_ERROR(CheckLength("session_id", request.session_id(), limits::kIdBytes));
  if (request.with_calls() && !(request.intent_id().empty() && request.session_id().empty())) {
    return BadField("with_calls", "goes with neither intent_id nor session_id: ask ListCalls");
  }
  return EventFilter{.tenant = std::string(tenant),
                     .intent_id = request.intent_id(),
                     .session_id = request.session_id(),
                     .with_calls = request.with_calls()};
}

template <typename Request>
Request WithoutPage(Request request) {
  request.clear_page_size();
  request.clear_page_token();
  return request;
}

}  // namespace

v1::ListIntentsRequest QuestionOf(v1::ListIntentsRequest request) {
  return WithoutPage(std::move(request));
}
v1::ListEventsRequest QuestionOf(v1::ListEventsRequest request) {
  return WithoutPage(std::move(request));
}
v1::ListCallsRequest QuestionOf(v1::ListCallsRequest request) {
  return WithoutPage(std::move(request));
}

absl::StatusOr<ListIntentsQuery> ToQuery(const v1::ListIntentsRequest& request,
                                         absl::string_view tenant) {
  ListIntentsQuery query;
  ONETAKE_ASSIGN_OR_RETURN(query.filter, ToFilter(request, tenant));
  ONETAKE_ASSIGN_OR_RETURN(const PagePosition position,
                           ReadPageToken(request.page_token(), QuestionOf(request), tenant));
  query.position = {position.time, position.row};
  ONETAKE_ASSIGN_OR_RETURN(query.page_size, PageSize(request.page_size()));
  return query;
}

absl::StatusOr<ListEventsQuery> ToQuery(const v1::ListEventsRequest& request,
                                        absl::string_view tenant) {
  ListEventsQuery query;
  ONETAKE_ASSIGN_OR_RETURN(query.filter, ToEventFilter(request, tenant));
  ONETAKE_RETURN_IF_ERROR(TimesOf(request, query.filter.at_after, query.filter.at_before));
  if (request.after_seq() < 0) return BadField("after_seq", "must not be negative");
  if (request.after_seq() != 0 && (request.newest() || !request.page_token().empty())) {
    return BadField("after_seq", "must be 0 with newest and with a page_token");
  }
  if (request.after_seq() != 0 && query.filter.ByTime()) {
    return BadField("after_seq", "must be 0 when events come by time: use page_token");
  }
  const bool has_time = request.has_after() || request.has_before();
  if (request.newest() && (has_time || !request.page_token().empty())) {
    return BadField("newest", "goes with neither times nor a page_token");
  }
  ONETAKE_ASSIGN_OR_RETURN(const PagePosition position,
                           ReadPageToken(request.page_token(), QuestionOf(request), tenant));
  query.position = {position.time, position.row};
  if (request.page_token().empty()) query.position = {.seq = request.after_seq()};
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

absl::StatusOr<ListCallsQuery> ToQuery(const v1::ListCallsRequest& request,
                                       absl::string_view tenant) {
  ONETAKE_RETURN_IF_ERROR(CheckLength("session_id", request.session_id(), limits::kIdBytes));
  ONETAKE_RETURN_IF_ERROR(CheckLength("tool", request.tool(), limits::kToolNameBytes));
  ONETAKE_RETURN_IF_ERROR(CheckLength("tool_call_id", request.tool_call_id(), limits::kIdBytes));
  ListCallsQuery query;
  query.filter = {.tenant = std::string(tenant),
                  .session_id = request.session_id(),
                  .tool = request.tool(),
                  .tool_call_id = request.tool_call_id(),
                  .held_back_only = request.held_back_only()};
  ONETAKE_RETURN_IF_ERROR(
      TimesOf(request, query.filter.received_after, query.filter.received_before));
  ONETAKE_ASSIGN_OR_RETURN(const PagePosition position,
                           ReadPageToken(request.page_token(), QuestionOf(request), tenant));
  query.position = {position.time, position.row};
  ONETAKE_ASSIGN_OR_RETURN(query.page_size, PageSize(request.page_size()));
  return query;
}

absl::StatusOr<WatchQuery> ToQuery(const v1::WatchEventsRequest& request,
                                   absl::string_view tenant) {
  WatchQuery query;
  ONETAKE_ASSIGN_OR_RETURN(query.filter, ToEventFilter(request, tenant));
  if (request.after_seq() < 0) return BadField("after_seq", "must not be negative");
  if (request.from_now() && request.after_seq() != 0) {
    return BadField("after_seq", "must be 0 with from_now");
  }
  if (!request.from_now()) query.after_seq = request.after_seq();
  return query;
}

absl::StatusOr<DuplicateQuestion> ToQuestion(const v1::DuplicateReportRequest& request,
                                             absl::string_view tenant, absl::Time now) {
  ONETAKE_RETURN_IF_ERROR(CheckLength("tool", request.tool(), limits::kToolNameBytes));
  DuplicateQuestion question;
  question.tenant = std::string(tenant);
  question.tool = request.tool();
  std::optional<absl::Time> after;
  std::optional<absl::Time> before;
  ONETAKE_RETURN_IF_ERROR(TimesOf(request, after, before));
  question.before = before.value_or(now);
  question.after = after.value_or(question.before - kReportedTime);
  if (!request.time_zone().empty() && !absl::LoadTimeZone(request.time_zone(), &question.zone)) {
    return BadField("time_zone", "is no zone of the tz database, such as Europe/Berlin");
  }
  if (request.calls() < 0 || request.calls() > kMaxPageSize) {
    return BadField("calls", absl::StrCat("must be 0 to ", kMaxPageSize));
  }
  question.calls = request.calls();
  return question;
}

absl::StatusOr<Resolution> ToResolution(const v1::ResolveIntentRequest& request,
                                        const Principal& caller) {
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
  resolution.tenant = caller.tenant;
  resolution.intent_id = request.intent_id();
  resolution.generation = request.generation();
  resolution.verdict =
      request.verdict() == v1::VERDICT_APPLIED ? IntentState::kSucceeded : IntentState::kRejected;
  resolution.by = request.by();
  resolution.evidence_json =
      DumpJson(Json{{"credential", caller.name}, {"note", request.evidence()}});
  return resolution;
}

absl::Status CheckGetIntent(const v1::GetIntentRequest& request) {
  return CheckPrefix("id", request.id());
}

absl::Status BeyondTheEnd(int64_t last_seq) {
  return WithDetail(
      absl::InvalidArgumentError(absl::StrCat("after_seq: the ledger ends with ", last_seq,
                                              ": is this another ledger, or an older copy? Begin "
                                              "again with 0, or with what comes now")),
      {.reason = "BEYOND_THE_END", .field = "after_seq"});
}

}  // namespace onetake
