#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace onetake {

// A run of digits, a run of ASCII letters, or any other single byte of a date or time.
struct TimeToken {
  enum class Kind { kNumber, kWord, kMark, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;     // in lower case
  size_t begin = 0;     // offset in the text
  bool spaced = false;  // white space comes before it
};

// A place in the tokens of a text, with questions about what comes next. `ahead` counts tokens from
// there; beyond the end there is only kEnd. A token is "tight" when no white space separates it
// from the one before. Does not own the text, which is plain: its only white space is ' '.
class TokenCursor {
 public:
  explicit TokenCursor(absl::string_view text);

  const TimeToken& At(size_t ahead = 0) const;
  bool AtEnd() const { return At().kind == TimeToken::Kind::kEnd; }
  void Skip(size_t tokens) { next_ += tokens; }

  bool IsWord(absl::string_view word, size_t ahead = 0) const;
  bool IsAnyWord(size_t ahead = 0) const { return At(ahead).kind == TimeToken::Kind::kWord; }
  // Whether it is one of the characters of `marks`.
  bool IsMark(absl::string_view marks, size_t ahead = 0) const;
  bool IsTightMark(absl::string_view marks, size_t ahead = 0) const;
  bool IsNumber(size_t min_digits, size_t max_digits, size_t ahead = 0) const;
  bool IsTightNumber(size_t min_digits, size_t max_digits, size_t ahead = 0) const;
  // The value of a number of at most 9 digits.
  int Value(size_t ahead = 0) const;

  const std::vector<TimeToken>& tokens() const { return tokens_; }
  absl::string_view text() const { return text_; }

 private:
  absl::string_view text_;
  std::vector<TimeToken> tokens_;
  size_t next_ = 0;
};

// What a word of a date or time stands for; 0 when it is none. Full names and the usual short ones.
int MonthOf(absl::string_view word);    // 1..12
int WeekdayOf(absl::string_view word);  // 1 (Monday) .. 7
bool IsOrdinalSuffix(absl::string_view word);
// Whether it is "tomorrow", "next", "ago": only the speaker's now would give it a meaning.
bool IsRelativeWord(absl::string_view word);
// Whether it is "morning" or the like: a stretch of the day, no time.
bool IsPartOfDay(absl::string_view word);
// Whether it is "EST", "pacific" or the like.
bool IsZoneAbbreviation(absl::string_view word);

}  // namespace onetake
