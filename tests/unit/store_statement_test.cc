#include <gmock/gmock.h>

#include "runtime/store/database.h"
#include "runtime/store/statement.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::onetake::testing::TempDir;
using ::testing::_;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

class StatementTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto db = Database::Open({dir_.Path("t.db"), Database::Access::kWriter, ""});
    ASSERT_THAT(db, IsOk());
    db_ = *std::move(db);
    ASSERT_THAT(db_->RunScript("CREATE TABLE t (id INTEGER PRIMARY KEY, words TEXT, bytes BLOB,"
                               " number INTEGER, CHECK (number < 10)) STRICT"),
                IsOk());
    ASSERT_THAT(Prepare("INSERT INTO t (words, bytes, number) VALUES (?1, ?2, ?3)", insert_),
                IsOk());
    ASSERT_THAT(Prepare("SELECT words, bytes, number FROM t ORDER BY id", select_), IsOk());
  }

  absl::Status Prepare(SqlLiteral sql, Statement& statement) {
    absl::StatusOr<Statement> prepared = db_->Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    statement = *std::move(prepared);
    return absl::OkStatus();
  }

  TempDir dir_;
  std::unique_ptr<Database> db_;  // before its statements: they go first
  Statement insert_, select_;
};

TEST_F(StatementTest, KeepsEveryByte) {
  const std::string every = [] {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
    return bytes;
  }();
  ASSERT_THAT(onetake::Run(insert_).Text(1, every).Blob(2, every).Int(3, -7).Finish(), IsOk());

  onetake::Run run(select_);
  ASSERT_THAT(run.Step(), IsOkAndHolds(true));
  EXPECT_EQ(run.Text(0), every);
  EXPECT_EQ(run.Blob(1), every);
  EXPECT_EQ(run.Int(2), -7);
  EXPECT_THAT(run.Step(), IsOkAndHolds(false));
}

TEST_F(StatementTest, EmptyIsNotNull) {
  ASSERT_THAT(
      onetake::Run(insert_).Text(1, absl::string_view()).Blob(2, absl::string_view()).Finish(),
      IsOk());
  onetake::Run run(select_);
  ASSERT_THAT(run.Step(), IsOkAndHolds(true));
  EXPECT_FALSE(run.IsNull(0));
  EXPECT_FALSE(run.IsNull(1));
  EXPECT_THAT(run.OptionalText(0), Optional(Eq("")));
}

TEST_F(StatementTest, AbsentIsNull) {
  ASSERT_THAT(onetake::Run(insert_)
                  .OptionalText(1, std::nullopt)
                  .Null(2)
                  .OptionalInt(3, std::nullopt)
                  .Finish(),
              IsOk());
  onetake::Run run(select_);
  ASSERT_THAT(run.Step(), IsOkAndHolds(true));
  EXPECT_EQ(run.OptionalText(0), std::nullopt);
  EXPECT_EQ(run.OptionalInt(2), std::nullopt);
  EXPECT_EQ(run.Text(0), "");
}

TEST_F(StatementTest, RunLeavesNoBindingBehind) {
  ASSERT_THAT(onetake::Run(insert_).Text(1, "first").Finish(), IsOk());
  ASSERT_THAT(onetake::Run(insert_).Int(3, 1).Finish(), IsOk());
  onetake::Run run(select_);
  ASSERT_THAT(run.Step(), IsOkAndHolds(true));
  ASSERT_THAT(run.Step(), IsOkAndHolds(true));
  EXPECT_TRUE(run.IsNull(0));
}

TEST_F(StatementTest, LeavingARunHalfwayEndsIt) {
  ASSERT_THAT(onetake::Run(insert_).Text(1, "first").Finish(), IsOk());
  {
    onetake::Run run(select_);
    ASSERT_THAT(run.Step(), IsOkAndHolds(true));
  }
  onetake::Run run(select_);
  EXPECT_THAT(run.Step(), IsOkAndHolds(true));
}

TEST_F(StatementTest, ChangeCountsRows) {
  ASSERT_THAT(onetake::Run(insert_).Text(1, "a").Finish(), IsOk());
  ASSERT_THAT(onetake::Run(insert_).Text(1, "b").Finish(), IsOk());
  Statement update;
  ASSERT_THAT(Prepare("UPDATE t SET number = 1 WHERE words = ?1", update), IsOk());
  EXPECT_THAT(onetake::Run(update).Text(1, "a").Change(), IsOkAndHolds(1));
  EXPECT_THAT(onetake::Run(update).Text(1, "z").Change(), IsOkAndHolds(0));
}

TEST_F(StatementTest, ErrorsSayWhoseFaultItIs) {
  Statement with_id;
  ASSERT_THAT(Prepare("INSERT INTO t (id, words) VALUES (1, ?1)", with_id), IsOk());
  ASSERT_THAT(onetake::Run(with_id).Text(1, "secret").Finish(), IsOk());
  EXPECT_THAT(onetake::Run(with_id).Text(1, "secret").Finish(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("t.id")));
  EXPECT_THAT(onetake::Run(insert_).Int(3, 10).Finish(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("number < 10")));
  EXPECT_THAT(onetake::Run(insert_).Int(4, 10).Finish(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("bind")));
  const std::string too_big(3 * 1024 * 1024, 'x');
  EXPECT_THAT(onetake::Run(insert_).Text(1, too_big).Finish(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("too big")));
  Statement none;
  EXPECT_THAT(Prepare("SELECT missing FROM t", none),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("missing")));
}

TEST_F(StatementTest, ErrorsHoldNoValues) {
  const absl::Status status = onetake::Run(insert_).Text(1, "secret").Text(3, "canary").Finish();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace onetake
