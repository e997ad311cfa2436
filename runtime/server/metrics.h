#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "runtime/server/catalog_reloader.h"

namespace onetake {

// The Prometheus endpoint, GET /metrics over plain HTTP on a loopback address:
//
//   onetake_review_items                     intents that only a person can settle
//   onetake_review_oldest_age_seconds        for how long the oldest of them has waited; 0: none
//   onetake_ledger_commits_total             transactions of the ledger's writer
//   onetake_ledger_jobs_total                changes in them
//   onetake_ledger_shed_total                changes refused because the queue was full
//   onetake_ledger_calls_dropped_total       records of calls that were not kept
//   onetake_catalog_tools                    tools that can be called
//   onetake_catalog_reloads_total{result}    reloads of the manifests: changed, unchanged, refused
//   onetake_catalog_loaded_timestamp_seconds when they were last read without an error
//
// A figure that cannot be read now is left out of the answer rather than guessed. Threads of its
// own; they only read.
class MetricsServer {
 public:
  // `address` as ParseListenAddress() returns it, no Unix socket; port 0 takes a free one.
  // UNAVAILABLE when it cannot be bound. What it reads must outlive it.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const std::string& address,
                                                              SqliteLedger& ledger,
                                                              const CatalogReloader& catalog,
                                                              const Clock& clock);
  ~MetricsServer();

  const std::string& address() const { return address_; }

 private:
  struct Parts;
  explicit MetricsServer(std::unique_ptr<Parts> parts, std::string address);

  const std::unique_ptr<Parts> parts_;
  const std::string address_;
};

}  // namespace onetake
