#pragma once

#include "runtime/engine/tool_executor.h"
#include "tools/http/http_client.h"

namespace onetake {

// Executes tools that are HTTP endpoints. Owned by the loop.
class HttpExecutor final : public ToolExecutor {
 public:
  HttpExecutor(EventLoop& loop, const Clock& clock, HttpClient::Options options)
      : client_(loop, clock, std::move(options)) {}

  absl::StatusOr<std::string> Render(const Tool& tool, const Json& arguments,
                                     absl::string_view key) const override;
  bool HoldsKey(const Tool& tool, absl::string_view rendered, absl::string_view key) const override;
  AttemptId Start(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                  Done done) override;
  void Cancel(AttemptId id) override { client_.Cancel(static_cast<uint64_t>(id)); }

 private:
  HttpClient client_;
};

}  // namespace onetake
