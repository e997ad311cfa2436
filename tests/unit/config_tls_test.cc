// The listener's files: what they hold, and who may have a look at the key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>

#include "runtime/config/tls_config.h"
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

std::string TextOf(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(memory);
  return text;
}

class ReadTlsTest : public ::testing::Test {
 protected:
  ReadTlsTest() {
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    BIO* memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, certificate);
    std::ofstream(tls_.certificate_file) << TextOf(memory);
    memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(memory, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::ofstream(tls_.key_file) << TextOf(memory);
    X509_free(certificate);
    EVP_PKEY_free(key);
    chmod(tls_.key_file.c_str(), 0600);
  }
  absl::Status ReadWithMode(mode_t mode) const {
    EXPECT_EQ(chmod(tls_.key_file.c_str(), mode), 0);
    return ReadTls(tls_, KeyReader::kThisProcess).status();
  }

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
