#include "tools/dental/truth.h"

#include <algorithm>
#include <iostream>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "httplib.h"
#include "runtime/base/status.h"
#include "tools/dental/slot_time.h"

namespace onetake::dental {
namespace {

// What makes two rows the same appointment: instant, provider, patient.
using Identity = std::tuple<absl::Time, std::string, std::string>;

Identity IdentityOf(const std::string& slot_iso, const std::string& provider,
                    const std::string& patient) {
  return {ParseSlot(slot_iso).value_or(absl::InfinitePast()), provider, patient};
}

absl::StatusOr<nlohmann::json> Fetch(const std::string& url, const char* path) {
  httplib::Client client(url);
  client.set_read_timeout(std::chrono::seconds(60));
  const httplib::Result answer = client.Get(path);
  if (!answer || answer->status != 200) {
    return absl::UnavailableError(
        absl::StrCat("GET ", path, ": ",
                     answer ? absl::StrCat("status ", answer->status) : to_string(answer.error())));
  }
  nlohmann::json json = nlohmann::json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::UnavailableError(absl::StrCat("GET ", path, ": not JSON"));
  return json;
}

}  // namespace

absl::StatusOr<std::vector<Row>> FetchRows(const std::string& url) {
  ONETAKE_ASSIGN_OR_RETURN(const nlohmann::json json, Fetch(url, "/appointments"));
  std::vector<Row> rows;
  for (const nlohmann::json& row : json.value("appointments", nlohmann::json::array())) {
    rows.push_back({row.value("id", ""), row.value("slot_iso", ""), row.value("provider_id", ""),
                    row.value("patient_id", "")});
  }
  return rows;
}

absl::StatusOr<nlohmann::json> FetchStats(const std::string& url) { return Fetch(url, "/stats"); }

Verdict Judge(const std::vector<Booking>& plan, const Acknowledged& acknowledged,
              const std::vector<Row>& rows) {
  std::map<Identity, std::vector<std::string>> ids;  // of the rows of one appointment
  for (const Row& row : rows) {
    ids[IdentityOf(row.slot_iso, row.provider, row.patient)].push_back(row.id);
  }
  Verdict verdict;
  verdict.rows = static_cast<int>(rows.size());
  verdict.unasked = verdict.rows;
  for (const auto& [identity, same] : ids) {
    verdict.double_bookings += static_cast<int>(same.size()) - 1;
  }
  for (const Booking& booking : plan) {
    const auto found = ids.find(IdentityOf(booking.slot_iso, booking.provider, booking.patient));
    const std::vector<std::string> own =
        found == ids.end() ? std::vector<std::string>() : found->second;
    verdict.unasked -= static_cast<int>(own.size());
    const auto told = acknowledged.find(booking.session);
    if (told == acknowledged.end()) {
      if (!own.empty()) verdict.untold.push_back(booking.session);
    } else if (std::count(own.begin(), own.end(), told->second) != 1) {
      ++verdict.lost;
    }
  }
  return verdict;
}

void PrintLine(const std::string& label, int64_t number, const std::string& note) {
  std::string digits = absl::StrCat(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(at, ",");
  std::cout << absl::StrFormat("  %-46s %8s%s%s\n", label, digits, note.empty() ? "" : "   ", note);
}

}  // namespace onetake::dental
