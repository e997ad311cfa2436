// One process a ledger, by whatever name the file is opened.

#include <gmock/gmock.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::StatusIs;
using ::testing::HasSubstr;

class SoleWriterTest : public LedgerFixture {
 protected:
  absl::Status OpenStatus(const std::string& path) {
    SqliteLedger::Options options = DefaultOptions();
    options.path = path;
    return SqliteLedger::Open(std::move(options), clock_).status();
  }
};

TEST_F(SoleWriterTest, FileWithASecondNameDoesNotOpenByEither) {
  OpenDefault();
  Claimed(MakeClaim(1));
  const std::string other = dir_.Path("other.db");
  ASSERT_EQ(link(Path().c_str(), other.c_str()), 0);
  const auto is_refused = StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("hard link"));
  EXPECT_THAT(OpenStatus(other), is_refused);
  Claimed(MakeClaim(2));  // whom the link was made to is not harmed
  Close();
  EXPECT_THAT(OpenStatus(Path()), is_refused);
  ASSERT_EQ(unlink(other.c_str()), 0);
  EXPECT_THAT(OpenStatus(Path()), IsOk());
}

TEST_F(SoleWriterTest, StopsWhenItsLockWasRemoved) {
  absl::Status fatal;
  SqliteLedger::Options options = DefaultOptions();
  options.on_fatal = [&fatal](const absl::Status& status) { fatal = status; };
  OpenWith(std::move(options));
  Claimed(MakeClaim(1));
  ASSERT_EQ(unlink((Path() + ".lock").c_str()), 0);
  EXPECT_THAT(Claim(MakeClaim(2)).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("ledger.db.lock was removed")));
  EXPECT_THAT(fatal.message(), HasSubstr("ledger.db.lock was removed"));
}

}  // namespace
}  // namespace onetake
