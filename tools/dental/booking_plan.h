#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace onetake::dental {

// One phone call: one caller who wants one appointment.
struct Booking {
  std::string session;   // "call-0017"
  std::string slot_iso;  // RFC 3339, as the agent says it first
  std::string provider;
  std::string patient;
};

// Plans the same `count` bookings for the same seed, so that two clients make the same calls. No
// two bookings share slot and provider. At most 20,000.
std::vector<Booking> PlanBookings(int count, uint64_t seed);

// The arguments of book_appointment as the model writes them at its `attempt`-th try (0: the
// first). A retry says the same decision in other words: the note is reworded, and every second
// retry spells the same instant in another way.
nlohmann::json BookingArguments(const Booking& booking, int attempt);

// Other spellings of one instant, as models write them: UTC, no seconds, "2026-06-24 2pm".
std::vector<std::string> Respell(absl::Time slot);

}  // namespace onetake::dental
