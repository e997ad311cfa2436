#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <string>

#include "runtime/server/tls_files.h"
#include "tests/testing/certificate.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using ::onetake::testing::CertificateMaker;
using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class TlsFilesTest : public ::testing::Test {
 protected:
  TlsFilesTest() {
    std::ofstream(tls_.key_file) << maker_.Key();
    chmod(tls_.key_file.c_str(), 0600);
    Put(good_);
  }
  void Put(const std::string& certificates) const {
    std::ofstream(tls_.certificate_file, std::ios::trunc) << certificates;
  }

  const testing::TempDir folder_;
  const TlsConfig tls_{.certificate_file = folder_.Path("c.pem"),
                       .key_file = folder_.Path("k.pem"),
                       .client_ca_file = ""};
  const CertificateMaker maker_;
  const std::string good_ = maker_.Certificate(3600);
  const std::string over_ = maker_.Certificate(-60);
};

TEST_F(TlsFilesTest, ACertificateThatIsOverReplacesNoneThatIsNot) {
  const auto files = TlsFiles::Open(tls_);
  ASSERT_THAT(files, IsOk());
  Put(over_);
  EXPECT_THAT((*files)->Refresh(absl::Now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is over since 20")));
  EXPECT_EQ(Read((*files)->in_use().certificate_file), good_);
  EXPECT_GT((*files)->expiry(), absl::Now());
}

TEST_F(TlsFilesTest, OneThatIsOverIsReplacedByWhateverComes) {
  Put(over_);
  const auto files = TlsFiles::Open(tls_);
  ASSERT_THAT(files, IsOk());
  const std::string later = maker_.Certificate(-30);
  Put(later);
  EXPECT_THAT((*files)->Refresh(absl::Now()), IsOk());
  EXPECT_EQ(Read((*files)->in_use().certificate_file), later);
}

// Next month's, or one of an authority whose clock is ahead.
TEST_F(TlsFilesTest, ACertificateThatIsNotValidYetReplacesNoneThatIs) {
  const auto files = TlsFiles::Open(tls_);
  ASSERT_THAT(files, IsOk());
  const std::string early = maker_.Certificate(3 * 3600);
  Put(early);
  EXPECT_THAT((*files)->Refresh(absl::Now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is not valid before 20")));
  EXPECT_EQ(Read((*files)->in_use().certificate_file), good_);
  EXPECT_THAT((*files)->Refresh(absl::Now() + absl::Minutes(90)), IsOk());
  EXPECT_EQ(Read((*files)->in_use().certificate_file), early);
}

TEST_F(TlsFilesTest, AChainThatIsCutOffChangesNothing) {
  const auto files = TlsFiles::Open(tls_);
  ASSERT_THAT(files, IsOk());
  const std::string chain = maker_.Certificate(7200) + maker_.Certificate(9000);
  Put(chain.substr(0, chain.size() - 100));
  EXPECT_THAT((*files)->Refresh(absl::Now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("behind certificate 1")));
  EXPECT_EQ(Read((*files)->in_use().certificate_file), good_);
  Put(chain);
  EXPECT_THAT((*files)->Refresh(absl::Now()), IsOk());
  EXPECT_EQ(Read((*files)->in_use().certificate_file), chain);
}

}  // namespace
}  // namespace onetake
