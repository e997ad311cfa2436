#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/status.h"
#include "runtime/intent/identity.h"
#include "runtime/intent/instant.h"
#include "runtime/intent/number.h"
#include "runtime/intent/phone.h"
#include "runtime/intent/unicode.h"

namespace onetake {
namespace {

constexpr std::array kNames = {
    std::pair{Normaliser::kVerbatim, "verbatim"},
    std::pair{Normaliser::kInstant, "instant"},
    std::pair{Normaliser::kDate, "date"},
    std::pair{Normaliser::kPhone, "phone"},
    std::pair{Normaliser::kText, "text"},
    std::pair{Normaliser::kNumber, "number"},
    std::pair{Normaliser::kId, "id"},
};

absl::Status MustBe(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("must be ", what));
}

absl::StatusOr<std::string> StringOf(const Json& value, absl::string_view what) {
  if (!value.is_string()) return MustBe(what);
  return value.get<std::string>();
}

// The digits of a whole number, as a string or a number; models write 42 and 42.0 for "42".
absl::StatusOr<std::string> StringOrWhole(const Json& value, absl::string_view what) {
  if (value.is_number()) {
    std::string digits = CanonicalJson(value);
    if (digits.find_first_of(".e") == std::string::npos) return digits;
  }
  return StringOf(value, what);
}

absl::StatusOr<std::string> NormaliseId(absl::string_view text) {
  std::string id = TrimText(text);
  if (id.empty()) return absl::InvalidArgumentError("is empty: give the id");
  return id;
}

// The text that the normaliser takes `value` for.
absl::StatusOr<std::string> TextFor(Normaliser normaliser, const Json& value) {
  switch (normaliser) {
    case Normaliser::kInstant: return StringOf(value, "a string such as 2026-06-24T14:00:00-05:00");
    case Normaliser::kDate: return StringOf(value, "a string such as 2026-06-24");
    case Normaliser::kPhone: return StringOrWhole(value, "a string such as +13125550123");
    case Normaliser::kText: return StringOf(value, "a string");
    case Normaliser::kNumber:
      if (value.is_number()) return CanonicalJson(value);
      return StringOf(value, "a number or a string with a number");
    case Normaliser::kId: return StringOrWhole(value, "a string or an integer");
    case Normaliser::kVerbatim: break;
  }
  ONETAKE_CHECK(false);
}

absl::StatusOr<std::string> NormaliseText(Normaliser normaliser, absl::string_view text,
                                          const NormaliserSettings& settings) {
  switch (normaliser) {
    case Normaliser::kInstant: return NormaliseInstant(text, settings.time_zone);
    case Normaliser::kDate: return NormaliseDate(text);
    case Normaliser::kPhone: return NormalisePhone(text, settings.phone_region);
    case Normaliser::kText: return FoldText(text);
    case Normaliser::kNumber: return NormaliseNumber(text);
    case Normaliser::kId: return NormaliseId(text);
    case Normaliser::kVerbatim: break;
  }
  ONETAKE_CHECK(false);
}

}  // namespace

absl::string_view ToString(Normaliser normaliser) {
  for (const auto& [candidate, name] : kNames) {
    if (candidate == normaliser) return name;
  }
  ONETAKE_CHECK(false);
}

absl::StatusOr<Json> Normalise(Normaliser normaliser, const Json& value,
                               const NormaliserSettings& settings) {
  if (normaliser == Normaliser::kVerbatim) return value;
  ONETAKE_ASSIGN_OR_RETURN(const std::string text, TextFor(normaliser, value));
  ONETAKE_ASSIGN_OR_RETURN(std::string normal, NormaliseText(normaliser, text, settings));
  return Json(std::move(normal));
}

}  // namespace onetake
