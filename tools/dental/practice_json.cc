#include "tools/dental/practice_json.h"

#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "runtime/base/status.h"
#include "tools/dental/slot_time.h"

namespace onetake::dental {
namespace {

using Json = nlohmann::json;

constexpr int kOpensAt = 8;
constexpr int kClosesAt = 17;

absl::StatusOr<Json> ParseObject(absl::string_view body) {
  Json json = Json::parse(body.begin(), body.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("the body must be a JSON object");
  return json;
}

absl::StatusOr<std::string> RequiredText(const Json& object, const char* field) {
  const auto member = object.find(field);
  if (member == object.end() || !member->is_string() ||
      member->get_ref<const std::string&>().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(field, " must be a text that is not empty"));
  }
  return member->get<std::string>();
}

absl::StatusOr<absl::Time> SlotField(const Json& object) {
  ONETAKE_ASSIGN_OR_RETURN(const std::string text, RequiredText(object, "slot_iso"));
  absl::StatusOr<absl::Time> slot = ParseSlot(text);
  if (!slot.ok()) return Annotate(slot.status(), "slot_iso");
  return slot;
}

std::optional<std::string> Param(const httplib::Request& request, const char* name) {
  if (!request.has_param(name)) return std::nullopt;
  return request.get_param_value(name);
}

Json ToJson(const Appointment& appointment) {
  return {{"id", absl::StrCat(appointment.id)},
          {"slot_iso", FormatSlot(appointment.slot)},
          {"provider_id", appointment.provider},
          {"patient_id", appointment.patient},
          {"notes", appointment.notes},
          {"status", appointment.status == AppointmentStatus::kBooked ? "booked" : "cancelled"}};
}

// A query parameter may hold invalid UTF-8, which dump() throws on.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Reply> ReplyWith(int status, const absl::StatusOr<Appointment>& appointment) {
  ONETAKE_RETURN_IF_ERROR(appointment.status());
  return Reply{status, Dump(ToJson(*appointment))};
}

absl::StatusOr<AppointmentFilter> ParseFilter(const httplib::Request& request) {
  AppointmentFilter filter{.slot = std::nullopt,
                           .provider = Param(request, "provider"),
                           .patient = Param(request, "patient"),
                           .status = AppointmentStatus::kBooked};
  if (const std::optional<std::string> text = Param(request, "slot")) {
    const absl::StatusOr<absl::Time> slot = ParseSlot(*text);
    if (!slot.ok()) return Annotate(slot.status(), "slot");
    filter.slot = *slot;
  }
  if (const std::optional<std::string> status = Param(request, "status")) {
    if (*status == "all") {
      filter.status = std::nullopt;
    } else if (*status == "cancelled") {
      filter.status = AppointmentStatus::kCancelled;
    } else if (*status != "booked") {
      return absl::InvalidArgumentError("status must be booked, cancelled or all");
    }
  }
  return filter;
}

}  // namespace

absl::StatusOr<Appointment> ParseBooking(absl::string_view body) {
  ONETAKE_ASSIGN_OR_RETURN(const Json json, ParseObject(body));
  Appointment wanted;
  ONETAKE_ASSIGN_OR_RETURN(wanted.slot, SlotField(json));
  ONETAKE_ASSIGN_OR_RETURN(wanted.provider, RequiredText(json, "provider_id"));
  ONETAKE_ASSIGN_OR_RETURN(wanted.patient, RequiredText(json, "patient_id"));
  if (json.contains("notes")) {
    if (!json["notes"].is_string()) return absl::InvalidArgumentError("notes must be a text");
    wanted.notes = json["notes"].get<std::string>();
  }
  return wanted;
}

absl::StatusOr<absl::Time> ParseNewSlot(absl::string_view body) {
  ONETAKE_ASSIGN_OR_RETURN(const Json json, ParseObject(body));
  return SlotField(json);
}

absl::StatusOr<int64_t> ParseId(const httplib::Request& request) {
  int64_t id = 0;
  if (!absl::SimpleAtoi(request.matches[1].str(), &id)) {
    return absl::InvalidArgumentError("the appointment's id is out of range");
  }
  return id;
}

std::string ThingBooked(const Appointment& appointment) {
  return absl::StrCat(FormatSlot(appointment.slot), "/", appointment.provider, "/",
                      appointment.patient);
}

absl::StatusOr<Reply> ListSlots(const httplib::Request& request, PracticeDb::Tables& tables) {
  absl::CivilDay day;
  const std::optional<std::string> date = Param(request, "date");
  if (!date.has_value() || !absl::ParseCivilTime(*date, &day)) {
    return absl::InvalidArgumentError("date must be a day such as 2026-06-24");
  }
  const std::optional<std::string> provider = Param(request, "provider");
  if (!provider.has_value()) return absl::InvalidArgumentError("provider must be given");

  AppointmentFilter filter;
  filter.provider = *provider;
  filter.status = AppointmentStatus::kBooked;
  ONETAKE_ASSIGN_OR_RETURN(const std::vector<Appointment> booked, tables.Find(filter));
  std::set<absl::Time> taken;
  for (const Appointment& appointment : booked) taken.insert(appointment.slot);

  Json slots = Json::array();
  const absl::CivilMinute end(absl::CivilHour(day) + kClosesAt);
  for (absl::CivilMinute at(absl::CivilHour(day) + kOpensAt); at < end; at += 30) {
    const absl::Time slot = absl::FromCivil(at, PracticeZone());
    if (taken.contains(slot)) continue;
    slots.push_back({{"slot_iso", FormatSlot(slot)}, {"provider_id", *provider}});
  }
  return Reply{200, Dump({{"slots", std::move(slots)}})};
}

absl::StatusOr<Reply> FindAppointments(const httplib::Request& request,
                                       PracticeDb::Tables& tables) {
  ONETAKE_ASSIGN_OR_RETURN(const AppointmentFilter filter, ParseFilter(request));
  ONETAKE_ASSIGN_OR_RETURN(const std::vector<Appointment> found, tables.Find(filter));
  Json appointments = Json::array();
  for (const Appointment& appointment : found) appointments.push_back(ToJson(appointment));
  return Reply{200, Dump({{"appointments", std::move(appointments)}})};
}

absl::StatusOr<Reply> GetAppointment(const httplib::Request& request, PracticeDb::Tables& tables) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t id, ParseId(request));
  return ReplyWith(200, tables.Get(id));
}

absl::StatusOr<Reply> Created(const absl::StatusOr<Appointment>& appointment) {
  return ReplyWith(201, appointment);
}

absl::StatusOr<Reply> Changed(const absl::StatusOr<Appointment>& appointment) {
  return ReplyWith(200, appointment);
}

Reply ErrorReply(const absl::Status& status) {
  const auto reply = [&status](int code, absl::string_view error) {
    return Reply{code,
                 Dump({{"error", std::string(error)}, {"message", std::string(status.message())}})};
  };
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument: return reply(400, "invalid");
    case absl::StatusCode::kNotFound: return reply(404, "not_found");
    case absl::StatusCode::kFailedPrecondition: return reply(409, "cancelled");
    default: return reply(500, "internal");
  }
}

}  // namespace onetake::dental
