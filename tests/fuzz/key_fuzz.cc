// Keys of intents: two wishes meet in one key when everything that makes them what they are is the
// same, and only then, wherever a field ends and the next begins.
#include <algorithm>
#include <string>

#include "runtime/intent/key.h"
#include "tests/fuzz/fuzz.h"

namespace onetake {
namespace {

IntentIdentity Take(absl::string_view& text) {
  IntentIdentity intent;
  intent.tenant = std::string(TakeLine(text));
  intent.tool = std::string(TakeLine(text));
  intent.scope = std::string(TakeLine(text));
  const absl::string_view line = TakeLine(text);
  const auto identity = ParseJson(line, ArgumentLimits());
  if (identity.ok()) intent.identity = *identity;
  intent.occurrence = static_cast<int>(line.size() % 3);
  return intent;
}

bool Same(const IntentIdentity& a, const IntentIdentity& b) {
  return a.tenant == b.tenant && a.tool == b.tool && a.scope == b.scope &&
         a.occurrence == b.occurrence && CanonicalJson(a.identity) == CanonicalJson(b.identity);
}

void CheckForm(const std::string& digest) {
  ONETAKE_CHECK(digest.size() == 32);
  ONETAKE_CHECK(digest.find_first_not_of("0123456789abcdef") == std::string::npos);
}

}  // namespace
}  // namespace onetake

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  static const Secret& key = *new Secret("a tenant's key");
  absl::string_view text = TextOf(data, size);
  const IntentIdentity first = Take(text);
  const IntentIdentity second = Take(text);
  const bool same = Same(first, second);
  ONETAKE_CHECK((IntentId(key, first) == IntentId(key, second)) == same);
  ONETAKE_CHECK((IntentKey(key, first, 1) == IntentKey(key, second, 1)) == same);
  ONETAKE_CHECK(IntentKey(key, first, 1) != IntentKey(key, second, 2));
  ONETAKE_CHECK(IntentId(key, first) != IntentKey(key, second, 1));
  CheckForm(IntentId(key, first));
  CheckForm(IntentKey(key, first, 2));
  CheckForm(SubjectId(key, first.tenant, first.tool, first.identity));

  const bool same_call = first.tool == second.tool && first.scope == second.scope &&
                         first.tenant == second.tenant && first.occurrence == second.occurrence;
  const std::string a = Fingerprint(key, first.tool, first.scope, first.tenant, first.occurrence);
  const std::string b =
      Fingerprint(key, second.tool, second.scope, second.tenant, second.occurrence);
  ONETAKE_CHECK(SameDigest(a, b) == same_call);
  return 0;
}
