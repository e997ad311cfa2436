#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "httplib.h"
#include "tools/dental/practice_db.h"

// The JSON that the practice's API reads and writes on the wire.
namespace onetake::dental {

struct Reply {
  int status = 0;
  std::string body;
};

// Requests. INVALID_ARGUMENT names the field and what would be right.
absl::StatusOr<Appointment> ParseBooking(absl::string_view body);
absl::StatusOr<absl::Time> ParseNewSlot(absl::string_view body);
absl::StatusOr<int64_t> ParseId(const httplib::Request& request);  // from the path
// The name of what a booking is about, whatever its spelling and notes.
std::string ThingBooked(const Appointment& appointment);

// Reads.
absl::StatusOr<Reply> ListSlots(const httplib::Request& request, PracticeDb::Tables& tables);
absl::StatusOr<Reply> FindAppointments(const httplib::Request& request, PracticeDb::Tables& tables);
absl::StatusOr<Reply> GetAppointment(const httplib::Request& request, PracticeDb::Tables& tables);

// Answers: 201 or 200 with the appointment, or the error.
absl::StatusOr<Reply> Created(const absl::StatusOr<Appointment>& appointment);
absl::StatusOr<Reply> Changed(const absl::StatusOr<Appointment>& appointment);
// {"error": CODE, "message": TEXT}: 400, 404, 409 or 500.
Reply ErrorReply(const absl::Status& status);

}  // namespace onetake::dental
