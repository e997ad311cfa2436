#include "runtime/server/metrics.h"

#include <prometheus/exposer.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

// A connection takes a thread until its request is read, and anybody on this machine may open one
// and say nothing.
constexpr char kThreads[] = "16";
constexpr char kRequestTimeoutMs[] = "2000";

}  // namespace

// The exposer keeps weak references only.
struct MetricsServer::Parts {
  std::vector<MetricSource> sources;
  std::unique_ptr<prometheus::Exposer> exposer;
};

MetricsServer::MetricsServer(std::unique_ptr<Parts> parts, std::string address)
    : parts_(std::move(parts)), address_(std::move(address)) {}
MetricsServer::~MetricsServer() = default;

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& address, std::vector<MetricSource> sources) {
  auto parts = std::make_unique<Parts>();
  parts->sources = std::move(sources);
  try {
    parts->exposer = std::make_unique<prometheus::Exposer>(
        std::vector<std::string>{"listening_ports", address, "num_threads", kThreads,
                                 "request_timeout_ms", kRequestTimeoutMs});
    for (const MetricSource& source : parts->sources) parts->exposer->RegisterCollectable(source);
  } catch (const std::exception&) {  // the library's; its text says nothing more
    return absl::UnavailableError(
        absl::StrCat("metrics.listen: ", address, " cannot be bound: is it in use?"));
  }
  const std::vector<int> ports = parts->exposer->GetListeningPorts();
  const std::string host = address.substr(0, address.rfind(':'));
  std::string bound = ports.empty() ? address : absl::StrCat(host, ":", ports.front());
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(parts), std::move(bound)));
}

}  // namespace onetake
