// Proofs of some events, for somebody who has no ledger.

#include <gmock/gmock.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "runtime/ledger/chain_proof.h"
#include "tests/testing/ledger_fixture.h"
#include "tests/testing/tampering.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::onetake::testing::Tampering;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using Json = nlohmann::ordered_json;

TEST(DecodeRowTest, GivesBackWhatWasEncodedAndNothingElse) {
  RowEncoding encoding;
  encoding.Begin("events");
  encoding.Int("at", -5);
  encoding.Text("kind", "e");
  encoding.Blob("digests", absl::string_view("\0e", 2));
  encoding.End();
  const std::string bytes(encoding.bytes());
  const auto row = DecodeRow(bytes);
  ASSERT_THAT(row, IsOk());
  EXPECT_EQ(row->table, "events");
  ASSERT_EQ(row->columns.size(), 3u);
  EXPECT_EQ(row->columns[0].number, -5);
  EXPECT_EQ(row->columns[1].bytes, "e");
  EXPECT_EQ(row->columns[2].bytes, absl::string_view("\0e", 2));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeRow(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeRow(bytes + "e").ok());
}

class ProofTest : public LedgerFixture {
 protected:
  // Six events: intents 1 to 3, two each, and a checkpoint.
  void SetUp() override {
    SqliteLedger::Options options = DefaultOptions();
    options.checkpoints.emplace();
    options.checkpoints->TakeNames(Path());
    OpenWith(std::move(options));
    for (int n = 1; n <= 3; ++n) {
      ASSERT_THAT(Apply(Success(Claimed(MakeClaim(n)), "{}")), IsOk());
    }
    Close();
  }
  ProofRequest Request() const {
    return {.path = Path(),
            .checkpoints = Path() + ".checkpoints",
            .public_key = Path() + ".signing-key.pub"};
  }
  ProofRequest OfIntent(const std::string& id) const {
    ProofRequest request = Request();
    request.intent_id = id;
    return request;
  }
  VerifyingKey Key() const { return *VerifyingKey::Load(Path() + ".signing-key.pub"); }
};

TEST_F(ProofTest, ShowsTheEventsOfAnIntentAndNothingOfOthers) {
  const auto json = MakeProof(OfIntent("intent2"));
  ASSERT_THAT(json, IsOk());
  const auto proof = CheckProof(*json, Key());
  ASSERT_THAT(proof, IsOk());
  ASSERT_EQ(proof->events.size(), 2u);
  EXPECT_EQ(proof->events[0].seq, 3);
  EXPECT_EQ(proof->events[1].seq, 4);
  EXPECT_EQ(proof->checkpoint.head.seq, 6);
  bool settled = false;
  for (const EncodedColumn& column : proof->events[1].columns) {
    settled = settled || (column.name == "kind" && column.bytes == "settled");
  }
  EXPECT_TRUE(settled);
  const Json parsed = Json::parse(*json);
  EXPECT_EQ(parsed["events"].size(), 4u) << "from the first of them to the checkpoint";
  EXPECT_EQ(parsed["events"][2].size(), 1u);
  EXPECT_TRUE(parsed["events"][2].contains("digest"));
}

TEST_F(ProofTest, ShowsTheEventsOfARange) {
  ProofRequest request = Request();
  request.from_seq = 1;
  request.to_seq = 6;
  const auto json = MakeProof(request);
  ASSERT_THAT(json, IsOk());
  EXPECT_EQ(CheckProof(*json, Key())->events.size(), 6u);
}

TEST_F(ProofTest, NothingOfItMayBeOther) {
  const Json proof = Json::parse(*MakeProof(OfIntent("intent2")));
  const auto refused = [&](const Json& edited, const std::string& what) {
    EXPECT_FALSE(CheckProof(edited.dump(), Key()).ok()) << what;
  };
  for (size_t i = 0; i < 2; ++i) {
    std::string record;
    ASSERT_TRUE(absl::Base64Unescape(proof["events"][i]["record"].get<std::string>(), &record));
    for (size_t byte = 0; byte < record.size(); ++byte) {
      std::string flipped = record;
      flipped[byte] = static_cast<char>(flipped[byte] ^ 1);
      Json edited = proof;
      edited["events"][i]["record"] = absl::Base64Escape(flipped);
      refused(edited, absl::StrCat("byte ", byte, " of record ", i));
    }
  }
  Json edited = proof;
  edited["events"].erase(1);
  refused(edited, "an event less");
  edited = proof;
  std::swap(edited["events"][0], edited["events"][1]);
  refused(edited, "another order");
  edited = proof;
  edited["before"]["seq"] = 1;
  refused(edited, "another place");
  edited = proof;
  edited["checkpoint"]["seq"] = 5;
  refused(edited, "another checkpoint");
  for (const char* name : {"proof", "before", "events", "checkpoint"}) {
    edited = proof;
    edited.erase(name);
    refused(edited, name);
    edited[name] = 7;
    refused(edited, name);
  }
}

TEST_F(ProofTest, WhatIsNestedDeepOrOutOfRangeIsRefused) {
  const Json proof = Json::parse(*MakeProof(OfIntent("intent2")));
  constexpr size_t kDeep = 200'000;
  const std::string deep = std::string(kDeep, '[') + std::string(kDeep, ']');
  for (const char* name : {"before", "checkpoint", "events", "other"}) {
    Json edited = proof;
    edited[name] = "HERE";
    const std::string text = absl::StrReplaceAll(edited.dump(), {{"\"HERE\"", deep}});
    EXPECT_THAT(CheckProof(text, Key()),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("deeper than 8 levels")))
        << name;
  }
  for (const int64_t seq : {int64_t{-1}, std::numeric_limits<int64_t>::max()}) {
    Json edited = proof;
    edited["before"]["seq"] = seq;
    EXPECT_THAT(CheckProof(edited.dump(), Key()),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("before.seq")))
        << seq;
  }
}

TEST_F(ProofTest, AnotherKeyProvesNothing) {
  const auto json = MakeProof(OfIntent("intent2"));
  ASSERT_THAT(json, IsOk());
  const auto other = SigningKey::Load(dir_.Path("other"), SigningKey::Missing::kCreate);
  ASSERT_THAT(other, IsOk());
  EXPECT_THAT(CheckProof(*json, other->verifying_key()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not signed with this key")));
}

TEST_F(ProofTest, IsMadeOnlyOfWhatIsThereAndSigned) {
  EXPECT_THAT(MakeProof(OfIntent("intent9")), StatusIs(absl::StatusCode::kNotFound, _));
  OpenDefault();
  Claimed(MakeClaim(4));
  Close();
  EXPECT_THAT(MakeProof(OfIntent("intent4")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("signs event 7 yet")));
  Tampering(Path()).Run("UPDATE events SET actor = 'x' WHERE seq = 5");
  EXPECT_THAT(MakeProof(OfIntent("intent2")), StatusIs(absl::StatusCode::kDataLoss, _));
}

}  // namespace
}  // namespace onetake
