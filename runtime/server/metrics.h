#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/server/server_metrics.h"

namespace onetake {

// The Prometheus endpoint, GET /metrics over plain HTTP on a loopback address. engine_metrics.h and
// server_metrics.h say which figures there are; OPERATIONS.md says what they mean for whoever is on
// call. It has threads of its own, which only read. A connection that sends no request is closed
// after 2 s.
class MetricsServer {
 public:
  // `address` is as ParseListenAddress() returns it, no Unix socket; port 0 takes a free one.
  // UNAVAILABLE when it cannot be bound. What the sources read must outlive it.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const std::string& address,
                                                              std::vector<MetricSource> sources);
  ~MetricsServer();

  const std::string& address() const { return address_; }

 private:
  struct Parts;
  MetricsServer(std::unique_ptr<Parts> parts, std::string address);

  const std::unique_ptr<Parts> parts_;
  const std::string address_;
};

}  // namespace onetake
