#include "runtime/cli/output.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "runtime/json/json.h"

namespace onetake {
namespace {

bool LooksLikeAFormula(const std::string& value) {
  return !value.empty() && absl::string_view("=+-@\t").find(value.front()) != std::string::npos;
}

std::string Cell(const std::string& value) {
  std::string cell = LooksLikeAFormula(value) ? absl::StrCat("'", value) : value;
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  return absl::StrCat("\"", absl::StrReplaceAll(cell, {{"\"", "\"\""}}), "\"");
}

}  // namespace

std::string CsvRows(const std::vector<Fields>& records) {
  std::string out;
  for (const Fields& fields : records) {
    absl::StrAppend(&out,
                    absl::StrJoin(fields, ",",
                                  [](std::string* line, const auto& field) {
                                    absl::StrAppend(line, Cell(field.second));
                                  }),
                    "\n");
  }
  return out;
}

std::string CsvLines(const std::vector<Fields>& records) {
  if (records.empty()) return "";
  return absl::StrCat(absl::StrJoin(records.front(), ",",
                                    [](std::string* line, const auto& field) {
                                      absl::StrAppend(line, field.first);
                                    }),
                      "\n", CsvRows(records));
}

std::string JsonLines(const std::vector<Fields>& records) {
  std::string out;
  for (const Fields& fields : records) {
    Json line = Json::object();
    for (const auto& [name, value] : fields) line[std::string(name)] = value;
    absl::StrAppend(&out, DumpJson(line), "\n");
  }
  return out;
}

std::string FieldTime(const google::protobuf::Timestamp& time, absl::TimeZone zone) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3S%Ez",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          zone);
}

}  // namespace onetake
