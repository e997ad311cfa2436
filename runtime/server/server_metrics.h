#pragma once

#include <prometheus/collectable.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "runtime/server/acceptor.h"
#include "runtime/server/call_limits.h"
#include "runtime/server/catalog_reloader.h"
#include "runtime/server/latency_keeper.h"
#include "runtime/server/refusals.h"
#include "runtime/server/session_hub.h"
#include "runtime/server/stream_limits.h"
#include "runtime/server/unread_answers.h"

namespace onetake {

// The figures that only the loop knows.
struct LoopFigures {
  std::optional<absl::Time> certificate_expiry;  // absent: no TLS
  size_t in_flight = 0;
  size_t sessions = 0;
  std::map<std::string, Breaker::State> breakers;  // by downstream
  std::vector<MeasuredTool> measured;
};
// Asks the loop; thread-safe, answers from any thread.
using AskLoop = std::function<void(absl::AnyInvocable<void(LoopFigures)>)>;

// The sources of figures for MetricsServer, each read when it is scraped. A figure that cannot be
// read now is left out of the answer rather than guessed. What they read must outlive them.
using MetricSource = std::shared_ptr<prometheus::Collectable>;

// onetake_review_items, onetake_review_oldest_age_seconds, onetake_unsettled_intents{age},
// onetake_ledger_*, onetake_disk_free_bytes
MetricSource LedgerFigures(SqliteLedger& ledger, std::string path, const Clock& clock);
// onetake_catalog_*, onetake_config_reloads_refused_total, which is `configs_refused`
MetricSource ReloadFigures(const CatalogReloader& catalog,
                           const std::atomic<int64_t>& configs_refused);
// onetake_connections, onetake_connections_refused_total, onetake_access_refused_total{reason},
// onetake_calls_shed_total, onetake_calls_admitted,
// onetake_watchers, onetake_streams_refused_total{stream}, onetake_log_lines_dropped_total
MetricSource EdgeFigures(const Acceptor& acceptor, const Refusals& refusals,
                         const CallLimits& limits, const StreamLimits& streams,
                         const UnreadAnswers& unread);
// onetake_in_flight_calls, onetake_sessions, onetake_breaker_state{downstream},
// onetake_tls_certificate_expiry_timestamp_seconds, onetake_timeout_warnings{tool},
// onetake_attempt_timeout_seconds{tool}, onetake_downstream_latency_seconds{tool,quantile}
MetricSource LoopSource(AskLoop ask);

}  // namespace onetake
