// JSONPaths, text templates and URLs of manifests, and a value put into them.
#include "runtime/catalog/url.h"
#include "runtime/json/path.h"
#include "runtime/json/template.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  absl::string_view text = TextOf(data, size);
  const absl::string_view line = TakeLine(text);
  const Json root{{"a", std::string("v")}, {"list", {1, 2, Json{{"b", nullptr}}}}};
  if (const auto path = JsonPath::Parse(line); path.ok()) {
    path->Find(root);
    Json changed = root;
    if (path->Set(changed, Json(7)).ok()) {
      const Json* found = path->Find(changed);
      ONETAKE_CHECK(found != nullptr && *found == Json(7));
    } else {
      ONETAKE_CHECK(changed == root);
    }
    ONETAKE_CHECK(JsonPath::Parse(path->text()).ok());
  }
  if (const auto url = ParseHttpUrl(line); url.ok()) ParseHttpUrl(text).status().IgnoreError();
  const auto parsed = TextTemplate::Parse(line);
  if (!parsed.ok()) return 0;
  const Json values{{"a", std::string(text.substr(0, 100))}};
  parsed
      ->Render(
          values,
          [](absl::string_view value) -> absl::StatusOr<std::string> { return std::string(value); })
      .status()
      .IgnoreError();
  return 0;
}
