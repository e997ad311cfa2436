// The listener's files: what they hold, and who may have a look at the key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "runtime/config/tls_config.h"
#include "tests/testing/certificate.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr gid_t kOtherGroup = 54321;
constexpr uid_t kOtherUser = 54321;

class ReadTlsTest : public ::testing::Test {
 protected:
  ReadTlsTest() {
    std::ofstream(tls_.certificate_file) << maker_.Certificate(3600);
    std::ofstream(tls_.key_file) << maker_.Key();
    chmod(tls_.key_file.c_str(), 0600);
  }
  absl::Status ReadWithMode(mode_t mode) const {
    EXPECT_EQ(chmod(tls_.key_file.c_str(), mode), 0);
    return ReadTls(tls_, KeyReader::kThisProcess).status();
  }

  const testing::CertificateMaker maker_;
  const testing::TempDir folder_;
  const TlsConfig tls_{.certificate_file = folder_.Path("c.pem"),
                       .key_file = folder_.Path("k.pem"),
                       .client_ca_file = ""};
};

TEST_F(ReadTlsTest, TakesAPairThatFits) {
  const absl::StatusOr<TlsPems> pems = ReadTls(tls_, KeyReader::kThisProcess);
  ASSERT_THAT(pems, IsOk());
  EXPECT_THAT(std::string(pems->key.Reveal()), HasSubstr("PRIVATE KEY"));
  EXPECT_GT(pems->expiry, absl::UnixEpoch());
}

// Wherever the writer of a file stands: none of these is a chain that clients can check.
TEST_F(ReadTlsTest, AChainThatIsCutOffIsRefused) {
  const std::string first = maker_.Certificate(3600);
  const std::string chain = first + maker_.Certificate(7200);
  for (size_t size = first.size() + 5; size < chain.size() - 1; ++size) {
    SCOPED_TRACE(size);
    std::ofstream(tls_.certificate_file, std::ios::trunc) << chain.substr(0, size);
    ASSERT_THAT(ReadTls(tls_, KeyReader::kThisProcess).status(),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("c.pem"), HasSubstr("behind certificate 1"))));
  }
}

TEST_F(ReadTlsTest, WhatStandsBetweenCertificatesIsNoMatter) {
  std::ofstream(tls_.certificate_file) << "subject: a\n"
                                       << maker_.Certificate(3600) << maker_.Key() << "issuer: b\n"
                                       << maker_.Certificate(7200) << "# end\n";
  EXPECT_THAT(ReadTls(tls_, KeyReader::kThisProcess), IsOk());
}

TEST_F(ReadTlsTest, ABundleOfClientCasThatIsCutOffIsRefused) {
  TlsConfig tls = tls_;
  tls.client_ca_file = folder_.Path("ca.pem");
  const std::string bundle = maker_.Certificate(3600) + maker_.Certificate(7200);
  std::ofstream(tls.client_ca_file) << bundle.substr(0, bundle.size() - 100);
  EXPECT_THAT(ReadTls(tls, KeyReader::kThisProcess).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("tls.client_ca"), HasSubstr("behind certificate 1"))));
}

TEST_F(ReadTlsTest, AKeyThatOthersMayReadOrWriteIsRefused) {
  ASSERT_EQ(chown(tls_.key_file.c_str(), -1, getegid()), 0);
  for (const mode_t good : {0600, 0400, 0700, 0640, 0440}) {
    EXPECT_THAT(ReadWithMode(good), IsOk()) << std::oct << good;
  }
  for (const mode_t wrong : {0604, 0644, 0602, 0601, 0660, 0620, 0650, 0666, 0777}) {
    EXPECT_THAT(
        ReadWithMode(wrong),
        StatusIs(absl::StatusCode::kFailedPrecondition,
                 AllOf(HasSubstr("tls.key: "), HasSubstr(tls_.key_file), HasSubstr("chmod 600"))))
        << std::oct << wrong;
  }
}

TEST_F(ReadTlsTest, AGroupThatIsNotTheServicesOwnMayNotReadTheKey) {
  if (chown(tls_.key_file.c_str(), -1, kOtherGroup) != 0) GTEST_SKIP() << "only root can give it";
  EXPECT_THAT(ReadWithMode(0600), IsOk());
  EXPECT_THAT(ReadWithMode(0640),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("640 if its group is")));
}

TEST_F(ReadTlsTest, AKeyOfAnotherUserIsRefused) {
  if (chown(tls_.key_file.c_str(), kOtherUser, -1) != 0) GTEST_SKIP() << "only root can give it";
  EXPECT_THAT(ReadWithMode(0600), StatusIs(absl::StatusCode::kFailedPrecondition,
                                           HasSubstr("belongs to another user")));
}

TEST_F(ReadTlsTest, WhoOnlyLooksAtAConfigurationNeedNotBeTheService) {
  const bool given = chown(tls_.key_file.c_str(), kOtherUser, kOtherGroup) == 0;
  ASSERT_TRUE(given || geteuid() != 0);
  for (const mode_t mode : {0640, 0644}) {
    ASSERT_EQ(chmod(tls_.key_file.c_str(), mode), 0);
    EXPECT_EQ(ReadTls(tls_, KeyReader::kSomebody).ok(), mode == 0640) << std::oct << mode;
  }
}

// As a renewed certificate's is: the name leads to the key of the day.
TEST_F(ReadTlsTest, ASymbolicLinkIsJudgedByWhereItLeads) {
  TlsConfig linked = tls_;
  linked.key_file = folder_.Path("live.pem");
  ASSERT_EQ(symlink(tls_.key_file.c_str(), linked.key_file.c_str()), 0);
  EXPECT_THAT(ReadTls(linked, KeyReader::kThisProcess), IsOk());
  ASSERT_EQ(chmod(tls_.key_file.c_str(), 0644), 0);
  EXPECT_THAT(ReadTls(linked, KeyReader::kThisProcess),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::_));
}

TEST_F(ReadTlsTest, AKeyThatIsNoFileIsRefused) {
  ASSERT_EQ(unlink(tls_.key_file.c_str()), 0);
  EXPECT_THAT(ReadTls(tls_, KeyReader::kThisProcess),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::_));
  ASSERT_EQ(mkfifo(tls_.key_file.c_str(), 0600), 0);
  EXPECT_THAT(ReadTls(tls_, KeyReader::kThisProcess),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
}

}  // namespace
}  // namespace onetake
