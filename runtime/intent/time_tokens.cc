#include "runtime/intent/time_tokens.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace onetake {
namespace {

constexpr std::array<absl::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};
constexpr std::array<absl::string_view, 7> kWeekdays = {
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
constexpr std::array<absl::string_view, 4> kOrdinals = {"st", "nd", "rd", "th"};
constexpr std::array<absl::string_view, 17> kRelative = {
    "today", "tomorrow", "tonight", "yesterday", "now", "next", "this", "last", "coming",
    "from",  "after",    "before",  "in",        "ago", "soon", "asap", "later"};
constexpr std::array<absl::string_view, 5> kPartsOfDay = {"morning", "afternoon", "evening",
                                                          "night", "midday"};
constexpr std::array<absl::string_view, 36> kZones = {
    "et",  "est", "edt",  "ct",   "cst",  "cdt",     "mt",      "mst",      "mdt",
    "pt",  "pst", "pdt",  "akst", "akdt", "hst",     "ast",     "adt",      "nst",
    "bst", "ist", "wet",  "west", "cet",  "cest",    "eet",     "eest",     "msk",
    "jst", "kst", "aest", "aedt", "awst", "eastern", "central", "mountain", "pacific"};

// Whether the word is a full name, its first three letters, or one of the odd short forms.
template <size_t N>
int PlaceOf(absl::string_view word, const std::array<absl::string_view, N>& names) {
  for (size_t i = 0; i < N; ++i) {
    if (word == names[i] || word == names[i].substr(0, 3)) return static_cast<int>(i) + 1;
  }
  return 0;
}

template <size_t N>
bool Contains(const std::array<absl::string_view, N>& words, absl::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

TimeToken::Kind KindOf(char c) {
  if (absl::ascii_isdigit(static_cast<unsigned char>(c))) return TimeToken::Kind::kNumber;
  if (absl::ascii_isalpha(static_cast<unsigned char>(c))) return TimeToken::Kind::kWord;
  return TimeToken::Kind::kMark;
}

std::vector<TimeToken> Tokens(absl::string_view text) {
  std::vector<TimeToken> tokens;
  bool spaced = false;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      spaced = true;
      ++i;
      continue;
    }
    const TimeToken::Kind kind = KindOf(text[i]);
    size_t end = i + 1;
    while (kind != TimeToken::Kind::kMark && end < text.size() && KindOf(text[end]) == kind) ++end;
    tokens.push_back({kind, absl::AsciiStrToLower(text.substr(i, end - i)), i, spaced});
    spaced = false;
    i = end;
  }
  tokens.push_back({TimeToken::Kind::kEnd, "", text.size(), spaced});
  return tokens;
}

}  // namespace

TokenCursor::TokenCursor(absl::string_view text) : text_(text), tokens_(Tokens(text)) {}

const TimeToken& TokenCursor::At(size_t ahead) const {
  return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
}

bool TokenCursor::IsWord(absl::string_view word, size_t ahead) const {
  return IsAnyWord(ahead) && At(ahead).text == word;
}

bool TokenCursor::IsMark(absl::string_view marks, size_t ahead) const {
  return At(ahead).kind == TimeToken::Kind::kMark && absl::StrContains(marks, At(ahead).text);
}

bool TokenCursor::IsTightMark(absl::string_view marks, size_t ahead) const {
  return IsMark(marks, ahead) && !At(ahead).spaced;
}

bool TokenCursor::IsNumber(size_t min_digits, size_t max_digits, size_t ahead) const {
  const TimeToken& token = At(ahead);
  return token.kind == TimeToken::Kind::kNumber && token.text.size() >= min_digits &&
         token.text.size() <= max_digits;
}

bool TokenCursor::IsTightNumber(size_t min_digits, size_t max_digits, size_t ahead) const {
  return IsNumber(min_digits, max_digits, ahead) && !At(ahead).spaced;
}

int TokenCursor::Value(size_t ahead) const { return std::atoi(At(ahead).text.c_str()); }

int MonthOf(absl::string_view word) { return word == "sept" ? 9 : PlaceOf(word, kMonths); }

int WeekdayOf(absl::string_view word) {
  if (word == "tues") return 2;
  if (word == "weds") return 3;
  if (word == "thur" || word == "thurs") return 4;
  return PlaceOf(word, kWeekdays);
}

bool IsOrdinalSuffix(absl::string_view word) { return Contains(kOrdinals, word); }
bool IsRelativeWord(absl::string_view word) { return Contains(kRelative, word); }
bool IsPartOfDay(absl::string_view word) { return Contains(kPartsOfDay, word); }
bool IsZoneAbbreviation(absl::string_view word) { return Contains(kZones, word); }

}  // namespace onetake
