#include "tools/dental/booking_agent.h"

#include <set>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"
#include "runtime/base/status.h"

namespace onetake::dental {
namespace {

// Longer than any patience here, so that a deadline means a dead server.
constexpr absl::Duration kRpcDeadline = absl::Seconds(30);

// Sends again what onetake says it did not take; the same request, so it cannot become two.
absl::Status CallUntilTaken(absl::Time deadline, absl::Duration pause,
                            absl::FunctionRef<grpc::Status(grpc::ClientContext*)> call) {
  while (true) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kRpcDeadline));
    const grpc::Status status = call(&context);
    if (status.ok()) return absl::OkStatus();
    const bool is_busy = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                         status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
    if (!is_busy || absl::Now() + pause > deadline) {
      return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
    }
    absl::SleepFor(pause);
  }
}

}  // namespace

bool IsOpen(const v1::ExecuteResponse& response) {
  return response.disposition() == v1::DISPOSITION_PENDING ||
         response.disposition() == v1::DISPOSITION_UNCERTAIN;
}

std::string AppointmentId(const std::string& result_json) {
  const nlohmann::json result =
      nlohmann::json::parse(result_json, nullptr, /*allow_exceptions=*/false);
  if (!result.is_object()) return "";
  const nlohmann::json::json_pointer found("/appointments/0");
  const nlohmann::json& appointment = result.contains(found) ? result.at(found) : result;
  return appointment.is_object() && appointment.contains("id") && appointment["id"].is_string()
             ? appointment["id"].get<std::string>()
             : "";
}

absl::StatusOr<v1::ExecuteResponse> BookingAgent::Execute(const Booking& booking, int attempt,
                                                          absl::Time deadline) const {
  v1::ExecuteRequest request;
  request.set_tool("book_appointment");
  request.set_session_id(booking.session);
  request.set_tool_call_id(absl::StrCat(booking.session, "-call-", attempt + 1));
  request.set_arguments_json(BookingArguments(booking, attempt).dump());
  v1::ExecuteResponse response;
  ONETAKE_RETURN_IF_ERROR(CallUntilTaken(
      deadline, options_.resend,
      [&](grpc::ClientContext* context) { return runtime_.Execute(context, request, &response); }));
  return response;
}

absl::StatusOr<v1::ExecuteResponse> BookingAgent::Await(const v1::Intent& intent,
                                                        absl::Time deadline) const {
  v1::AwaitRequest request;
  request.set_intent_id(intent.id());
  request.set_generation(intent.generation());
  request.set_patience_ms(absl::ToInt64Milliseconds(options_.await));
  v1::ExecuteResponse response;
  ONETAKE_RETURN_IF_ERROR(CallUntilTaken(
      deadline, options_.resend,
      [&](grpc::ClientContext* context) { return runtime_.Await(context, request, &response); }));
  return response;
}

absl::StatusOr<BookingAgent::Outcome> BookingAgent::Book(const Booking& booking) const {
  const absl::Time deadline = absl::Now() + options_.give_up;
  Outcome outcome;
  std::set<int> generations;
  for (int attempt = 0; attempt <= options_.insists; ++attempt) {
    ONETAKE_ASSIGN_OR_RETURN(outcome.last, Execute(booking, attempt, deadline));
    ++outcome.calls;
    // Only the first call of a generation writes.
    const bool is_first = generations.insert(outcome.last.intent().generation()).second;
    outcome.held_back += is_first ? 0 : 1;
    outcome.joined += outcome.last.joined() ? 1 : 0;
    outcome.replayed += outcome.last.replayed() ? 1 : 0;
    if (outcome.last.disposition() == v1::DISPOSITION_DONE) break;
  }
  while (IsOpen(outcome.last) && absl::Now() < deadline) {
    ONETAKE_ASSIGN_OR_RETURN(outcome.last, Await(outcome.last.intent(), deadline));
  }
  if (outcome.last.disposition() == v1::DISPOSITION_DONE) {
    outcome.appointment_id = AppointmentId(outcome.last.result_json());
  }
  return outcome;
}

}  // namespace onetake::dental
