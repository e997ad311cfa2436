// Calls in process: lines of arguments as a model may give them, to a keyed write, a write with no
// safety and a READ. One answer each, one effect an intent, and nothing is sent before its claim.
#include <map>

#include "absl/strings/str_split.h"
#include "tests/fuzz/fuzz.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

class Bench final : public EngineFixture {
 public:
  void TestBody() override {}

  void Execute(const std::string& tool, absl::string_view arguments, absl::string_view id) {
    int answers = 0;
    ToolCall call = Call(tool, std::string(arguments), std::string(id));
    engine->Execute(std::move(call), [&answers](const absl::StatusOr<Answer>&) { ++answers; });
    sim->RunUntilIdle(absl::Minutes(30));
    ONETAKE_CHECK(answers == 1);
  }
  void CheckEffects() const {
    std::map<std::string, int> effects;
    for (const std::string& key : executor->effects) ONETAKE_CHECK(++effects[key] == 1);
  }
};

}  // namespace
}  // namespace onetake::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 8 * 1024) return 0;
  onetake::testing::Bench bench;
  int calls = 0;
  for (const absl::string_view line : absl::StrSplit(onetake::TextOf(data, size), '\n')) {
    if (++calls > 8) break;
    bench.Execute("keyed", line, line.substr(0, 3));
    bench.Execute("none", line, "");
    bench.Execute("find", line, "");
  }
  bench.CheckEffects();
  return 0;
}
