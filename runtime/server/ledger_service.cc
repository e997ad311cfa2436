#include "runtime/server/ledger_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/ledger/transition_rules.h"
#include "runtime/server/convert.h"
#include "runtime/server/latency_report.h"
#include "runtime/server/ledger_request.h"
#include "runtime/server/page_token.h"
#include "runtime/server/reply.h"
#include "runtime/server/watch_reactor.h"

namespace onetake {

namespace {

constexpr char kListIntents[] = "/onetake.v1.LedgerService/ListIntents";
constexpr char kGetIntent[] = "/onetake.v1.LedgerService/GetIntent";
constexpr char kListEvents[] = "/onetake.v1.LedgerService/ListEvents";
constexpr char kWatchEvents[] = "/onetake.v1.LedgerService/WatchEvents";
constexpr char kListCalls[] = "/onetake.v1.LedgerService/ListCalls";
constexpr char kDuplicateReport[] = "/onetake.v1.LedgerService/DuplicateReport";
constexpr char kResolveIntent[] = "/onetake.v1.LedgerService/ResolveIntent";
constexpr char kReviewReport[] = "/onetake.v1.LedgerService/ReviewReport";
constexpr char kLatencyReport[] = "/onetake.v1.LedgerService/LatencyReport";
constexpr char kVerifyChain[] = "/onetake.v1.LedgerService/VerifyChain";

// The most questions under way at once: the ledger has one thread for them, and a queue. A tenant
// leaves room for the others, and for those who watch.
constexpr size_t kQuestions = 56;
constexpr size_t kQuestionsOfTenant = 32;

void Fill(const std::vector<IntentDetail>& details, Values values,
          v1::GetIntentResponse& response) {
  for (const IntentDetail& detail : details) Fill(detail, values, *response.add_generations());
}

bool IsNotInReview(const absl::Status& status) {
  const std::optional<ErrorDetail> detail = GetDetail(status);
  return detail.has_value() && detail->reason == "NOT_IN_REVIEW";
}

// Whether the last verdict on record is this one, word for word.
bool IsRecorded(const Resolution& verdict, const IntentDetail& detail) {
  const auto last = std::find_if(detail.events.rbegin(), detail.events.rend(),
                                 [](const EventRecord& event) { return event.kind == "resolved"; });
  return last != detail.events.rend() && last->rule == RuleOfVerdict(verdict.verdict) &&
         last->actor == verdict.by && last->evidence_json == verdict.evidence_json &&
         (!verdict.result_json.has_value() || verdict.result_json == detail.intent.result_json);
}

// The generation that a verdict is about; nullptr: there is none.
const IntentDetail* FindGeneration(const std::vector<IntentDetail>& details, int generation) {
  for (auto it = details.rbegin(); it != details.rend(); ++it) {
    if (generation == 0 || it->intent.generation == generation) return &*it;
  }
  return nullptr;
}

}  // namespace

LedgerService::LedgerService(const Gate& gate, Sources sources, const Clock& clock, Scheduler& loop)
    : gate_(gate),
      sources_(std::move(sources)),
      questions_({.in_flight = kQuestions, .tenant_in_flight = kQuestionsOfTenant}, clock),
      clock_(clock),
      loop_(loop) {}

grpc::ServerUnaryReactor* LedgerService::ListIntents(grpc::CallbackServerContext* context,
                                                     const v1::ListIntentsRequest* request,
                                                     v1::ListIntentsResponse* response) {
  UnaryCall call(context, response, gate_, kListIntents, questions_);
  if (!call.admitted()) return call.reactor();
  absl::StatusOr<ListIntentsQuery> query = ToQuery(*request, call.caller().tenant);
  if (!query.ok()) return call.Finish(query.status());
  sources_.queries.ListIntents(
      std::move(query->filter), query->position, query->page_size,
      [request, response, tenant = call.caller().tenant,
       reply = call.TakeReply()](const absl::StatusOr<IntentPage>& found) mutable {
        if (!found.ok()) return reply.Finish(found.status());
        if (found->next.has_value()) {
          response->set_next_page_token(MakePageToken(QuestionOf(*request), tenant,
                                                      {found->next->created_at, found->next->row}));
        }
        for (const IntentSummary& summary : found->intents) {
          Fill(summary, *response->add_intents());
        }
        reply.Finish(absl::OkStatus());
      });
  return call.reactor();
}

grpc::ServerUnaryReactor* LedgerService::GetIntent(grpc::CallbackServerContext* context,
                                                   const v1::GetIntentRequest* request,
                                                   v1::GetIntentResponse* response) {
  UnaryCall call(context, response, gate_, kGetIntent, questions_);
  if (!call.admitted()) return call.reactor();
  absl::Status status = CheckGetIntent(*request);
  if (status.ok() && request->unseal()) status = CheckRole(call.caller(), Role::kUnseal);
  if (!status.ok()) return call.Finish(status);
  const std::string tenant = call.caller().tenant;
  sources_.queries.GetIntent(
      tenant, request->id(),
      [this, response, unseal = request->unseal(), caller = call.caller(),
       reply = call.TakeReply()](absl::StatusOr<std::vector<IntentDetail>> found) mutable {
        if (!found.ok()) return reply.Finish(found.status());
        if (unseal) {
          return Unseal(*std::move(found), caller, response, std::move(reply));
        }
        Fill(*found, Values::kHidden, *response);
        reply.Finish(absl::OkStatus());
      });
  return call.reactor();
}

// Records that it is unsealed before it is shown.
void LedgerService::Unseal(std::vector<IntentDetail> found, const Principal& caller,
                           v1::GetIntentResponse* response, Reply reply) {
  Unsealing unsealing{.tenant = caller.tenant,
                      .intent_id = found.front().intent.intent_id,
                      .by = caller.name,
                      .at = clock_.Now()};
  sources_.upkeep.RecordUnsealing(std::move(unsealing),
                                  [response, found = std::move(found), reply = std::move(reply)](
                                      const absl::StatusOr<int64_t>& recorded) mutable {
                                    if (!recorded.ok()) return reply.Finish(recorded.status());
                                    Fill(found, Values::kShown, *response);
                                    reply.Finish(absl::OkStatus());
                                  });
}

grpc::ServerUnaryReactor* LedgerService::ListEvents(grpc::CallbackServerContext* context,
                                                    const v1::ListEventsRequest* request,
                                                    v1::ListEventsResponse* response) {
  UnaryCall call(context, response, gate_, kListEvents, questions_);
  if (!call.admitted()) return call.reactor();
  absl::StatusOr<ListEventsQuery> query = ToQuery(*request, call.caller().tenant);
  if (!query.ok()) return call.Finish(query.status());
  const bool by_time = query->filter.ByTime();
  auto answer = [request, response, by_time, tenant = call.caller().tenant,
                 reply = call.TakeReply()](absl::StatusOr<EventPage> found) mutable {
    if (!found.ok()) return reply.Finish(found.status());
    if (found->seen_seq < request->after_seq()) return reply.Finish(BeyondTheEnd(found->seen_seq));
    if (!by_time) response->set_seen_seq(found->seen_seq);
    response->set_searched_from_seq(found->searched_from);
    if (found->more && !request->newest()) {
      const PagePosition end = by_time
                                   ? PagePosition{found->events.back().at, found->events.back().seq}
                                   : PagePosition{absl::UnixEpoch(), found->seen_seq};
      v1::ListEventsRequest question = QuestionOf(*request);
      question.clear_after_seq();  // it only says where the first page began
      response->set_next_page_token(MakePageToken(question, tenant, end));
    }
    for (const EventRecord& event : found->events) {
      Fill(event, Values::kHidden, *response->add_events());
    }
    reply.Finish(absl::OkStatus());
  };
  if (request->newest()) {
    sources_.queries.LastEvents(std::move(query->filter), query->page_size, std::move(answer));
  } else {
    sources_.queries.ListEvents(std::move(query->filter), query->position, query->page_size,
                                std::move(answer));
  }
  return call.reactor();
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* LedgerService::WatchEvents(
    grpc::CallbackServerContext* context, const v1::WatchEventsRequest* request) {
  const absl::StatusOr<Principal> caller = gate_.Admit(*context, kWatchEvents);
  absl::StatusOr<WatchQuery> query =
      caller.ok() ? ToQuery(*request, caller->tenant) : absl::StatusOr<WatchQuery>(caller.status());
  if (query.ok()) {
    query->still_allowed = [this, caller = *caller] { return gate_.StillHolds(caller); };
  }
  return new WatchReactor(sources_.watches, loop_, context, gate_.unread(),
                          std::move(query));  // owns itself
}

grpc::ServerUnaryReactor* LedgerService::ListCalls(grpc::CallbackServerContext* context,
                                                   const v1::ListCallsRequest* request,
                                                   v1::ListCallsResponse* response) {
  UnaryCall call(context, response, gate_, kListCalls, questions_);
  if (!call.admitted()) return call.reactor();
  absl::StatusOr<ListCallsQuery> query = ToQuery(*request, call.caller().tenant);
  if (!query.ok()) return call.Finish(query.status());
  const size_t page_size = static_cast<size_t>(query->page_size);
  sources_.queries.ListCalls(
      std::move(query->filter), query->position, query->page_size + 1,
      [request, response, page_size, tenant = call.caller().tenant,
       reply = call.TakeReply()](absl::StatusOr<std::vector<CallSummary>> found) mutable {
        if (!found.ok()) return reply.Finish(found.status());
        if (found->size() > page_size) {
          found->resize(page_size);
          const CallSummary& last = found->back();
          response->set_next_page_token(
              MakePageToken(QuestionOf(*request), tenant, {last.call.received_at, last.row}));
        }
        for (const CallSummary& call : *found) Fill(call, *response->add_calls());
        reply.Finish(absl::OkStatus());
      });
  return call.reactor();
}

grpc::ServerUnaryReactor* LedgerService::DuplicateReport(grpc::CallbackServerContext* context,
                                                         const v1::DuplicateReportRequest* request,
                                                         v1::DuplicateReportResponse* response) {
  UnaryCall call(context, response, gate_, kDuplicateReport, questions_);
  if (!call.admitted()) return call.reactor();
  absl::StatusOr<DuplicateQuestion> question =
      ToQuestion(*request, call.caller().tenant, clock_.Now());
  if (!question.ok()) return call.Finish(question.status());
  *response->mutable_after() = ToTimestamp(question->after);
  *response->mutable_before() = ToTimestamp(question->before);
  sources_.queries.GetDuplicates(
      *std::move(question),
      [response, reply = call.TakeReply()](const absl::StatusOr<DuplicateStats>& stats) mutable {
        if (!stats.ok()) return reply.Finish(stats.status());
        Fill(*stats, *response);
        reply.Finish(absl::OkStatus());
      });
  return call.reactor();
}

grpc::ServerUnaryReactor* LedgerService::ResolveIntent(grpc::CallbackServerContext* context,
                                                       const v1::ResolveIntentRequest* request,
                                                       v1::ResolveIntentResponse* response) {
  UnaryCall call(context, response, gate_, kResolveIntent, questions_);
  if (!call.admitted()) return call.reactor();
  absl::StatusOr<Resolution> resolution = ToResolution(*request, call.caller());
  if (!resolution.ok()) return call.Finish(resolution.status());
  resolution->at = clock_.Now();
  Resolution verdict = *resolution;
  sources_.resolve(*std::move(resolution), [this, response, verdict = std::move(verdict),
                                            reply = call.TakeReply()](
                                               absl::StatusOr<IntentRecord> record) mutable {
    if (IsNotInReview(record.status())) {
      return AnswerAgain(std::move(verdict), record.status(), response, std::move(reply));
    }
    if (!record.ok()) return reply.Finish(record.status());
    Fill(IntentSummary{.intent = *std::move(record)}, *response->mutable_intent());
    reply.Finish(absl::OkStatus());
  });
  return call.reactor();
}

// The answer to the verdict may have been lost on its way, so it is given again.
void LedgerService::AnswerAgain(Resolution verdict, const absl::Status& refusal,
                                v1::ResolveIntentResponse* response, Reply reply) {
  std::string tenant = verdict.tenant;
  std::string id = verdict.intent_id;
  sources_.queries.GetIntent(
      std::move(tenant), std::move(id),
      [response, refusal, verdict = std::move(verdict),
       reply = std::move(reply)](const absl::StatusOr<std::vector<IntentDetail>>& found) mutable {
        const IntentDetail* detail =
            found.ok() ? FindGeneration(*found, verdict.generation) : nullptr;
        if (detail == nullptr || !IsRecorded(verdict, *detail)) return reply.Finish(refusal);
        Fill(IntentSummary{.intent = detail->intent}, *response->mutable_intent());
        reply.Finish(absl::OkStatus());
      });
}

grpc::ServerUnaryReactor* LedgerService::ReviewReport(grpc::CallbackServerContext* context,
                                                      const v1::ReviewReportRequest*,
                                                      v1::ReviewReportResponse* response) {
  UnaryCall call(context, response, gate_, kReviewReport, questions_);
  if (!call.admitted()) return call.reactor();
  const std::string tenant = call.caller().tenant;
  sources_.queries.GetReviewStats(tenant, [this, response, reply = call.TakeReply()](
                                              absl::StatusOr<ReviewStats> stats) mutable {
    if (!stats.ok()) return reply.Finish(stats.status());
    response->set_count(stats->count);
    if (stats->oldest.has_value()) {
      *response->mutable_oldest_at() = ToTimestamp(*stats->oldest);
      const absl::Duration age = clock_.Now() - *stats->oldest;
      response->set_oldest_age_ms(absl::ToInt64Milliseconds(age));
    }
    reply.Finish(absl::OkStatus());
  });
  return call.reactor();
}

grpc::ServerUnaryReactor* LedgerService::LatencyReport(grpc::CallbackServerContext* context,
                                                       const v1::LatencyReportRequest* request,
                                                       v1::LatencyReportResponse* response) {
  UnaryCall call(context, response, gate_, kLatencyReport, questions_);
  if (!call.admitted()) return call.reactor();
  sources_.latencies([request, response, allowed = call.caller().tools,
                      reply = call.TakeReply()](const std::vector<MeasuredTool>& tools) mutable {
    for (const MeasuredTool& tool : tools) {
      const std::string& name = tool.tool->name;
      if (allowed != nullptr && allowed->count(name) == 0) continue;
      if (request->tool().empty() || request->tool() == name) Fill(tool, *response->add_tools());
    }
    if (!request->tool().empty() && response->tools().empty()) {
      return reply.Finish(
          WithDetail(absl::NotFoundError("tool: the server has no tool of this name"),
                     {.reason = "UNKNOWN_TOOL", .field = "tool"}));
    }
    reply.Finish(absl::OkStatus());
  });
  return call.reactor();
}

grpc::ServerUnaryReactor* LedgerService::VerifyChain(grpc::CallbackServerContext* context,
                                                     const v1::VerifyChainRequest* request,
                                                     v1::VerifyChainResponse* response) {
  UnaryCall call(context, response, gate_, kVerifyChain, questions_);
  if (!call.admitted()) return call.reactor();
  const absl::StatusOr<VerifyChainQuery> query = ToQuery(*request);
  if (!query.ok()) return call.Finish(query.status());
  sources_.chain.VerifyChain(
      query->from_seq, query->max_events,
      [response, reply = call.TakeReply()](absl::StatusOr<ChainPage> page) mutable {
        if (absl::IsNotFound(page.status())) {
          page = WithDetail(page.status(), {.reason = "NO_SUCH_EVENT", .field = "from_seq"});
        }
        if (!page.ok()) return reply.Finish(page.status());
        Fill(*page, *response);
        reply.Finish(absl::OkStatus());
      });
  return call.reactor();
}

}  // namespace onetake
