// Normalisers: what they make is what they make of it again, so that a retry keeps its key.
#include "runtime/intent/identity.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  const absl::string_view text = TextOf(data, size);
  if (text.size() > 512) return 0;
  const auto value = ParseJson(DumpJson(Json(std::string(text))), ResultLimits());
  if (!value.ok()) return 0;
  const NormaliserSettings settings{.time_zone = "America/Chicago", .phone_region = "US"};
  for (const Normaliser normaliser :
       {Normaliser::kVerbatim, Normaliser::kInstant, Normaliser::kDate, Normaliser::kPhone,
        Normaliser::kText, Normaliser::kNumber, Normaliser::kId}) {
    const auto once = Normalise(normaliser, *value, settings);
    if (!once.ok()) continue;
    const auto twice = Normalise(normaliser, *once, settings);
    ONETAKE_CHECK(twice.ok());
    ONETAKE_CHECK(*twice == *once);
  }
  return 0;
}
