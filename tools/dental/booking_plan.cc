#include "tools/dental/booking_plan.h"

#include <algorithm>
#include <array>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/check.h"
#include "tools/dental/slot_time.h"

namespace onetake::dental {
namespace {

constexpr std::array<absl::string_view, 8> kProviders = {
    "dr-kim", "dr-osei", "dr-lindqvist", "dr-haddad", "dr-novak", "dr-ito", "dr-mbeki", "dr-ruiz"};
constexpr int kSlotsPerDay = 18;  // half hours from 8:00 to 16:30
constexpr int kDays = 140;
constexpr int kMaxBookings = static_cast<int>(kProviders.size()) * kSlotsPerDay * kDays;

constexpr std::array<absl::string_view, 4> kNotes = {
    "Cleaning and check-up.", "The patient would like a cleaning and a check-up.",
    "check-up + cleaning, prefers mornings", "Routine visit (cleaning)."};

absl::Time SlotTime(int slot) {
  const absl::CivilDay day = absl::CivilDay(2026, 6, 1) + slot / kSlotsPerDay;
  const absl::CivilMinute opening(day.year(), day.month(), day.day(), 8, 0);
  return absl::FromCivil(opening + int64_t{30} * (slot % kSlotsPerDay), PracticeZone());
}

}  // namespace

std::vector<Booking> PlanBookings(int count, uint64_t seed) {
  ONETAKE_CHECK(count >= 0 && count <= kMaxBookings);
  // Every (slot, provider) once, in an order that the seed decides.
  std::vector<int> openings(kMaxBookings);
  for (int i = 0; i < kMaxBookings; ++i) openings[i] = i;
  std::shuffle(openings.begin(), openings.end(), std::mt19937_64(seed));

  std::vector<Booking> plan;
  plan.reserve(count);
  for (int i = 0; i < count; ++i) {
    const int providers = static_cast<int>(kProviders.size());
    plan.push_back({.session = absl::StrFormat("call-%04d", i + 1),
                    .slot_iso = FormatSlot(SlotTime(openings[i] / providers)),
                    .provider = std::string(kProviders[openings[i] % providers]),
                    .patient = absl::StrFormat("pat-%04d", i + 1)});
  }
  return plan;
}

std::vector<std::string> Respell(absl::Time slot) {
  const absl::TimeZone zone = PracticeZone();
  std::string hour = absl::FormatTime("%Y-%m-%d %I:%M %p", slot, zone);
  if (slot == absl::FromCivil(absl::ToCivilHour(slot, zone), zone)) {
    hour = absl::FormatTime("%Y-%m-%d ", slot, zone) +
           absl::StrCat((absl::ToCivilHour(slot, zone).hour() + 11) % 12 + 1) +
           absl::AsciiStrToLower(absl::FormatTime("%p", slot, zone));
  }
  return {absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", slot, absl::UTCTimeZone()),
          absl::FormatTime("%Y-%m-%d%ET%H:%M%Ez", slot, zone), std::move(hour)};
}

nlohmann::json BookingArguments(const Booking& booking, int attempt) {
  std::string slot_iso = booking.slot_iso;
  if (attempt % 2 == 1) {
    const absl::StatusOr<absl::Time> slot = ParseSlot(booking.slot_iso);
    ONETAKE_CHECK(slot.ok());
    const std::vector<std::string> spellings = Respell(*slot);
    // Tries are spread over the bookings, so that every spelling meets every kind of trouble.
    const size_t turn = static_cast<size_t>(attempt) / 2 + booking.patient.back();
    slot_iso = spellings[turn % spellings.size()];
  }
  return {{"slot_iso", slot_iso},
          {"provider_id", booking.provider},
          {"patient_id", booking.patient},
          {"notes", kNotes[static_cast<size_t>(attempt) % kNotes.size()]}};
}

}  // namespace onetake::dental
