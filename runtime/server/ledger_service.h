#pragma once

#include <functional>
#include <vector>

#include "onetake/v1/ledger.grpc.pb.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/chain_queries.h"
#include "runtime/ledger/ledger_queries.h"
#include "runtime/ledger/ledger_upkeep.h"
#include "runtime/server/event_watch.h"
#include "runtime/server/gate.h"
#include "runtime/server/latency_keeper.h"

namespace onetake {

// The gRPC edge of the ledger's queries and of a person's verdicts. Answers from the ledger's
// reader threads.
class LedgerService final : public v1::LedgerService::CallbackService {
 public:
  // Gives a verdict to the engine; thread-safe, answers from any thread.
  using Resolve =
      std::function<void(Resolution, absl::AnyInvocable<void(absl::StatusOr<IntentRecord>)>)>;

  // Asks for the measured latencies; thread-safe, answers from any thread.
  using Latencies = std::function<void(absl::AnyInvocable<void(std::vector<MeasuredTool>)>)>;

  // The parts of the server that answer.
  struct Sources {
    LedgerQueries& queries;
    LedgerUpkeep& upkeep;
    ChainQueries& chain;
    Resolve resolve;
    Latencies latencies;
    EventWatches& watches;  // owned by the loop
  };

  // All that is given by reference must outlive it.
  LedgerService(const Gate& gate, Sources sources, const Clock& clock, Scheduler& loop);

  grpc::ServerUnaryReactor* ListIntents(grpc::CallbackServerContext* context,
                                        const v1::ListIntentsRequest* request,
                                        v1::ListIntentsResponse* response) override;
  grpc::ServerUnaryReactor* GetIntent(grpc::CallbackServerContext* context,
                                      const v1::GetIntentRequest* request,
                                      v1::GetIntentResponse* response) override;
  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const v1::ListEventsRequest* request,
                                       v1::ListEventsResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context, const v1::WatchEventsRequest* request) override;
  grpc::ServerUnaryReactor* ListCalls(grpc::CallbackServerContext* context,
                                      const v1::ListCallsRequest* request,
                                      v1::ListCallsResponse* response) override;
  grpc::ServerUnaryReactor* DuplicateReport(grpc::CallbackServerContext* context,
                                            const v1::DuplicateReportRequest* request,
                                            v1::DuplicateReportResponse* response) override;
  grpc::ServerUnaryReactor* ResolveIntent(grpc::CallbackServerContext* context,
                                          const v1::ResolveIntentRequest* request,
                                          v1::ResolveIntentResponse* response) override;
  grpc::ServerUnaryReactor* ReviewReport(grpc::CallbackServerContext* context,
                                         const v1::ReviewReportRequest* request,
                                         v1::ReviewReportResponse* response) override;
  grpc::ServerUnaryReactor* LatencyReport(grpc::CallbackServerContext* context,
                                          const v1::LatencyReportRequest* request,
                                          v1::LatencyReportResponse* response) override;
  grpc::ServerUnaryReactor* VerifyChain(grpc::CallbackServerContext* context,
                                        const v1::VerifyChainRequest* request,
                                        v1::VerifyChainResponse* response) override;

 private:
  void Unseal(std::vector<IntentDetail> found, const Principal& caller,
              v1::GetIntentResponse* response, Reply reply);
  void AnswerAgain(Resolution verdict, const absl::Status& refusal,
                   v1::ResolveIntentResponse* response, Reply reply);

  const Gate& gate_;
  const Sources sources_;
  CallLimits questions_;
  const Clock& clock_;
  Scheduler& loop_;
};

}  // namespace onetake
