#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tools/dental/booking_plan.h"

// What really happened, from the practice's own rows: nothing here knows onetake.
namespace onetake::dental {

// One booked row of the practice.
struct Row {
  std::string id;
  std::string slot_iso;
  std::string provider;
  std::string patient;
};

// `url` is http://HOST:PORT. UNAVAILABLE when the API does not answer as it should.
absl::StatusOr<std::vector<Row>> FetchRows(const std::string& url);
absl::StatusOr<nlohmann::json> FetchStats(const std::string& url);

// The appointment ids that clients were told, by session.
using Acknowledged = std::map<std::string, std::string>;

struct Verdict {
  int rows = 0;
  int double_bookings = 0;  // rows beyond the first for one (slot, provider, patient)
  int lost = 0;             // told "booked", but no row with that id is that booking
  int unasked = 0;          // rows that are nobody's booking
  // Sessions that have a row but were not told "booked".
  std::vector<std::string> untold;
};

Verdict Judge(const std::vector<Booking>& plan, const Acknowledged& acknowledged,
              const std::vector<Row>& rows);

// "  double bookings ........ 305", numbers aligned and with separators.
void PrintLine(const std::string& label, int64_t number, const std::string& note = "");

}  // namespace onetake::dental
