#include "runtime/access/token_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/access/bearer_token.h"
#include "runtime/access/principal.h"
#include "runtime/base/private_file.h"
#include "runtime/base/status.h"
#include "runtime/json/json.h"

namespace onetake {
namespace {

constexpr absl::string_view kWhat = "token file";
constexpr size_t kMostBytes = 4 * 1024 * 1024;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

// Takes the members of one line and names the first that is wrong.
class LineReader {
 public:
  LineReader(const Json& line, int number) : line_(line), number_(number) {}

  absl::Status Error(absl::string_view field, absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("line ", number_, ": ", field, ": ", what));
  }
  absl::StatusOr<std::string> Text(const char* field) const {
    const auto found = line_.find(field);
    if (found == line_.end() || !found->is_string()) return Error(field, "must be a text");
    return found->get<std::string>();
  }
  absl::StatusOr<std::string> Name(const char* field) const {
    ONETAKE_ASSIGN_OR_RETURN(std::string text, Text(field));
    if (!IsAccessName(text)) return Error(field, kAccessNameRule);
    return text;
  }
  absl::StatusOr<std::string> Hex(const char* field, size_t digits) const {
    ONETAKE_ASSIGN_OR_RETURN(std::string text, Text(field));
    if (text.size() != digits || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
      return Error(field, absl::StrCat("must be ", digits, " lower-case hex digits"));
    }
    return text;
  }
  absl::StatusOr<absl::Time> Time(const char* field) const {
    ONETAKE_ASSIGN_OR_RETURN(const std::string text, Text(field));
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
      return Error(field, "must be a time such as 2026-06-24T14:00:00Z");
    }
    return time;
  }
  absl::Status CheckNames() const {
    static const auto& known = *new std::set<std::string>{
        "created_at", "expires_at", "id", "name", "revoked_at", "roles", "sha256", "tenant"};
    for (const auto& [name, value] : line_.items()) {
      if (known.count(name) == 0) return Error("a member", "is not known to this version");
    }
    return absl::OkStatus();
  }
  bool Has(const char* field) const { return line_.contains(field); }

 private:
  const Json& line_;
  const int number_;
};

absl::StatusOr<TokenRecord> ParseLine(absl::string_view text, int number) {
  const absl::StatusOr<Json> json = ParseJson(text, ArgumentLimits());
  if (!json.ok() || !json->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat("line ", number, ": is no JSON object"));
  }
  const LineReader line(*json, number);
  ONETAKE_RETURN_IF_ERROR(line.CheckNames());
  TokenRecord token;
  ONETAKE_ASSIGN_OR_RETURN(token.id, line.Hex("id", 16));
  ONETAKE_ASSIGN_OR_RETURN(token.digest, line.Hex("sha256", 64));
  ONETAKE_ASSIGN_OR_RETURN(token.name, line.Name("name"));
  ONETAKE_ASSIGN_OR_RETURN(token.tenant, line.Name("tenant"));
  ONETAKE_ASSIGN_OR_RETURN(const std::string roles, line.Text("roles"));
  absl::StatusOr<RoleSet> parsed = ParseRoles(roles);
  if (!parsed.ok()) return line.Error("roles", "must be some of execute, audit, unseal, operate");
  token.roles = *parsed;
  ONETAKE_ASSIGN_OR_RETURN(token.created_at, line.Time("created_at"));
  ONETAKE_ASSIGN_OR_RETURN(token.expires_at, line.Time("expires_at"));
  if (line.Has("revoked_at")) {
    ONETAKE_ASSIGN_OR_RETURN(token.revoked_at, line.Time("revoked_at"));
  }
  return token;
}

// Takes a lock that goes with the process. It is on the folder: the file itself is replaced, and a
// lock file would belong to whoever came first.
absl::StatusOr<int> TakeLock(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, " cannot be opened: ", std::strerror(errno)));
  }
  while (flock(file, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    const std::string why = std::strerror(errno);
    close(file);
    return absl::FailedPreconditionError(absl::StrCat(folder, " cannot be locked: ", why));
  }
  return file;
}

}  // namespace

absl::StatusOr<std::vector<TokenRecord>> ParseTokens(absl::string_view text) {
  std::vector<TokenRecord> tokens;
  std::set<std::string> ids;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || absl::StartsWith(line, "#")) continue;
    ONETAKE_ASSIGN_OR_RETURN(TokenRecord token, ParseLine(line, number));
    if (!ids.insert(token.id).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": id: is that of an earlier line"));
    }
    if (tokens.size() == kMostTokens) {
      return absl::InvalidArgumentError(absl::StrCat("has more than ", kMostTokens, " tokens"));
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::string DumpTokens(const std::vector<TokenRecord>& tokens) {
  std::string text;
  for (const TokenRecord& token : tokens) {
    Json line{{"id", token.id},
              {"sha256", token.digest},
              {"name", token.name},
              {"tenant", token.tenant},
              {"roles", token.roles.ToText()},
              {"created_at", TimeText(token.created_at)},
              {"expires_at", TimeText(token.expires_at)}};
    if (token.revoked_at.has_value()) line["revoked_at"] = TimeText(*token.revoked_at);
    absl::StrAppend(&text, DumpJson(line), "\n");
  }
  return text;
}

absl::StatusOr<std::vector<TokenRecord>> ReadTokenFile(const std::string& path) {
  ONETAKE_ASSIGN_OR_RETURN(const Secret text, ReadPrivateFile(path, kWhat, kMostBytes));
  absl::StatusOr<std::vector<TokenRecord>> tokens = ParseTokens(text.Reveal());
  if (!tokens.ok()) return Annotate(tokens.status(), path);
  return tokens;
}

absl::Status EditTokenFile(const std::string& path,
                           absl::FunctionRef<absl::Status(std::vector<TokenRecord>&)> edit) {
  ONETAKE_ASSIGN_OR_RETURN(const int lock, TakeLock(path));
  const auto unlock = absl::MakeCleanup([lock] { close(lock); });
  absl::StatusOr<std::vector<TokenRecord>> tokens = ReadTokenFile(path);
  if (absl::IsNotFound(tokens.status())) tokens = std::vector<TokenRecord>();
  ONETAKE_RETURN_IF_ERROR(tokens.status());
  ONETAKE_RETURN_IF_ERROR(edit(*tokens));
  if (tokens->size() > kMostTokens) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": has room for ", kMostTokens, " tokens; remove lines of old ones"));
  }
  return ReplacePrivateFile(path, kWhat, DumpTokens(*tokens));
}

}  // namespace onetake
