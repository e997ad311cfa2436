#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "runtime/store/file_lock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::onetake::testing::TempDir;
using ::testing::_;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(FileLockTest, SecondOneIsToldWhoHoldsIt) {
  TempDir dir;
  auto first = FileLock::Acquire(dir.Path("t.lock"));
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(FileLock::Acquire(dir.Path("t.lock")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(absl::StrCat("process ", getpid())), HasSubstr("t.lock"))));
}

TEST(FileLockTest, IsFreeAgainWhenItsOwnerIsGone) {
  TempDir dir;
  { ASSERT_THAT(FileLock::Acquire(dir.Path("t.lock")), IsOk()); }
  EXPECT_THAT(FileLock::Acquire(dir.Path("t.lock")), IsOk());
}

// Whoever thinks that the file is left over and removes it frees nothing, and lets another one in.
TEST(FileLockTest, NoticesThatItsFileWasRemovedOrReplaced) {
  TempDir dir;
  const std::string path = dir.Path("t.lock");
  auto first = FileLock::Acquire(path);
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT((*first)->CheckStill(), IsOk());
  ASSERT_EQ(unlink(path.c_str()), 0);
  EXPECT_THAT((*first)->CheckStill(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("t.lock was removed")));
  auto second = FileLock::Acquire(path);
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT((*second)->CheckStill(), IsOk());
  EXPECT_THAT((*first)->CheckStill(), StatusIs(absl::StatusCode::kDataLoss, _));
}

TEST(FileLockTest, FileIsForItsOwnerOnly) {
  TempDir dir;
  const mode_t before = umask(0);
  auto lock = FileLock::Acquire(dir.Path("t.lock"));
  umask(before);
  ASSERT_THAT(lock, IsOk());
  struct stat info = {};
  ASSERT_EQ(stat(dir.Path("t.lock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(FileLockTest, MissingFolderIsNamed) {
  TempDir dir;
  EXPECT_THAT(FileLock::Acquire(dir.Path("none/t.lock")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("none/t.lock")));
}

}  // namespace
}  // namespace onetake
