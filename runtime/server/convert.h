#pragma once

#include "onetake/v1/ledger.pb.h"
#include "onetake/v1/runtime.pb.h"
#include "runtime/access/principal.h"
#include "runtime/catalog/export.h"
#include "runtime/catalog/tool.h"
#include "runtime/engine/engine.h"
#include "runtime/ledger/chain_queries.h"
#include "runtime/ledger/ledger_queries.h"

// Conversion between the API's messages and the plain structs of the engine and the ledger. Pure,
// total and without rules of its own: what a value means is decided elsewhere.
namespace onetake {

ToolCall ToToolCall(const v1::ExecuteRequest& request, const Principal& caller);
void Fill(const Answer& answer, v1::ExecuteResponse& response);
void Fill(const IntentView& view, v1::Intent& message);
// Fills in the status's detail, or one made of its code.
void Fill(const absl::Status& status, v1::ErrorDetail& detail);
void Fill(const Tool& tool, v1::ToolDescription& description);

void Fill(const IntentSummary& summary, v1::IntentSummary& message);
// Whether values are shown: those of arguments and of the result, and texts that may hold some,
// which are attempts' errors, what people and downstreams left as evidence, and the downstream's
// name of a job.
enum class Values { kHidden, kShown };
void Fill(const IntentDetail& detail, Values values, v1::IntentGeneration& message);
void Fill(const EventRecord& event, Values values, v1::EventRecord& message);
void Fill(const CallSummary& summary, v1::CallRecord& message);
void Fill(const DuplicateStats& stats, v1::DuplicateReportResponse& response);

v1::IntentState ToMessage(IntentState state);
// nullopt for UNSPECIFIED and for numbers this version does not know.
std::optional<IntentState> FromMessage(v1::IntentState state);
// nullopt for numbers this version does not know; UNSPECIFIED is native.
std::optional<ToolFormat> FromMessage(v1::ToolFormat format);
v1::Disposition ToMessage(Disposition disposition);

google::protobuf::Timestamp ToTimestamp(absl::Time time);
// INVALID_ARGUMENT when it is not a time from year 1 to 9999.
absl::StatusOr<absl::Time> FromTimestamp(const google::protobuf::Timestamp& timestamp);

void Fill(const ChainPage& page, v1::VerifyChainResponse& message);

}  // namespace onetake
