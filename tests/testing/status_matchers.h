#pragma once

#include <gmock/gmock.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace onetake::testing {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

// EXPECT_THAT(DoIt(), IsOk());
MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).ok();
}

// EXPECT_THAT(DoIt(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("name")));
MATCHER_P2(StatusIs, code, message, "has the status code and a matching message") {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).code() == code &&
         ::testing::Matches(message)(std::string(GetStatus(arg).message()));
}

// EXPECT_THAT(Parse("1"), IsOkAndHolds(Eq(1)));
MATCHER_P(IsOkAndHolds, value, "is OK and holds a matching value") {
  *result_listener << GetStatus(arg).ToString();
  return arg.ok() && ::testing::Matches(value)(*arg);
}

}  // namespace onetake::testing
