#include "tests/bench/call_plan.h"

#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace onetake::bench {
namespace {

constexpr size_t kStatuses = 32;

int64_t At(std::vector<int64_t>& figures, double share) {
  if (figures.empty()) return 0;
  const double at = share * static_cast<double>(figures.size());
  const size_t index = std::min(figures.size() - 1, static_cast<size_t>(at));
  std::nth_element(figures.begin(), figures.begin() + static_cast<std::ptrdiff_t>(index),
                   figures.end());
  return figures[index];
}

int64_t NumberOf(const std::string& workload, int64_t call) {
  if (workload == "replay") return call % kReplayed;
  if (workload == "join") return call / kJoiners;
  return call;
}

}  // namespace

void FillCall(const LoadArguments& arguments, int64_t call, v1::ExecuteRequest& request) {
  const int64_t number = NumberOf(arguments.workload, call);
  request.Clear();
  if (arguments.workload == "read") {
    request.set_tool("find");
    request.set_arguments_json(absl::StrCat("{\"slot\":\"s-", number, "\"}"));
  } else {
    request.set_tool(arguments.tool);
    request.set_arguments_json(absl::StrFormat(
        R"({"slot":"2026-06-24T14:00:00-05:00","patient":"%s-%d","note":"by phone"})",
        arguments.run, number));
  }
  request.set_session_id(absl::StrCat(arguments.run, "-", number / 4));
  request.set_tool_call_id(absl::StrCat("call_", call));
  request.set_patience_ms(20'000);
}

void Tally::Count(absl::Time begun, int code, const v1::ExecuteResponse& response) {
  const absl::Time now = absl::Now();
  ++answered_;
  if (!IsMeasured(now)) return;
  const int64_t took_us = absl::ToInt64Microseconds(now - begun);
  ++measured_;
  if (code != 0) {
    ++counts_[kStatuses + static_cast<size_t>(code)];
    return refused_us_.push_back(took_us);
  }
  ++counts_[static_cast<size_t>(response.disposition())];
  latencies_us_.push_back(took_us);
  claims_us_.push_back(response.latency().ledger_us());
  if (response.disposition() == v1::DISPOSITION_DONE) ++good_;
}

void Tally::CountPage(absl::Time begun) {
  const absl::Time now = absl::Now();
  ++answered_;
  if (!IsMeasured(now)) return;
  ++measured_;
  ++good_;
  latencies_us_.push_back(absl::ToInt64Microseconds(now - begun));
}

bool Tally::IsOver() const { return absl::Now() >= end_; }

void Tally::Print() {
  std::string counts;
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    const std::string what = i < kStatuses ? v1::Disposition_Name(static_cast<v1::Disposition>(i))
                                           : absl::StrCat("status ", i - kStatuses);
    absl::StrAppend(&counts, counts.empty() ? "" : ",", "\"", what, "\":", counts_[i]);
  }
  std::cout << absl::StrFormat(
                   R"({"workload":"%s","in_flight":%d,"answered":%d,"calls":%d,"not_begun":%d,)"
                   R"("per_second":%.0f,"good_per_second":%.0f,)",
                   arguments_.workload, arguments_.in_flight, answered_, measured_, not_begun_,
                   static_cast<double>(measured_) / arguments_.seconds,
                   static_cast<double>(good_) / arguments_.seconds)
            << absl::StrFormat(R"("p50_us":%d,"p99_us":%d,"p999_us":%d,"refused_p99_us":%d,)"
                               R"("claim_p50_us":%d,"answers":{%s}})",
                               At(latencies_us_, 0.5), At(latencies_us_, 0.99),
                               At(latencies_us_, 0.999), At(refused_us_, 0.99), At(claims_us_, 0.5),
                               counts)
            << "\n";
}

}  // namespace onetake::bench
