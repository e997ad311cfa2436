#include "tools/dental/booking_agent.h"

#include <algorithm>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"
#include "runtime/base/status.h"

namespace onetake::dental {
namespace {

// Longer than any patience here, so that a deadline means a dead server.
constexpr absl::Duration kRpcDeadline = absl::Seconds(30);

// Sends a request again that onetake says it did not take. It is the same request, so it cannot
// become two.
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

// Whether surely nothing happened, and onetake says when to call again: it spares an API that is
// down.
bool IsInvitedBack(const v1::ExecuteResponse& response) {
  return response.disposition() == v1::DISPOSITION_REJECTED &&
         response.guidance().may_call_again() && response.guidance().check_after_ms() > 0;
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

absl::Status BookingAgent::Call(const Booking& booking, absl::Time deadline,
                                Outcome& outcome) const {
  ONETAKE_ASSIGN_OR_RETURN(outcome.last, Execute(booking, outcome.calls, deadline));
  ++outcome.calls;
  outcome.joined += outcome.last.joined() ? 1 : 0;
  outcome.replayed += outcome.last.replayed() ? 1 : 0;
  if (!outcome.last.has_intent()) return absl::OkStatus();
  // Only the first call of a generation writes.
  const int generation = outcome.last.intent().generation();
  outcome.held_back += generation <= outcome.generation ? 1 : 0;
  outcome.generation = std::max(outcome.generation, generation);
  return absl::OkStatus();
}

absl::StatusOr<BookingAgent::Outcome> BookingAgent::Book(const Booking& booking) const {
  const absl::Time deadline = absl::Now() + options_.give_up;
  Outcome outcome;
  do {
    ONETAKE_RETURN_IF_ERROR(Call(booking, deadline, outcome));
  } while (outcome.last.disposition() != v1::DISPOSITION_DONE && outcome.calls <= options_.insists);
  while (absl::Now() < deadline) {
    if (IsOpen(outcome.last)) {
      ONETAKE_ASSIGN_OR_RETURN(outcome.last, Await(outcome.last.intent(), deadline));
    } else if (IsInvitedBack(outcome.last)) {
      absl::SleepFor(absl::Milliseconds(outcome.last.guidance().check_after_ms()));
      ONETAKE_RETURN_IF_ERROR(Call(booking, deadline, outcome));
    } else {
      break;
    }
  }
  if (outcome.last.disposition() == v1::DISPOSITION_DONE) {
    outcome.appointment_id = AppointmentId(outcome.last.result_json());
  }
  return outcome;
}

}  // namespace onetake::dental
