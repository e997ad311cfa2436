#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "onetake/v1/runtime.grpc.pb.h"
#include "tools/dental/booking_plan.h"

namespace onetake::dental {

// The agent of one phone call, as the story has it: it books through onetake, and says "let me try
// that again" after an answer that is not DONE, whatever onetake told it. Its orchestrator then
// waits for the intent, or calls again when onetake names a time, as a real one would. Thread-safe:
// one object serves many calls.
class BookingAgent {
 public:
  struct Options {
    int insists = 2;                                 // how often it tries again
    absl::Duration await = absl::Seconds(1);         // patience of one Await
    absl::Duration give_up = absl::Seconds(60);      // an intent that is open for longer stays open
    absl::Duration resend = absl::Milliseconds(50);  // pause when onetake is too busy
  };

  // The outcome of one caller's wish.
  struct Outcome {
    v1::ExecuteResponse last;    // the last answer: where the intent stands
    std::string appointment_id;  // told by a DONE; empty otherwise
    int calls = 0;               // Execute calls made
    int held_back = 0;           // of them, those that led to no further write
    int joined = 0;              // of them, answered by an attempt that was already running
    int replayed = 0;            // of them, answered from the ledger
    int generation = 0;          // the latest one met
  };

  BookingAgent(v1::ToolRuntime::StubInterface& runtime, const Options& options)
      : runtime_(runtime), options_(options) {}

  // A gRPC status that says the call was refused is an error; UNAVAILABLE and RESOURCE_EXHAUSTED
  // are not, they are sent again until `give_up`.
  absl::StatusOr<Outcome> Book(const Booking& booking) const;

 private:
  absl::Status Call(const Booking& booking, absl::Time deadline, Outcome& outcome) const;
  absl::StatusOr<v1::ExecuteResponse> Execute(const Booking& booking, int attempt,
                                              absl::Time deadline) const;
  absl::StatusOr<v1::ExecuteResponse> Await(const v1::Intent& intent, absl::Time deadline) const;

  v1::ToolRuntime::StubInterface& runtime_;
  const Options options_;
};

// Whether it is PENDING or UNCERTAIN: onetake is still finding out.
bool IsOpen(const v1::ExecuteResponse& response);

// The appointment's id in the answer of a booking, or of the look-up that found it; empty without.
std::string AppointmentId(const std::string& result_json);

}  // namespace onetake::dental
