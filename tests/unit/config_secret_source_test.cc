#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/ascii.h"
#include "runtime/config/secret_source.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

class LoadSecretTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (std::filesystem::temp_directory_path() / "onetake-key-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  SecretSource File(const std::string& name = "onetake.key") const {
    return {.kind = SecretSource::Kind::kFile, .name = folder_ + "/" + name};
  }
  void Write(absl::string_view text, mode_t mode) const {
    std::ofstream(File().name) << text;
    ASSERT_EQ(chmod(File().name.c_str(), mode), 0);
  }

  std::string folder_;
};

TEST_F(LoadSecretTest, AMissingFileIsCreatedOnceForItsOwnerOnly) {
  const auto first = LoadSecret(File(), kIntentKeyUse, MissingKeyFile::kCreate);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->Reveal().size(), 64);
  for (const char c : first->Reveal()) EXPECT_TRUE(absl::ascii_isxdigit(c));
  struct stat info {};
  ASSERT_EQ(stat(File().name.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);

  const auto second = LoadSecret(File(), kIntentKeyUse, MissingKeyFile::kCreate);
  ASSERT_THAT(second, IsOk());
  EXPECT_TRUE(second->Equals(first->Reveal()));
}

TEST_F(LoadSecretTest, TwoKeysDiffer) {
  const auto a = LoadSecret(File("a"), kIntentKeyUse, MissingKeyFile::kCreate);
  const auto b = LoadSecret(File("b"), kIntentKeyUse, MissingKeyFile::kCreate);
  ASSERT_THAT(a, IsOk());
  ASSERT_THAT(b, IsOk());
  EXPECT_FALSE(a->Equals(b->Reveal()));
}

TEST_F(LoadSecretTest, LeavesNothingButTheKeyBehind) {
  ASSERT_THAT(LoadSecret(File(), kIntentKeyUse, MissingKeyFile::kCreate), IsOk());
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++files;
  EXPECT_EQ(files, 1);
}

TEST_F(LoadSecretTest, AMissingFileBesideAnExistingLedgerIsRefused) {
  EXPECT_THAT(LoadSecret(File(), kIntentKeyUse, MissingKeyFile::kRefuse),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("Restore the key")));
  EXPECT_FALSE(std::filesystem::exists(File().name));
}

TEST_F(LoadSecretTest, WhiteSpaceAtTheEndsIsNoPartOfTheKey) {
  Write("  0123456789abcdef0123456789abcdef\n\n", 0600);
  const auto key = LoadSecret(File(), kIntentKeyUse, MissingKeyFile::kRefuse);
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->Reveal(), "0123456789abcdef0123456789abcdef");
}

TEST_F(LoadSecretTest, AShortKeyIsRefusedWithoutBeingShown) {
  Write("0123456789abcdef0123456789abcde\n", 0600);
  EXPECT_THAT(LoadSecret(File(), kIntentKeyUse, MissingKeyFile::kRefuse),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::AllOf(HasSubstr("has 31 bytes"), Not(HasSubstr("0123456789")))));
}

TEST_F(LoadSecretTest, AFileThatOthersCanReadIsRefused) {
  for (const mode_t mode : {0640, 0604, 0660, 0666}) {
    Write("0123456789abcdef0123456789abcdef\n", mode);
    EXPECT_THAT(LoadSecret(File(), kIntentKeyUse, MissingKeyFile::kRefuse),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("chmod 600")));
  }
}

TEST_F(LoadSecretTest, AFolderIsNoKey) {
  ASSERT_TRUE(std::filesystem::create_directory(File().name));
  EXPECT_THAT(LoadSecret(File(), kIntentKeyUse, MissingKeyFile::kCreate),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
}

TEST_F(LoadSecretTest, AFolderThatDoesNotExistIsNotCreated) {
  EXPECT_THAT(LoadSecret(File("no/such/key"), kIntentKeyUse, MissingKeyFile::kCreate),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cannot be created")));
}

TEST_F(LoadSecretTest, AVariableIsReadAndAMissingOneIsNamed) {
  const SecretSource source{.kind = SecretSource::Kind::kEnv, .name = "ONETAKE_TEST_KEY"};
  unsetenv("ONETAKE_TEST_KEY");
  EXPECT_THAT(LoadSecret(source, kIntentKeyUse, MissingKeyFile::kCreate),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ONETAKE_TEST_KEY")));
  setenv("ONETAKE_TEST_KEY", "0123456789abcdef0123456789abcdef", 1);
  EXPECT_THAT(LoadSecret(source, kIntentKeyUse, MissingKeyFile::kCreate), IsOk());
  unsetenv("ONETAKE_TEST_KEY");
}

}  // namespace
}  // namespace onetake
