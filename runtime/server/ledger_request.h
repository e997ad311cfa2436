#pragma once

#include "absl/status/statusor.h"
#include "onetake/v1/ledger.pb.h"
#include "runtime/ledger/chain_queries.h"
#include "runtime/ledger/ledger.h"

// What an auditor asks, checked. Errors are INVALID_ARGUMENT with an ErrorDetail that names the
// field.
namespace onetake {

inline constexpr int kDefaultPageSize = 100;
inline constexpr int kMaxPageSize = 500;

struct ListIntentsQuery {
  IntentFilter filter;
  int64_t before_row = 0;
  int page_size = kDefaultPageSize;
};
absl::StatusOr<ListIntentsQuery> ToQuery(const v1::ListIntentsRequest& request,
                                         absl::string_view tenant);

struct ListEventsQuery {
  EventFilter filter;
  int64_t after_seq = 0;
  int page_size = kDefaultPageSize;
};
absl::StatusOr<ListEventsQuery> ToQuery(const v1::ListEventsRequest& request,
                                        absl::string_view tenant);

// `at` is the caller's to set.
absl::StatusOr<Resolution> ToResolution(const v1::ResolveIntentRequest& request,
                                        absl::string_view tenant);

struct VerifyChainQuery {
  int64_t from_seq = 1;
  int64_t max_events = 0;
};
absl::StatusOr<VerifyChainQuery> ToQuery(const v1::VerifyChainRequest& request);

absl::Status CheckGetIntent(const v1::GetIntentRequest& request);

// The token of the page after the one that ends with `row`.
std::string PageToken(int64_t row);

}  // namespace onetake
