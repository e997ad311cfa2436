#include "runtime/cli/text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "runtime/json/json.h"

namespace onetake {
namespace {

// The number of code points, which is near enough to what a terminal shows.
size_t Width(absl::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string EnumName(absl::string_view name, absl::string_view prefix, int number) {
  if (name.empty()) return absl::StrCat(number);
  return std::string(absl::StripPrefix(name, prefix));
}

bool IsControl(unsigned char byte) { return byte < 0x20 || byte == 0x7f; }

// Finds the times of a message as its JSON has them, `"at":"2026-06-24T19:00:00Z"`, and as they
// shall be shown. No text reads like that by chance: the quotes in one are escaped.
void FindTimes(const google::protobuf::Message& message, absl::TimeZone zone,
               std::map<std::string, std::string>& times) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        FindTimes(reflection.GetRepeatedMessage(message, field, i), zone, times);
      }
      continue;
    }
    const google::protobuf::Message& value = reflection.GetMessage(message, field);
    if (const auto* time = dynamic_cast<const google::protobuf::Timestamp*>(&value)) {
      times[absl::StrCat("\"", field->name(), "\":", ToJson(value))] = absl::StrCat(
          "\"", field->name(), "\":\"",
          absl::FormatTime(
              "%Y-%m-%dT%H:%M:%E*S%Ez",
              absl::FromUnixSeconds(time->seconds()) + absl::Nanoseconds(time->nanos()), zone),
          "\"");
    } else {
      FindTimes(value, zone, times);
    }
  }
}

}  // namespace

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i], std::string(widths[i] - Width(row[i]) + 2, ' '));
    }
    absl::StrAppend(&out, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return out;
}

std::string Printable(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, which UTF-8 writes as C2 80 to C2 9F, are controls too.
    const bool c1 =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) ++i;
    out += c1 || IsControl(byte) ? '?' : text[i];
  }
  return out;
}

std::string TimeText(const google::protobuf::Timestamp& time, absl::TimeZone zone) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E3S%Ez",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          zone);
}

std::string Name(v1::IntentState state) {
  if (state == v1::INTENT_STATE_UNSPECIFIED) return "-";
  return EnumName(v1::IntentState_Name(state), "INTENT_STATE_", state);
}

std::string Name(v1::Disposition disposition) {
  if (disposition == v1::DISPOSITION_UNSPECIFIED) return "-";
  return EnumName(v1::Disposition_Name(disposition), "DISPOSITION_", disposition);
}

std::string EvidenceText(absl::string_view evidence_json) {
  absl::StatusOr<Json> evidence = ParseJson(evidence_json, ResultLimits());
  const bool hidden = evidence.ok() && evidence->is_object() && evidence->contains("hidden") &&
                      (*evidence)["hidden"] == true;
  if (!hidden) return Printable(evidence_json);
  evidence->erase("hidden");
  if (evidence->empty()) return kHiddenValue;
  return absl::StrCat(Printable(DumpJson(*evidence)),
                      " (more is hidden; --unseal shows it to the role unseal)");
}

int64_t Nanos(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000'000 + time.nanos();
}

bool IsWholeId(absl::string_view id) { return id.size() == 32; }

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  // This fails only for an Any of unknown type, and our messages have none.
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  return status.ok() ? json : "{}";
}

std::string ToJson(const google::protobuf::Message& message, const Output& output) {
  if (output.zone_is == Output::Zone::kDefault) return ToJson(message);
  std::map<std::string, std::string> times;
  FindTimes(message, output.zone, times);
  return absl::StrReplaceAll(ToJson(message), times);
}

}  // namespace onetake
