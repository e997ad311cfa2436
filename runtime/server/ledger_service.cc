#include "runtime/server/ledger_service.h"

#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/server/convert.h"
#include "runtime/server/latency_report.h"
#include "runtime/server/ledger_request.h"
#include "runtime/server/page_token.h"
#include "runtime/server/reply.h"
#include "runtime/server/watch_reactor.h"

namespace onetake {

LedgerService::LedgerService(std::string tenant, const Clock& clock, LedgerQueries& queries,
                             Resolve resolve, Latencies latencies, ChainQueries& chain,
                             EventWatches& watches, Scheduler& loop)
    : tenant_(std::move(tenant)),
      clock_(clock),
      queries_(queries),
      resolve_(std::move(resolve)),
      latencies_(std::move(latencies)),
      chain_(chain),
      watches_(watches),
      loop_(loop) {}

grpc::ServerUnaryReactor* LedgerService::ListIntents(grpc::CallbackServerContext* context,
                                                     const v1::ListIntentsRequest* request,
                                                     v1::ListIntentsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Reply reply(reactor);
  absl::StatusOr<ListIntentsQuery> query = ToQuery(*request, tenant_);
  if (!query.ok()) {
    reply.Finish(query.status());
    return reactor;
  }
  const size_t page_size = static_cast<size_t>(query->page_size);
  // One more than the page, to know whether there is another page.
  queries_.ListIntents(std::move(query->filter), query->position, query->page_size + 1,
                       [this, request, response, page_size, reply = std::move(reply)](
                           absl::StatusOr<std::vector<IntentSummary>> found) mutable {
                         if (!found.ok()) return reply.Finish(found.status());
                         if (found->size() > page_size) {
                           found->resize(page_size);
                           const IntentRecord& last = found->back().intent;
                           response->set_next_page_token(MakePageToken(
                               QuestionOf(*request), tenant_, {last.created_at, last.row}));
                         }
                         for (const IntentSummary& summary : *found)
                           Fill(summary, *response->add_intents());
                         reply.Finish(absl::OkStatus());
                       });
  return reactor;
}

grpc::ServerUnaryReactor* LedgerService::GetIntent(grpc::CallbackServerContext* context,
                                                   const v1::GetIntentRequest* request,
                                                   v1::GetIntentResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Reply reply(reactor);
  if (absl::Status status = CheckGetIntent(*request); !status.ok()) {
    reply.Finish(status);
    return reactor;
  }
  queries_.GetIntent(tenant_, request->id(),
                     [response, reply = std::move(reply)](
                         absl::StatusOr<std::vector<IntentDetail>> found) mutable {
                       if (!found.ok()) return reply.Finish(found.status());
                       for (const IntentDetail& detail : *found)
                         Fill(detail, *response->add_generations());
                       reply.Finish(absl::OkStatus());
                     });
  return reactor;
}

grpc::ServerUnaryReactor* LedgerService::ListEvents(grpc::CallbackServerContext* context,
                                                    const v1::ListEventsRequest* request,
                                                    v1::ListEventsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Reply reply(reactor);
  absl::StatusOr<ListEventsQuery> query = ToQuery(*request, tenant_);
  if (!query.ok()) {
    reply.Finish(query.status());
    return reactor;
  }
  const bool by_time = query->filter.ByTime();
  const size_t page_size = static_cast<size_t>(query->page_size);
  auto answer = [this, request, response, by_time, page_size,
                 reply = std::move(reply)](absl::StatusOr<EventPage> found) mutable {
    if (!found.ok()) return reply.Finish(found.status());
    if (!by_time) response->set_seen_seq(found->seen_seq);
    if (found->events.size() == page_size && !request->newest()) {
      const EventRecord& last = found->events.back();
      v1::ListEventsRequest question = QuestionOf(*request);
      question.clear_after_seq();  // only where the first page began
      response->set_next_page_token(MakePageToken(question, tenant_, {last.at, last.seq}));
    }
    for (const EventRecord& event : found->events) Fill(event, *response->add_events());
    reply.Finish(absl::OkStatus());
  };
  if (request->newest()) {
    queries_.LastEvents(std::move(query->filter), query->page_size, std::move(answer));
  } else {
    queries_.ListEvents(std::move(query->filter), query->position, query->page_size,
                        std::move(answer));
  }
  return reactor;
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* LedgerService::WatchEvents(
    grpc::CallbackServerContext*, const v1::WatchEventsRequest* request) {
  return new WatchReactor(watches_, loop_, ToQuery(*request, tenant_));  // owns itself
}

grpc::ServerUnaryReactor* LedgerService::ListCalls(grpc::CallbackServerContext* context,
                                                   const v1::ListCallsRequest* request,
                                                   v1::ListCallsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Reply reply(reactor);
  absl::StatusOr<ListCallsQuery> query = ToQuery(*request, tenant_);
  if (!query.ok()) {
    reply.Finish(query.status());
    return reactor;
  }
  const size_t page_size = static_cast<size_t>(query->page_size);
  queries_.ListCalls(std::move(query->filter), query->position, query->page_size + 1,
                     [this, request, response, page_size, reply = std::move(reply)](
                         absl::StatusOr<std::vector<CallSummary>> found) mutable {
                       if (!found.ok()) return reply.Finish(found.status());
                       if (found->size() > page_size) {
                         found->resize(page_size);
                         const CallSummary& last = found->back();
                         response->set_next_page_token(MakePageToken(
                             QuestionOf(*request), tenant_, {last.call.received_at, last.row}));
                       }
                       for (const CallSummary& call : *found) Fill(call, *response->add_calls());
                       reply.Finish(absl::OkStatus());
                     });
  return reactor;
}

grpc::ServerUnaryReactor* LedgerService::DuplicateReport(grpc::CallbackServerContext* context,
                                                         const v1::DuplicateReportRequest* request,
                                                         v1::DuplicateReportResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Reply reply(reactor);
  absl::StatusOr<DuplicateQuestion> question = ToQuestion(*request, tenant_, clock_.Now());
  if (!question.ok()) {
    reply.Finish(question.status());
    return reactor;
  }
  *response->mutable_after() = ToTimestamp(question->after);
  *response->mutable_before() = ToTimestamp(question->before);
  queries_.GetDuplicates(
      *std::move(question),
      [response, reply = std::move(reply)](const absl::StatusOr<DuplicateStats>& stats) mutable {
        if (!stats.ok()) return reply.Finish(stats.status());
        Fill(*stats, *response);
        reply.Finish(absl::OkStatus());
      });
  return reactor;
}

grpc::ServerUnaryReactor* LedgerService::ResolveIntent(grpc::CallbackServerContext* context,
                                                       const v1::ResolveIntentRequest* request,
                                                       v1::ResolveIntentResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Reply reply(reactor);
  absl::StatusOr<Resolution> resolution = ToResolution(*request, tenant_);
  if (!resolution.ok()) {
    reply.Finish(resolution.status());
    return reactor;
  }
  resolution->at = clock_.Now();
  resolve_(*std::move(resolution),
           [response, reply = std::move(reply)](absl::StatusOr<IntentRecord> record) mutable {
             if (!record.ok()) return reply.Finish(record.status());
             Fill(IntentSummary{.intent = *std::move(record)}, *response->mutable_intent());
             reply.Finish(absl::OkStatus());
           });
  return reactor;
}

grpc::ServerUnaryReactor* LedgerService::ReviewReport(grpc::CallbackServerContext* context,
                                                      const v1::ReviewReportRequest*,
                                                      v1::ReviewReportResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  queries_.GetReviewStats(
      tenant_, [this, response, reply = Reply(reactor)](absl::StatusOr<ReviewStats> stats) mutable {
        if (!stats.ok()) return reply.Finish(stats.status());
        response->set_count(stats->count);
        if (stats->oldest.has_value()) {
          *response->mutable_oldest_at() = ToTimestamp(*stats->oldest);
          const absl::Duration age = clock_.Now() - *stats->oldest;
          response->set_oldest_age_ms(absl::ToInt64Milliseconds(age));
        }
        reply.Finish(absl::OkStatus());
      });
  return reactor;
}

grpc::ServerUnaryReactor* LedgerService::LatencyReport(grpc::CallbackServerContext* context,
                                                       const v1::LatencyReportRequest* request,
                                                       v1::LatencyReportResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  latencies_(
      [request, response, reply = Reply(reactor)](const std::vector<MeasuredTool>& tools) mutable {
        for (const MeasuredTool& tool : tools) {
          if (request->tool().empty() || request->tool() == tool.tool->name) {
            Fill(tool, *response->add_tools());
          }
        }
        if (!request->tool().empty() && response->tools().empty()) {
          return reply.Finish(
              WithDetail(absl::NotFoundError("tool: the server has no tool of this name"),
                         {.reason = "UNKNOWN_TOOL", .field = "tool"}));
        }
        reply.Finish(absl::OkStatus());
      });
  return reactor;
}

grpc::ServerUnaryReactor* LedgerService::VerifyChain(grpc::CallbackServerContext* context,
                                                     const v1::VerifyChainRequest* request,
                                                     v1::VerifyChainResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Reply reply(reactor);
  const absl::StatusOr<VerifyChainQuery> query = ToQuery(*request);
  if (!query.ok()) {
    reply.Finish(query.status());
    return reactor;
  }
  chain_.VerifyChain(query->from_seq, query->max_events,
                     [response, reply = std::move(reply)](absl::StatusOr<ChainPage> page) mutable {
                       if (absl::IsNotFound(page.status())) {
                         page = WithDetail(page.status(),
                                           {.reason = "NO_SUCH_EVENT", .field = "from_seq"});
                       }
                       if (!page.ok()) return reply.Finish(page.status());
                       Fill(*page, *response);
                       reply.Finish(absl::OkStatus());
                     });
  return reactor;
}

}  // namespace onetake
