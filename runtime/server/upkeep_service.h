#pragma once

#include "onetake/v1/upkeep.grpc.pb.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/ledger_upkeep.h"
#include "runtime/server/gate.h"

namespace onetake {

// The gRPC edge of operators' changes to the ledger. Answers from the ledger's threads.
class UpkeepService final : public v1::LedgerUpkeep::CallbackService {
 public:
  // `rules` say what is held.
  UpkeepService(const Gate& gate, AgeRules rules, const Clock& clock, LedgerUpkeep& upkeep);

  grpc::ServerUnaryReactor* Erase(grpc::CallbackServerContext* context,
                                  const v1::EraseRequest* request,
                                  v1::EraseResponse* response) override;

 private:
  const Gate& gate_;
  CallLimits erasures_;
  const AgeRules rules_;
  const Clock& clock_;
  LedgerUpkeep& upkeep_;
};

}  // namespace onetake
