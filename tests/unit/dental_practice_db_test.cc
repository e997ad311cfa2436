#include <gtest/gtest.h>

#include "runtime/base/status.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/dental_temp_folder.h"
#include "tools/dental/practice_db.h"

namespace onetake::dental {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::HasSubstr;

class PracticeDbTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto db = PracticeDb::Open(folder_.File("practice.db"));
    ASSERT_THAT(db, IsOk());
    db_ = *std::move(db);
  }

  // The result of one call in its own transaction.
  template <typename Work>
  auto Do(Work work) {
    decltype(work(std::declval<PracticeDb::Tables&>())) result = absl::UnknownError("not run");
    const absl::Status status = db_->Transact([&](PracticeDb::Tables& tables) {
      result = work(tables);
      return result.status();
    });
    EXPECT_EQ(status, result.status());
    return result;
  }

  int64_t Book(absl::Time slot, const std::string& patient) {
    const auto booked = Do([&](auto& tables) {
      return tables.Book({.slot = slot, .provider = "dr-kim", .patient = patient});
    });
    EXPECT_THAT(booked, IsOk());
    return booked->id;
  }

  PracticeDb::Totals Count() {
    const auto totals = Do([](auto& tables) { return tables.Count(); });
    EXPECT_THAT(totals, IsOk());
    return *totals;
  }

  TempFolder folder_;
  std::unique_ptr<PracticeDb> db_;
  const absl::Time slot_ = absl::FromUnixSeconds(1782327600);
};

TEST_F(PracticeDbTest, LetsASlotBeBookedTwiceAndCountsIt) {
  EXPECT_NE(Book(slot_, "pat-1"), Book(slot_, "pat-1"));
  Book(slot_, "pat-1");
  Book(slot_, "pat-2");                      // another patient is no duplicate
  Book(slot_ + absl::Minutes(30), "pat-1");  // nor is another slot
  EXPECT_EQ(Count().rows, 5);
  EXPECT_EQ(Count().duplicates, 2);
}

TEST_F(PracticeDbTest, CancelledRowsAreNoDuplicates) {
  Book(slot_, "pat-1");
  const int64_t second = Book(slot_, "pat-1");
  EXPECT_THAT(Do([&](auto& tables) { return tables.Cancel(second); }), IsOk());
  EXPECT_EQ(Count().rows, 2);
  EXPECT_EQ(Count().active, 1);
  EXPECT_EQ(Count().duplicates, 0);
}

TEST_F(PracticeDbTest, CountsNothingInAnEmptyFile) {
  EXPECT_EQ(Count().rows, 0);
  EXPECT_EQ(Count().duplicates, 0);
}

TEST_F(PracticeDbTest, CancelIsTheSameTheSecondTime) {
  const int64_t id = Book(slot_, "pat-1");
  for (int i = 0; i < 2; ++i) {
    const auto cancelled = Do([&](auto& tables) { return tables.Cancel(id); });
    ASSERT_THAT(cancelled, IsOk());
    EXPECT_EQ(cancelled->status, AppointmentStatus::kCancelled);
  }
}

TEST_F(PracticeDbTest, ReschedulesButNotWhatIsCancelled) {
  const int64_t id = Book(slot_, "pat-1");
  const auto moved =
      Do([&](auto& tables) { return tables.Reschedule(id, slot_ + absl::Hours(1)); });
  ASSERT_THAT(moved, IsOk());
  EXPECT_EQ(moved->slot, slot_ + absl::Hours(1));
  ASSERT_THAT(Do([&](auto& tables) { return tables.Cancel(id); }), IsOk());
  EXPECT_THAT(Do([&](auto& tables) { return tables.Reschedule(id, slot_); }),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is cancelled")));
}

TEST_F(PracticeDbTest, NamesTheAppointmentThatIsNotThere) {
  const auto not_found = StatusIs(absl::StatusCode::kNotFound, HasSubstr("41"));
  EXPECT_THAT(Do([](auto& tables) { return tables.Get(41); }), not_found);
  EXPECT_THAT(Do([](auto& tables) { return tables.Cancel(41); }), not_found);
  EXPECT_THAT(Do([&](auto& tables) { return tables.Reschedule(41, slot_); }), not_found);
}

TEST_F(PracticeDbTest, FindsByEveryFieldAndAllTogether) {
  const int64_t first = Book(slot_, "pat-1");
  Book(slot_, "pat-2");
  Book(slot_ + absl::Hours(1), "pat-1");
  const auto count = [&](const AppointmentFilter& filter) {
    return Do([&](auto& tables) { return tables.Find(filter); }).value().size();
  };
  EXPECT_EQ(count({}), 3);
  EXPECT_EQ(count({.slot = slot_}), 2);
  EXPECT_EQ(count({.patient = "pat-1"}), 2);
  EXPECT_EQ(count({.provider = "dr-who"}), 0);
  EXPECT_EQ(count({.slot = slot_, .provider = "dr-kim", .patient = "pat-1"}), 1);
  ASSERT_THAT(Do([&](auto& tables) { return tables.Cancel(first); }), IsOk());
  EXPECT_EQ(count({.status = AppointmentStatus::kBooked}), 2);
  EXPECT_EQ(count({.status = AppointmentStatus::kCancelled}), 1);
}

TEST_F(PracticeDbTest, AFailedTransactionLeavesNothing) {
  const absl::Status status = db_->Transact([&](PracticeDb::Tables& tables) -> absl::Status {
    ONETAKE_RETURN_IF_ERROR(
        tables.Book({.slot = slot_, .provider = "dr-kim", .patient = "pat-1"}).status());
    return absl::AbortedError("no");
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted, HasSubstr("no")));
  EXPECT_EQ(Count().rows, 0);
}

TEST_F(PracticeDbTest, TextIsDataNotSql) {
  Book(slot_, "'); DROP TABLE appointments; --");
  EXPECT_EQ(Count().rows, 1);
}

TEST(PracticeDbOpenTest, SaysWhichFileCannotBeOpened) {
  EXPECT_THAT(PracticeDb::Open("/nonexistent/practice.db"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/practice.db")));
}

}  // namespace
}  // namespace onetake::dental
