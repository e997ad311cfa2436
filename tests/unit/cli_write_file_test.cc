#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "runtime/cli/write_file.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::onetake::testing::TempDir;
using ::testing::HasSubstr;

class WriteFileTest : public ::testing::Test {
 protected:
  std::string Read() const {
    std::ifstream file(path_);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  size_t Files() const {
    return std::distance(std::filesystem::directory_iterator(dir_.path()), {});
  }

  const TempDir dir_;
  const std::string path_ = dir_.Path("book.yaml");
};

// Writes as on a disk that is full after four bytes.
absl::Status WriteWithoutRoom(const std::string& path, const std::string& text) {
  rlimit before{};
  EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit little = before;
  little.rlim_cur = 4;
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &little), 0);
  absl::Status written = WriteFile(path, text);
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  return written;
}

TEST_F(WriteFileTest, WhereTheFolderTakesNoOtherFileItIsWrittenInItsPlace) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  constexpr uid_t kSomebody = 54321;
  std::ofstream(path_) << "its author's words";
  ASSERT_EQ(chown(path_.c_str(), kSomebody, -1), 0);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  EXPECT_EXIT(
      {
        const bool written = setuid(kSomebody) == 0 && WriteFile(path_, "something else").ok();
        std::_Exit(written ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
  EXPECT_EQ(Read(), "something else");
}

TEST_F(WriteFileTest, WithoutRoomTheFileIsAsItWas) {
  const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("book.yaml"));
  EXPECT_THAT(WriteWithoutRoom(path_, "something else"), refused);
  EXPECT_EQ(Files(), 0);
  ASSERT_THAT(WriteFile(path_, "its author's words"), IsOk());
  EXPECT_THAT(WriteWithoutRoom(path_, "something else"), refused);
  EXPECT_EQ(Read(), "its author's words");
  EXPECT_EQ(Files(), 1);
}

TEST_F(WriteFileTest, AFileKeepsItsRightsAndALinkStays) {
  ASSERT_THAT(WriteFile(path_, "old"), IsOk());
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  const std::string link = dir_.Path("link.yaml");
  std::filesystem::create_symlink("book.yaml", link);
  ASSERT_THAT(WriteFile(link, "new"), IsOk());
  EXPECT_EQ(Read(), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_EQ(Files(), 2);
}

TEST_F(WriteFileTest, WhatIsNoFileIsWrittenTo) {
  EXPECT_THAT(WriteFile("/dev/null", "text"), IsOk());
  EXPECT_THAT(WriteFile("/dev/full", "text"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("/dev/full")));
  EXPECT_THAT(WriteFile(dir_.Path("no/such/folder"), "text"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no/such/folder")));
}

}  // namespace
}  // namespace onetake
