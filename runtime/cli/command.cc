#include "runtime/cli/command.h"

#include <iostream>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "runtime/cli/text.h"

namespace onetake {
namespace {

// The flag that a field of a request is to the writer of a command line. Fields that are several
// flags, or that stand without one, keep their names.
constexpr std::pair<absl::string_view, absl::string_view> kFlags[] = {
    {"after", "--since"},
    {"after_seq", "--resume"},
    {"attribute", "--attribute"},
    {"attribute.name", "--attribute"},
    {"attribute.value", "--attribute"},
    {"before", "--until"},
    {"by", "--by"},
    {"confirm_token", "--confirm"},
    {"created_after", "--since"},
    {"created_before", "--until"},
    {"evidence", "--evidence"},
    {"generation", "--generation"},
    {"id_prefix", "--id"},
    {"occurrence", "--occurrence"},
    {"page_token", "--resume"},
    {"patience_ms", "--patience"},
    {"reason", "--reason"},
    {"result_json", "--result"},
    {"session_id", "--session"},
    {"tool_call_id", "--tool-call-id"},
    {"turn_id", "--turn"},
};

std::string WithFlag(absl::string_view message, absl::string_view field) {
  for (const auto& [name, flag] : kFlags) {
    absl::string_view rest = message;
    if (name == field && absl::ConsumePrefix(&rest, absl::StrCat(name, ":"))) {
      return absl::StrCat(flag, ":", rest);
    }
  }
  return std::string(message);
}

bool IsWithoutAnswer(const absl::Status& status) {
  return !GetDetail(status).has_value() && ExitCodeOf(status) == ExitCode::kUnreachable;
}

}  // namespace

ExitCode Complain(const absl::Status& status) {
  const std::optional<ErrorDetail> detail = GetDetail(status);
  std::cerr << "onetake: " << absl::StatusCodeToString(status.code()) << ": "
            << Printable(WithFlag(status.message(), detail.has_value() ? detail->field : ""))
            << "\n";
  if (!detail.has_value()) return ExitCodeOf(status);
  std::cerr << "  reason " << Printable(detail->reason);
  if (!detail->field.empty()) std::cerr << ", field " << Printable(detail->field);
  std::cerr << (detail->safe_to_resend ? ", safe to send again" : "");
  if (detail->retry_after_ms > 0) std::cerr << " after " << detail->retry_after_ms << " ms";
  std::cerr << "\n";
  return ExitCodeOf(status);
}

ExitCode ComplainOfCall(const absl::Status& status) {
  const ExitCode code = Complain(status);
  if (IsWithoutAnswer(status)) {
    std::cerr
        << "  This says nothing about a write that was asked for: run the same command again, "
           "it will not be done twice.\n";
  }
  return code;
}

absl::StatusOr<std::string> WholeId(Client& client, const std::string& id) {
  if (IsWholeId(id)) return id;
  v1::GetIntentRequest lookup;
  lookup.set_id(id);
  const absl::StatusOr<v1::GetIntentResponse> found = client.GetIntent(lookup);
  if (!found.ok()) return found.status();
  return found->generations(0).summary().intent().id();
}

std::string CheckPatience(const std::string& text) {
  absl::Duration patience;
  if (absl::ParseDuration(text, &patience) && patience >= absl::ZeroDuration() &&
      patience <= limits::kMaxPatience) {
    return "";
  }
  return absl::StrCat("must be a duration from 0s to ", absl::FormatDuration(limits::kMaxPatience),
                      ", e.g. 4s");
}

absl::Duration ParsePatience(const std::string& text) {
  absl::Duration patience;
  return absl::ParseDuration(text, &patience) ? patience : absl::ZeroDuration();
}

}  // namespace onetake
