#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace onetake {

// Whether calls wait for their turn for longer than they should, so that letting in more of them
// only makes all wait. A queue that is long for a moment is a burst; one that is never short is
// overload (CoDel, RFC 8289): that many calls in a row, over that long, must each have waited too
// long. The first call that has not ends the overload, and so does a pause: while all are refused
// there is nobody to tell. After an overload, a new one is noticed sooner for a moment. Not
// thread-safe; times are of the monotonic clock.
class Backlog {
 public:
  static constexpr absl::Duration kTooLong = absl::Milliseconds(50);
  static constexpr absl::Duration kLongEnough = absl::Milliseconds(100);
  static constexpr int64_t kInARow = 256;
  static constexpr int64_t kInARowAgain = 8;
  static constexpr absl::Duration kAMoment = absl::Seconds(1);

  void Note(absl::Duration waited, absl::Duration now) {
    last_ = now;
    if (waited < kTooLong) {
      late_ = 0;
      return;
    }
    if (late_++ == 0) late_since_ = now;
    const bool again = now - grew_at_ < kAMoment;
    if (again ? late_ >= kInARowAgain : late_ >= kInARow && now - late_since_ >= kLongEnough) {
      grew_at_ = now;
    }
  }

  bool IsGrowing(absl::Duration now) const {
    return late_ > 0 && grew_at_ >= late_since_ && now - last_ < kLongEnough;
  }

 private:
  int64_t late_ = 0;  // calls in a row that waited too long
  absl::Duration late_since_ = absl::ZeroDuration();
  absl::Duration grew_at_ = -absl::InfiniteDuration();
  absl::Duration last_ = absl::ZeroDuration();
};

}  // namespace onetake
