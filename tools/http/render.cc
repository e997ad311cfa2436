#include "tools/http/render.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "tools/http/parameters.h"
#include "tools/http/url_parts.h"

namespace onetake {
namespace {

constexpr int kVersion = 1;

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

absl::StatusOr<std::string> EscapePath(absl::string_view value) {
  if (value.empty()) return absl::InvalidArgumentError("is empty, and a path segment cannot be");
  if (std::any_of(value.begin(), value.end(), IsControl)) {
    return absl::InvalidArgumentError("holds a control character");
  }
  return EncodeParameter(value, ParameterCoding::kQuery);
}

absl::StatusOr<std::string> EscapeHeader(absl::string_view value) {
  if (value.size() > limits::kHeaderValueBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("is longer than ", limits::kHeaderValueBytes, " bytes"));
  }
  const bool printable =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
  if (!printable) {
    return absl::InvalidArgumentError(
        "holds a character that no header value may hold: printable ASCII only");
  }
  return std::string(value);
}

// A downstream may undo the encoding before it takes the path apart.
absl::Status CheckPlain(const std::vector<JsonPath>& plain, const Json& arguments) {
  for (const JsonPath& argument : plain) {
    const Json* value = argument.Find(arguments);
    if (value == nullptr || !value->is_string()) continue;
    const std::string& text = value->get_ref<const std::string&>();
    if (text.find_first_of("/\\%") == std::string::npos) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(argument.text(),
                     ": holds /, \\ or %, which is no part of a path: only a pattern or enum in "
                     "its schema, in every branch, can allow that"));
  }
  return absl::OkStatus();
}

size_t Slashes(absl::string_view text) { return std::count(text.begin(), text.end(), '/'); }

// Reads the URL as the client that connects will.
absl::StatusOr<bool> HasOrigin(const std::string& url, const HttpBinding& http) {
  ONETAKE_ASSIGN_OR_RETURN(const UrlParts parts, SplitUrl(url));
  ONETAKE_ASSIGN_OR_RETURN(const UrlParts origin, SplitUrl(http.origin));
  return parts.scheme == origin.scheme && parts.host == origin.host && parts.port == origin.port;
}

// Whatever the values, it asks the manifest's host, at a path of as many segments.
absl::Status CheckStaysInPlace(const HttpBinding& http, const HttpRequest& request) {
  ONETAKE_ASSIGN_OR_RETURN(const UrlParts url, SplitUrl(request.url));
  ONETAKE_ASSIGN_OR_RETURN(const bool same_origin, HasOrigin(request.url, http));
  size_t slashes = 0;
  for (const TextTemplate::Part& part : http.path.parts()) slashes += Slashes(part.literal);
  if (same_origin && Slashes(url.path) == slashes) return absl::OkStatus();
  return absl::InvalidArgumentError("the arguments would make another URL than the manifest's");
}

absl::StatusOr<std::string> RenderPath(const HttpBinding& http, const Json& arguments) {
  ONETAKE_RETURN_IF_ERROR(CheckPlain(http.plain_in_path, arguments));
  ONETAKE_ASSIGN_OR_RETURN(std::string rendered, http.path.Render(arguments, &EscapePath));
  for (const absl::string_view segment : absl::StrSplit(rendered, '/')) {
    if (segment == "." || segment == "..") {
      return absl::InvalidArgumentError("a path segment would be '.' or '..'");
    }
  }
  return rendered;
}

ParameterStyle StyleOf(const HttpBinding& http, const std::string& name) {
  const auto found = http.styles.find(name);
  return found == http.styles.end() ? ParameterStyle::kRepeat : found->second;
}

absl::StatusOr<std::string> RenderQuery(const HttpBinding& http, const Json& arguments) {
  std::string out;
  for (const HttpQuery& entry : http.query) {
    const Json* value = entry.value.Find(arguments);
    if (value == nullptr) continue;
    const absl::Status status =
        AppendParameter({.name = entry.name, .value = *value, .style = StyleOf(http, entry.name)},
                        ParameterCoding::kQuery, out);
    if (!status.ok()) return Annotate(status, entry.value.text());
  }
  return out.empty() ? out : absl::StrCat("?", out);
}

bool HasHeader(const HttpRequest& request, absl::string_view name) {
  return std::any_of(request.headers.begin(), request.headers.end(), [&](const auto& header) {
    return absl::EqualsIgnoreCase(header.first, name);
  });
}

absl::Status RenderHeaders(const Tool& tool, const Json& arguments, absl::string_view key,
                           HttpRequest& request) {
  for (const HttpHeader& header : tool.http->headers) {
    if (header.secret.has_value()) {
      request.secrets.push_back({header.name, header.secret_prefix, *header.secret});
      continue;
    }
    if (header.value->IsAbsentIn(arguments)) continue;
    absl::StatusOr<std::string> value = header.value->Render(arguments, &EscapeHeader);
    if (!value.ok()) return Annotate(value.status(), absl::StrCat("header ", header.name));
    // curl would leave such a header out.
    const bool blank =
        !value->empty() && std::all_of(value->begin(), value->end(), absl::ascii_isspace);
    if (blank) {
      return absl::InvalidArgumentError(absl::StrCat(
          "header ", header.name, ": {", absl::StrJoin(header.value->Arguments(), "}, {"),
          "}: holds blanks only, which no header value is: leave it out, or a text"));
    }
    if (value->size() > limits::kHeaderValueBytes) {
      return absl::InvalidArgumentError(absl::StrCat("header ", header.name, ": is too long"));
    }
    request.headers.emplace_back(header.name, *std::move(value));
  }
  if (!key.empty() && tool.key_placement.has_value() &&
      tool.key_placement->kind == KeyPlacement::Kind::kHeader) {
    request.headers.emplace_back(tool.key_placement->header, std::string(key));
  }
  if (!HasHeader(request, "Accept")) request.headers.emplace_back("Accept", "application/json");
  if (request.body.has_value() && !HasHeader(request, "Content-Type")) {
    request.headers.emplace_back("Content-Type", tool.http->form.has_value()
                                                     ? "application/x-www-form-urlencoded"
                                                     : "application/json");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> FormText(const HttpBinding& http, const Json& fields) {
  std::string out;
  for (const auto& [name, value] : fields.items()) {
    const absl::Status status = AppendParameter(
        {.name = name, .value = value, .style = StyleOf(http, name)}, ParameterCoding::kForm, out);
    if (!status.ok()) return Annotate(status, absl::StrCat("form field ", name));
  }
  return out;
}

absl::Status RenderBody(const Tool& tool, const Json& arguments, absl::string_view key,
                        HttpRequest& request) {
  const bool holds_key = !key.empty() && tool.key_placement.has_value() &&
                         tool.key_placement->kind == KeyPlacement::Kind::kBody;
  const HttpBinding& http = *tool.http;
  const std::optional<JsonTemplate>& source = http.form.has_value() ? http.form : http.body;
  if (!source.has_value() && !holds_key) return absl::OkStatus();
  Json body = source.has_value() ? source->Render(arguments) : Json::object();
  if (holds_key) {
    ONETAKE_RETURN_IF_ERROR(tool.key_placement->body->Set(body, std::string(key)));
  }
  if (!http.form.has_value()) {
    request.body = CanonicalJson(body);
    return absl::OkStatus();
  }
  ONETAKE_ASSIGN_OR_RETURN(request.body, FormText(http, body));
  return absl::OkStatus();
}

absl::StatusOr<HttpRequest> FromJson(const Json& json) {
  HttpRequest request;
  if (json.at("v").get<int>() != kVersion) {
    return absl::InvalidArgumentError("the recorded request is of another version");
  }
  request.method = json.at("method").get<std::string>();
  request.url = json.at("url").get<std::string>();
  for (const Json& header : json.at("headers")) {
    request.headers.emplace_back(header.at(0).get<std::string>(), header.at(1).get<std::string>());
  }
  for (const Json& secret : json.at("secrets")) {
    const bool env = secret.at("from") == "env";
    request.secrets.push_back({secret.at("header").get<std::string>(),
                               secret.at("prefix").get<std::string>(),
                               {.kind = env ? SecretRef::Kind::kEnv : SecretRef::Kind::kFile,
                                .name = secret.at("name").get<std::string>()}});
  }
  if (json.contains("body")) request.body = json.at("body").get<std::string>();
  return request;
}

}  // namespace

absl::StatusOr<HttpRequest> RenderRequest(const Tool& tool, const Json& arguments,
                                          absl::string_view key) {
  if (!tool.http.has_value()) return absl::FailedPreconditionError("the tool has no http binding");
  HttpRequest request;
  request.method = tool.http->method;
  ONETAKE_ASSIGN_OR_RETURN(const std::string path, RenderPath(*tool.http, arguments));
  ONETAKE_ASSIGN_OR_RETURN(const std::string query, RenderQuery(*tool.http, arguments));
  request.url = absl::StrCat(tool.http->origin, path, query);
  ONETAKE_RETURN_IF_ERROR(CheckStaysInPlace(*tool.http, request));
  ONETAKE_RETURN_IF_ERROR(RenderBody(tool, arguments, key, request));
  ONETAKE_RETURN_IF_ERROR(RenderHeaders(tool, arguments, key, request));
  return request;
}

absl::Status CheckLeadsWhereToolDoes(const Tool& tool, const HttpRequest& request) {
  const auto elsewhere = [](absl::string_view what) {
    return absl::FailedPreconditionError(
        absl::StrCat("the recorded request has ", what, " than the manifest: it is not sent"));
  };
  if (!tool.http.has_value()) return elsewhere("another kind of downstream");
  ONETAKE_ASSIGN_OR_RETURN(const bool same_origin, HasOrigin(request.url, *tool.http));
  if (!same_origin) return elsewhere("another origin");
  const auto is_ours = [&](const HttpRequest::SecretHeader& secret) {
    return std::any_of(tool.http->headers.begin(), tool.http->headers.end(),
                       [&](const HttpHeader& header) {
                         return header.secret.has_value() && header.name == secret.name &&
                                header.secret_prefix == secret.prefix &&
                                header.secret->kind == secret.secret.kind &&
                                header.secret->name == secret.secret.name;
                       });
  };
  const bool all_ours = std::all_of(request.secrets.begin(), request.secrets.end(), is_ours);
  return all_ours ? absl::OkStatus() : elsewhere("another secret");
}

bool HoldsKey(const Tool& tool, const HttpRequest& request, absl::string_view key) {
  if (!tool.key_placement.has_value() || !tool.http.has_value()) return false;
  const KeyPlacement& place = *tool.key_placement;
  if (place.kind == KeyPlacement::Kind::kHeader) {
    const auto is_it = [&](const auto& header) {
      return absl::EqualsIgnoreCase(header.first, place.header) && header.second == key;
    };
    return std::any_of(request.headers.begin(), request.headers.end(), is_it);
  }
  if (place.kind != KeyPlacement::Kind::kBody || !request.body.has_value()) return false;
  if (!tool.http->form.has_value()) {
    const absl::StatusOr<Json> body = ParseJson(*request.body, ResultLimits());
    const Json* found = body.ok() ? place.body->Find(*body) : nullptr;
    return found != nullptr && *found == std::string(key);
  }
  Json field = Json::object();
  if (!place.body->Set(field, std::string(key)).ok()) return false;
  const absl::StatusOr<std::string> text = FormText(*tool.http, field);
  const std::vector<absl::string_view> fields = absl::StrSplit(*request.body, '&');
  return text.ok() && std::find(fields.begin(), fields.end(), *text) != fields.end();
}

std::string Serialise(const HttpRequest& request) {
  Json headers = Json::array();
  for (const auto& [name, value] : request.headers) headers.push_back(Json::array({name, value}));
  Json secrets = Json::array();
  for (const HttpRequest::SecretHeader& secret : request.secrets) {
    secrets.push_back({{"header", secret.name},
                       {"prefix", secret.prefix},
                       {"from", secret.secret.kind == SecretRef::Kind::kEnv ? "env" : "file"},
                       {"name", secret.secret.name}});
  }
  Json json{{"v", kVersion},
            {"method", request.method},
            {"url", request.url},
            {"headers", std::move(headers)},
            {"secrets", std::move(secrets)}};
  if (request.body.has_value()) json["body"] = *request.body;
  return DumpJson(json);
}

absl::StatusOr<HttpRequest> ParseRequest(absl::string_view text) {
  try {
    return FromJson(Json::parse(text.begin(), text.end()));
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError("the recorded request is unreadable");
  }
}

}  // namespace onetake
