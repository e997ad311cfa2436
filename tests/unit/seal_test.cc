#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "absl/strings/escaping.h"
#include "runtime/seal/aead.h"
#include "runtime/seal/key_ring.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::testing::_;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOne[] = "master key one, 32 bytes or more";
constexpr char kTwo[] = "master key two, 32 bytes or more";

std::vector<Secret> Masters(std::vector<std::string> texts) {
  std::vector<Secret> masters;
  for (std::string& text : texts) masters.emplace_back(std::move(text));
  return masters;
}

TEST(SealTest, OpensWhatItSealedAndHidesIt) {
  const Secret key = *NewSealKey();
  for (const std::string& text : {std::string(), std::string("x"), std::string(100'000, 'y')}) {
    const absl::StatusOr<std::string> sealed = Seal(key, "here", text);
    ASSERT_THAT(sealed, IsOk());
    EXPECT_EQ(sealed->size(), text.size() + kSealOverhead);
    EXPECT_THAT(Unseal(key, "here", *sealed), IsOkAndHolds(text));
  }
  EXPECT_THAT(*Seal(key, "here", "dr-kim at two"), Not(HasSubstr("dr-kim")));
}

TEST(SealTest, TheSameTextIsSealedDifferentlyEachTime) {
  const Secret key = *NewSealKey();
  EXPECT_NE(*Seal(key, "here", "text"), *Seal(key, "here", "text"));
}

// Two texts under one key and one nonce would give both away.
TEST(SealTest, NoNonceComesTwiceInNoThread) {
  constexpr int kTexts = 1000;
  const Secret key = *NewSealKey();
  std::vector<std::string> sealed(2 * kTexts);
  const auto seal = [&](int first) {
    for (int i = first; i < first + kTexts; ++i) sealed[i] = *Seal(key, "here", "");
  };
  std::thread other(seal, kTexts);
  seal(0);
  other.join();
  const std::set<std::string> all(sealed.begin(), sealed.end());
  EXPECT_EQ(all.size(), sealed.size());
}

TEST(SealTest, NoChangedByteOpens) {
  const Secret key = *NewSealKey();
  const std::string sealed = *Seal(key, "here", "dr-kim");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] ^= 1;
    EXPECT_THAT(Unseal(key, "here", changed), StatusIs(absl::StatusCode::kDataLoss, _)) << i;
  }
  for (size_t length = 0; length < sealed.size(); ++length) {
    EXPECT_THAT(Unseal(key, "here", sealed.substr(0, length)),
                StatusIs(absl::StatusCode::kDataLoss, _));
  }
}

TEST(SealTest, NothingOpensElsewhereOrWithAnotherKey) {
  const Secret key = *NewSealKey();
  const std::string sealed = *Seal(key, SealContext({"clinic", "intent1", "result"}), "text");
  EXPECT_THAT(Unseal(key, SealContext({"clinic", "intent2", "result"}), sealed),
              StatusIs(absl::StatusCode::kDataLoss, _));
  EXPECT_THAT(Unseal(*NewSealKey(), SealContext({"clinic", "intent1", "result"}), sealed),
              StatusIs(absl::StatusCode::kDataLoss, _));
}

TEST(SealTest, NoTwoListsOfPartsMeet) {
  EXPECT_NE(SealContext({"ab", "c"}), SealContext({"a", "bc"}));
  EXPECT_NE(SealContext({"ab"}), SealContext({"ab", ""}));
}

// Sealed by Python's cryptography: AESGCM(bytes(range(32))).encrypt(bytes(12), b"text", b"here").
TEST(SealTest, OpensWhatAnotherProgramSealed) {
  std::string key;
  for (int i = 0; i < 32; ++i) key.push_back(static_cast<char>(i));
  const std::string sealed = absl::HexStringToBytes(
      "01000000000000000000000000"
      "7ad9cdaa370e8bbc515b17230cfef46522862d83");
  EXPECT_THAT(Unseal(Secret(key), "here", sealed), IsOkAndHolds("text"));
}

TEST(KeyRingTest, ADataKeyComesBackFromItsWrappedForm) {
  KeyRing ring(Masters({kOne}));
  const WrappedKey wrapped = *ring.NewDataKey("clinic");
  EXPECT_EQ(wrapped.master, ring.CurrentMaster());
  const auto first = ring.DataKey("clinic", wrapped);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ((*first)->Reveal(), (*KeyRing(Masters({kOne})).DataKey("clinic", wrapped))->Reveal());
}

TEST(KeyRingTest, ADataKeyOfAnotherTenantDoesNotOpen) {
  KeyRing ring(Masters({kOne}));
  EXPECT_THAT(ring.DataKey("other", *ring.NewDataKey("clinic")),
              StatusIs(absl::StatusCode::kDataLoss, _));
}

TEST(KeyRingTest, AMissingMasterKeyIsNamed) {
  KeyRing one(Masters({kOne}));
  KeyRing two(Masters({kTwo}));
  EXPECT_THAT(two.DataKey("clinic", *one.NewDataKey("clinic")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(one.CurrentMaster())));
}

TEST(KeyRingTest, ARotationKeepsTheDataKeyAndNeedsTheOldMasterNoMore) {
  KeyRing ring(Masters({kOne}));
  const WrappedKey old = *ring.NewDataKey("clinic");
  const std::string key((*ring.DataKey("clinic", old))->Reveal());
  WrappedKey made;
  const auto rewrap = [&]() -> absl::StatusOr<int64_t> {
    made = *ring.Rewrap("clinic", old);
    return 1;
  };
  EXPECT_THAT(ring.Rotate(Masters({kTwo}), rewrap), IsOkAndHolds(1));
  KeyRing later(Masters({kTwo}));
  EXPECT_EQ((*later.DataKey("clinic", made))->Reveal(), key);
  EXPECT_THAT(later.DataKey("clinic", old), StatusIs(absl::StatusCode::kFailedPrecondition, _));
}

TEST(KeyRingTest, ARotationThatFailsLeavesTheRingAsItWas) {
  KeyRing ring(Masters({kOne}));
  const std::string before = ring.CurrentMaster();
  const auto fail = []() -> absl::StatusOr<int64_t> { return absl::UnavailableError("disk"); };
  EXPECT_THAT(ring.Rotate(Masters({kTwo}), fail), StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_EQ(ring.CurrentMaster(), before);
  EXPECT_EQ(ring.NewDataKey("clinic")->master, before);
}

// As the writer may do, which rotates on a thread of its own.
TEST(KeyRingTest, ADataKeyThatWasMadeDuringARotationThatFailsStillOpens) {
  KeyRing ring(Masters({kOne}));
  WrappedKey made;
  std::string key;
  const auto fail = [&]() -> absl::StatusOr<int64_t> {
    made = *ring.NewDataKey("clinic");
    key = std::string((*ring.DataKey("clinic", made))->Reveal());
    return absl::UnavailableError("disk");
  };
  EXPECT_THAT(ring.Rotate(Masters({kTwo}), fail), StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_NE(made.master, ring.CurrentMaster());
  // Not from what it remembers: wrapped anew by the ring as it is now.
  const WrappedKey again = *ring.Rewrap("clinic", made);
  EXPECT_EQ(again.master, ring.CurrentMaster());
  KeyRing later(Masters({kOne}));
  EXPECT_EQ((*later.DataKey("clinic", again))->Reveal(), key);
}

}  // namespace
}  // namespace onetake
