// Secrets of downstreams that a file holds: only who must may have been able to read it.
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "runtime/catalog/tool.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SecretFileTest : public ::testing::Test {
 protected:
  void Write(const std::string& text, mode_t mode) {
    std::ofstream(path_, std::ios::binary) << text;
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
  }
  absl::StatusOr<Secret> Resolve() {
    return ResolveSecret({.kind = SecretRef::Kind::kFile, .name = path_});
  }

  TempDir folder_;
  const std::string path_ = folder_.path() + "/token";
};

TEST_F(SecretFileTest, IsReadWithoutTheSpaceAtItsEnd) {
  for (const mode_t mode : {0400, 0600, 0440, 0640}) {
    Write("s3cret value\n", mode);
    const auto secret = Resolve();
    ASSERT_THAT(secret, IsOk()) << mode;
    EXPECT_EQ(secret->Reveal(), "s3cret value");
    chmod(path_.c_str(), 0600);
  }
}

TEST_F(SecretFileTest, IsRefusedWhenOthersMayReadOrWriteIt) {
  for (const mode_t mode : {0644, 0604, 0660, 0602, 0777}) {
    Write("s3cret", mode);
    EXPECT_THAT(Resolve(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                    AllOf(HasSubstr(path_), HasSubstr("chmod 640"))))
        << mode;
  }
}

TEST_F(SecretFileTest, IsRefusedWhenItIsMissingEmptyOrTooBigToBeOne) {
  EXPECT_THAT(Resolve(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("missing or empty")));
  Write(" \n", 0600);
  EXPECT_THAT(Resolve(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("missing or empty")));
  Write(std::string(16 * 1024 + 1, 's'), 0600);
  EXPECT_THAT(Resolve(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("bigger")));
}

// Nobody would ever write to it, and the loop would wait.
TEST_F(SecretFileTest, IsRefusedWhenItIsAPipe) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(Resolve(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
}

}  // namespace
}  // namespace onetake::testing
