// Arguments in every place of an HTTP request that a value can go to: they stay values, or are
// refused. Then the request is what is written down and read again.
#include <algorithm>
#include <string>

#include "tests/fuzz/fuzz.h"
#include "tools/http/render.h"
#include "tools/http/url_parts.h"

namespace onetake {
namespace {

JsonPath Path(absl::string_view text) { return JsonPath::Parse(text).value(); }

Tool MakeTool() {
  Tool tool;
  tool.name = "move";
  tool.http.emplace();
  tool.http->method = "POST";
  tool.http->origin = "https://api.example.com:8443";
  tool.http->path = TextTemplate::Parse("/v1/{path}/move").value();
  tool.http->query = {{"day", Path("$.query")}};
  tool.http->headers = {{.name = "X-Clinic", .value = TextTemplate::Parse("c {header}").value()}};
  tool.key_placement =
      KeyPlacement{.kind = KeyPlacement::Kind::kHeader, .header = "Idempotency-Key"};
  return tool;
}

Tool WithJsonBody() {
  Tool tool = MakeTool();
  tool.http->body = JsonTemplate::Parse(Json{{"note", "$.body"}, {"kind", "move"}}).value();
  return tool;
}

Tool WithForm() {
  Tool tool = MakeTool();
  tool.http->form = JsonTemplate::Parse(Json{{"note", "$.body"}, {"kind", "move"}}).value();
  return tool;
}

// JSON when it is some, else the text itself, as far as it is UTF-8.
Json Value(absl::string_view line) {
  const auto json = ParseJson(line, ArgumentLimits());
  if (json.ok()) return *json;
  const auto text = ParseJson(DumpJson(Json(std::string(line))), ArgumentLimits());
  return text.ok() ? *text : Json();
}

void CheckRequest(const Tool& tool, const Json& arguments) {
  const auto request = RenderRequest(tool, arguments, "k");
  if (!request.ok()) {
    ONETAKE_CHECK(absl::IsInvalidArgument(request.status()));
    return;
  }
  const auto url = SplitUrl(request->url);
  ONETAKE_CHECK(url.ok() && url->scheme == "https" && url->host == "api.example.com" &&
                url->port == "8443");
  ONETAKE_CHECK(std::count(url->path.begin(), url->path.end(), '/') == 3);
  if (!arguments["query"].is_structured()) {
    ONETAKE_CHECK(url->query.find('&') == std::string::npos);
  }
  ONETAKE_CHECK(request->headers.size() <= 4);
  for (const auto& [name, value] : request->headers) {
    ONETAKE_CHECK(value.size() <= 1024);
    ONETAKE_CHECK(
        std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
  }
  if (tool.http->body.has_value()) {
    ONETAKE_CHECK(ParseJson(*request->body, ResultLimits())->at("kind") == "move");
  }
  const auto again = ParseRequest(Serialise(*request));
  ONETAKE_CHECK(again.ok() && Serialise(*again) == Serialise(*request));
}

}  // namespace
}  // namespace onetake

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  static const Tool& json_tool = *new Tool(WithJsonBody());
  static const Tool& form_tool = *new Tool(WithForm());
  if (size > 8 * 1024) return 0;
  absl::string_view text = TextOf(data, size);
  Json arguments = Json::object();
  for (const char* place : {"path", "query", "header", "body"}) {
    arguments[place] = Value(TakeLine(text));
  }
  CheckRequest(json_tool, arguments);
  CheckRequest(form_tool, arguments);
  return 0;
}
