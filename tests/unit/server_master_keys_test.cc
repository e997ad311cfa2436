#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "runtime/server/master_keys.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::StatusIs;
using ::testing::HasSubstr;

class RotateMasterKeysTest : public LedgerFixture {
 protected:
  RotateMasterKeysTest() {
    sealing_.master = {.kind = SecretSource::Kind::kFile, .name = dir_.Path("master")};
    Write(kMasterKey);
    SqliteLedger::Options options = SealedOptions();
    options.key_ring = ring_;
    OpenWith(std::move(options));
    Claimed(MakeClaim(1));
  }
  void Write(const std::string& text) const {
    std::ofstream(sealing_.master.name, std::ios::trunc) << text;
    chmod(sealing_.master.name.c_str(), 0600);
  }
  absl::Status Rotate(const std::function<void()>& pause) {
    return RotateMasterKeys(sealing_, *ring_, *ledger_, [&] {
      ++pauses_;
      pause();
    });
  }
  absl::Status TryWith(const std::string& master) {
    Close();
    SqliteLedger::Options options = SealedOptions();
    options.key_ring = MakeKeyRing({master});
    return SqliteLedger::Open(std::move(options), clock_).status();
  }

  const std::string whole_ = std::string(64, 'a');
  const std::shared_ptr<KeyRing> ring_ = MakeKeyRing({kMasterKey});
  SealingConfig sealing_;
  int pauses_ = 0;
};

TEST_F(RotateMasterKeysTest, AFileThatIsHalfWrittenIsNotTakenForTheKey) {
  Write(whole_.substr(0, 40));
  ASSERT_THAT(Rotate([&] { Write(whole_); }), IsOk());
  EXPECT_EQ(pauses_, 2);
  EXPECT_THAT(TryWith(whole_), IsOk());
}

TEST_F(RotateMasterKeysTest, AFileThatDoesNotComeToRestIsRefusedAndNothingChanges) {
  const std::string before = ring_->CurrentMaster();
  std::string text = whole_;
  Write(text);
  EXPECT_THAT(Rotate([&] { Write(text += "a"); }),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is being written")));
  EXPECT_EQ(ring_->CurrentMaster(), before);
  EXPECT_THAT(TryWith(kMasterKey), IsOk());
}

TEST_F(RotateMasterKeysTest, AFileThatIsGoneAgainIsNoRotation) {
  const std::string before = ring_->CurrentMaster();
  sealing_.new_rows = SealingConfig::NewRows::kPlain;
  Write(whole_);
  EXPECT_THAT(Rotate([&] { std::remove(sealing_.master.name.c_str()); }),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is gone again")));
  EXPECT_EQ(ring_->CurrentMaster(), before);
}

TEST_F(RotateMasterKeysTest, AKeyThatIsInUseIsNotWaitedFor) {
  ASSERT_THAT(Rotate([] {}), IsOk());
  EXPECT_EQ(pauses_, 0);
}

}  // namespace
}  // namespace onetake
