#pragma once

#include <string>

#include "onetake/v1/ledger.grpc.pb.h"
#include "runtime/ledger/ledger.h"

namespace onetake {

// The gRPC edge of the ledger's queries. Answers from the ledger's reader threads.
class LedgerService final : public v1::LedgerService::CallbackService {
 public:
  LedgerService(std::string tenant, LedgerQueries& queries);

  grpc::ServerUnaryReactor* ListIntents(grpc::CallbackServerContext* context,
                                        const v1::ListIntentsRequest* request,
                                        v1::ListIntentsResponse* response) override;
  grpc::ServerUnaryReactor* GetIntent(grpc::CallbackServerContext* context,
                                      const v1::GetIntentRequest* request,
                                      v1::GetIntentResponse* response) override;
  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const v1::ListEventsRequest* request,
                                       v1::ListEventsResponse* response) override;

 private:
  const std::string tenant_;
  LedgerQueries& queries_;
};

}  // namespace onetake
