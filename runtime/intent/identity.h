#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

namespace onetake {

// How an identity argument is brought to one form, so that every spelling of a value is one value.
enum class Normaliser { kVerbatim, kInstant, kDate, kPhone, kText, kNumber, kId };

// Bumped when any normaliser changes what it returns. Part of every claim (R17).
inline constexpr int kCanonicaliserVersion = 1;

absl::string_view ToString(Normaliser normaliser);

struct NormaliserSettings {
  // IANA name for instants without a zone; empty: a zone is required.
  std::string time_zone;
  // ISO 3166 alpha-2 for numbers without a country code; empty: +NN is required.
  std::string phone_region;
};

// Returns the one form of `value`. Errors are INVALID_ARGUMENT and say what would be right, without
// quoting the value: "has no time zone: add an offset such as -05:00, or Z". Pure and thread-safe.
//   kVerbatim  any JSON value, unchanged
//   kInstant   RFC 3339 and common spellings ("2026-06-24 2pm -05:00", "June 24, 2026 14:00
//              America/Chicago") to "2026-06-24T19:00:00Z", fractions kept without trailing zeros.
//              A time without am or pm is on the 24-hour clock. Refused: zone abbreviations except
//              Z, UTC and GMT; local times that the zone skips or repeats; relative words; bare
//              numbers; two-digit years; day and month in an order that cannot be told; a weekday
//              that is not the date's; 24:00 and the leap second :60; offsets no place has
//   kDate      ISO 8601 and common spellings of a date alone to "2026-06-24"
//   kPhone     to E.164 (libphonenumber), with ";ext=42" behind it when there is an extension; must
//              be a possible and valid number. A JSON integer will do
//   kText      a string: NFKC, case-folded, white space collapsed and trimmed (ICU)
//   kNumber    a number or numeric string to its shortest plain decimal, as a string: 1, 1.0,
//              "1.00", 1e0 are "1"; at most 40 digits on each side of the point
//   kId        a string or integer, as a string, white space at the ends trimmed; empty is refused
absl::StatusOr<Json> Normalise(Normaliser normaliser, const Json& value,
                               const NormaliserSettings& settings);

struct IdentityField {
  std::string path;  // JsonPath into the arguments: "$.slot_iso"
  std::string name;  // member name in the identity: "slot_iso"
  Normaliser normaliser = Normaliser::kVerbatim;
};

// The identity of a call: {"name": normalised value, ...} for every field in order of `name`. A
// field that is absent is left out (absent and null are the same). Errors are those of Normalise,
// prefixed with the field's path.
absl::StatusOr<Json> MakeIdentity(const std::vector<IdentityField>& fields, const Json& arguments,
                                  const NormaliserSettings& settings);

// One guarded argument that differs between two calls of the same intent (R8).
struct ArgumentDiff {
  std::string path;      // "$.patient_id"
  std::string recorded;  // JSON text, or empty when absent there
  std::string received;  // JSON text, or empty when absent here
};

// The guarded part of `arguments`: without identity fields and without `ignored` paths, which may
// be nested. An element of an array that is left out becomes null, so that the others keep their
// place. With no identity fields it is all arguments that are not ignored.
Json GuardedArguments(const Json& arguments, const std::vector<IdentityField>& identity,
                      const std::vector<std::string>& ignored);
// Compares leaf by leaf, in order of path, numbers by value; a member that is null is absent. Empty
// when equal.
std::vector<ArgumentDiff> DiffGuarded(const Json& recorded, const Json& received);

}  // namespace onetake
