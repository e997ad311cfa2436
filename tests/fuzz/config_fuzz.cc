// onetake.yaml, and the file of tokens: refused with the line and the field, or taken.
#include "runtime/access/bearer_token.h"
#include "runtime/access/token_file.h"
#include "runtime/base/trace_context.h"
#include "runtime/config/config.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  const absl::string_view text = TextOf(data, size);
  if (text.size() > 16 * 1024) return 0;
  if (const auto config = ParseConfig(text, "/etc/onetake/onetake.yaml"); !config.ok()) {
    ONETAKE_CHECK(config.status().message().find("onetake.yaml:") != absl::string_view::npos);
  }
  if (const auto tokens = ParseTokens(text); tokens.ok()) {
    const auto again = ParseTokens(DumpTokens(*tokens));
    ONETAKE_CHECK(again.ok() && again->size() == tokens->size());
  }
  if (const auto token = ParseBearerToken(text); token.ok()) {
    ONETAKE_CHECK(token->ToText().Reveal() == text);
  }
  if (const auto trace = ParseTraceparent(text)) {
    ONETAKE_CHECK(ParseTraceparent(MakeTraceparent(*trace, 1)).has_value());
  }
  return 0;
}
