#pragma once

#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "onetake/v1/ledger.pb.h"
#include "runtime/access/principal.h"
#include "runtime/ledger/chain_queries.h"
#include "runtime/ledger/ledger_queries.h"

// Auditors' requests, checked. Errors are INVALID_ARGUMENT with an ErrorDetail that names the
// field.
namespace onetake {

inline constexpr int kDefaultPageSize = 100;
inline constexpr int kMaxPageSize = 500;

// The question without the page: what a page token is bound to.
v1::ListIntentsRequest QuestionOf(v1::ListIntentsRequest request);
v1::ListEventsRequest QuestionOf(v1::ListEventsRequest request);
v1::ListCallsRequest QuestionOf(v1::ListCallsRequest request);

struct ListIntentsQuery {
  IntentFilter filter;
  IntentPosition position;
  int page_size = kDefaultPageSize;
};
absl::StatusOr<ListIntentsQuery> ToQuery(const v1::ListIntentsRequest& request,
                                         absl::string_view tenant);

struct ListEventsQuery {
  EventFilter filter;
  EventPosition position;
  int page_size = kDefaultPageSize;
};
absl::StatusOr<ListEventsQuery> ToQuery(const v1::ListEventsRequest& request,
                                        absl::string_view tenant);

struct ListCallsQuery {
  CallFilter filter;
  CallPosition position;
  int page_size = kDefaultPageSize;
};
absl::StatusOr<ListCallsQuery> ToQuery(const v1::ListCallsRequest& request,
                                       absl::string_view tenant);

struct WatchQuery {
  EventFilter filter;
  std::optional<int64_t> after_seq;             // absent: from now on
  std::function<absl::Status()> still_allowed;  // asked before each message; may be empty
};
absl::StatusOr<WatchQuery> ToQuery(const v1::WatchEventsRequest& request, absl::string_view tenant);

absl::StatusOr<DuplicateQuestion> ToQuestion(const v1::DuplicateReportRequest& request,
                                             absl::string_view tenant, absl::Time now);

// Leaves `at` for the caller to set.
absl::StatusOr<Resolution> ToResolution(const v1::ResolveIntentRequest& request,
                                        const Principal& caller);

struct VerifyChainQuery {
  int64_t from_seq = 1;
  int64_t max_events = 0;
};
absl::StatusOr<VerifyChainQuery> ToQuery(const v1::VerifyChainRequest& request);

absl::Status CheckGetIntent(const v1::GetIntentRequest& request);

// The answer to an `after_seq` behind the end of the ledger: INVALID_ARGUMENT.
absl::Status BeyondTheEnd(int64_t last_seq);

}  // namespace onetake
