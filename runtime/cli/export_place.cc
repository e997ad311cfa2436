#include "runtime/cli/export_place.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace onetake {
namespace {

constexpr absl::string_view kSeq = "seq:";
constexpr size_t kHashDigits = 64;

bool IsDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

bool IsHash(absl::string_view text) {
  return text.size() == kHashDigits && std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
}

}  // namespace

std::string ToText(const SeqPlace& place) {
  return absl::StrCat(kSeq, place.seq, place.hash.empty() ? "" : ":", place.hash);
}

absl::StatusOr<std::optional<SeqPlace>> ParseSeqPlace(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, kSeq)) return std::nullopt;
  const size_t colon = text.find(':');
  const absl::string_view hash =
      colon == absl::string_view::npos ? absl::string_view() : text.substr(colon + 1);
  SeqPlace place{.hash = absl::AsciiStrToLower(hash)};
  const absl::string_view number = text.substr(0, colon);
  const bool whole = colon == absl::string_view::npos || IsHash(hash);
  if (whole && IsDigits(number) && absl::SimpleAtoi(number, &place.seq)) return place;
  return absl::InvalidArgumentError(
      "is no place to go on at: it is what an export says at its end, e.g. seq:17, with the hash "
      "of that event behind it");
}

absl::StatusOr<std::string> ReadPlaceFile(const std::string& file_name) {
  std::error_code error;
  if (!std::filesystem::exists(file_name, error) && !error) return std::string();
  std::ifstream file(file_name);
  std::string text;
  // A stream that is opened on a folder throws at the first byte.
  if (!error && std::filesystem::is_regular_file(file_name, error)) {
    text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    if (file.is_open() && !file.bad()) return std::string(absl::StripAsciiWhitespace(text));
  }
  return absl::FailedPreconditionError("cannot be read");
}

absl::Status WritePlaceFile(const std::string& file_name, absl::string_view place) {
  const std::string fresh = file_name + ".new";
  std::ofstream file(fresh, std::ios::trunc);
  file << place << "\n";
  file.close();
  std::error_code error;
  if (file.good()) std::filesystem::rename(fresh, file_name, error);
  if (file.good() && !error) return absl::OkStatus();
  return absl::FailedPreconditionError("cannot be written");
}

}  // namespace onetake
