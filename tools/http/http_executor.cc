#include "tools/http/http_executor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "runtime/base/trace_context.h"
#include "tools/http/render.h"
#include "tools/http/response.h"

namespace onetake {
namespace {

// Adds the trace header, unless the manifest has one of its own.
void AddTrace(const std::string& traceparent, HttpRequest& request) {
  const bool has_one = std::any_of(
      request.headers.begin(), request.headers.end(),
      [](const auto& header) { return absl::EqualsIgnoreCase(header.first, kTraceparent); });
  if (!traceparent.empty() && !has_one) request.headers.emplace_back(kTraceparent, traceparent);
}

absl::StatusOr<HttpRequest> ParseRecorded(const Tool& tool, absl::string_view rendered) {
  ONETAKE_ASSIGN_OR_RETURN(HttpRequest request, ParseRequest(rendered));
  ONETAKE_RETURN_IF_ERROR(CheckLeadsWhereToolDoes(tool, request));
  return request;
}

}  // namespace

absl::StatusOr<std::string> HttpExecutor::Render(const Tool& tool, const Json& arguments,
                                                 absl::string_view key) const {
  ONETAKE_ASSIGN_OR_RETURN(const HttpRequest request, RenderRequest(tool, arguments, key));
  return Serialise(request);
}

bool HttpExecutor::HoldsKey(const Tool& tool, absl::string_view rendered,
                            absl::string_view key) const {
  const absl::StatusOr<HttpRequest> request = ParseRequest(rendered);
  return request.ok() && onetake::HoldsKey(tool, *request, key);
}

AttemptId HttpExecutor::Start(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                              Done done) {
  HttpClient::Call call{
      .request = {},
      .allow_networks =
          tool->http.has_value() ? tool->http->allow_networks : std::vector<IpNetwork>(),
      .connect_timeout = tool->http.has_value() ? tool->http->connect_timeout : absl::Seconds(3),
      .timeout = request.timeout,
      .max_body_bytes =
          std::min(tool->http.has_value() ? tool->http->max_result_bytes : limits::kResultBytes,
                   limits::kResultBytes),
      .resend = request.transport_resend};
  // A record that is unreadable, or leads elsewhere, has no URL here, so curl reports it as not
  // sent.
  absl::StatusOr<HttpRequest> recorded = ParseRecorded(*tool, request.rendered);
  if (recorded.ok()) {
    call.request = *std::move(recorded);
    AddTrace(request.traceparent, call.request);
  }
  return AttemptId{client_.Start(
      std::move(call),
      [tool, refused = recorded.status(), done = std::move(done)](HttpExchange exchange) mutable {
        AttemptReport report = ClassifyExchange(*tool, std::move(exchange));
        if (!refused.ok()) {
          report.refused_here = true;
          report.error = std::string(refused.message());
        }
        done(std::move(report));
      })};
}

}  // namespace onetake
