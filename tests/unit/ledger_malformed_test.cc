// What is not in the form that it should be, in the files beside a ledger and in the ledger itself,
// is refused, and the refusal says what is wrong.

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/ledger/chain_base.h"
#include "runtime/ledger/chain_proof.h"
#include "runtime/ledger/checkpoint_file.h"
#include "runtime/ledger/row_cipher.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/testing/ledger_fixture.h"
#include "tests/testing/tampering.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::onetake::testing::Tampering;
using ::onetake::testing::TempDir;
using ::testing::HasSubstr;

using Code = absl::StatusCode;
using Json = nlohmann::ordered_json;
using S = IntentState;

void WriteAll(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// A ledger with six events, intents 1 to 3, and a checkpoint; closed.
class MalformedTest : public LedgerFixture {
 protected:
  void SetUp() override {
    OpenWith(Options());
    for (int n = 1; n <= 3; ++n) {
      ASSERT_THAT(Apply(Success(Claimed(MakeClaim(n)), "{}")), IsOk());
    }
    ledger_->RunCheckpoints();
    Close();
  }
  SqliteLedger::Options Options() const {
    SqliteLedger::Options options = SealedOptions();
    options.threading = Threading::kManual;
    options.checkpoints.emplace().TakeNames(Path());
    return options;
  }
  absl::Status TryOpen() { return SqliteLedger::Open(Options(), clock_).status(); }
  std::string Checkpoints() const { return Path() + ".checkpoints"; }
  std::string PublicKey() const { return Path() + ".signing-key.pub"; }
  VerifyingKey Key() const { return *VerifyingKey::Load(PublicKey()); }
  ProofRequest OfIntent(const std::string& id) const {
    return {
        .path = Path(), .checkpoints = Checkpoints(), .public_key = PublicKey(), .intent_id = id};
  }
  std::string Instance() {
    return Tampering(Path()).Text("SELECT value FROM meta WHERE name = 'instance_id'");
  }
};

TEST_F(MalformedTest, AProofThatIsNone) {
  const Json proof = Json::parse(*MakeProof(OfIntent("intent2")));
  const auto with = [&](const std::function<void(Json&)>& edit) {
    Json edited = proof;
    edit(edited);
    return edited.dump();
  };
  const std::pair<std::string, const char*> cases[] = {
      {"[]", "its field proof is not"},
      {with([](Json& j) { j["before"]["seq"] = "2"; }), "before, events or checkpoint is missing"},
      {with([](Json& j) { j["before"].erase("hash"); }), "a hash is no text"},
      {with([](Json& j) { j["before"]["hash"] = "ab"; }), "a hash has not 64 digits"},
      {with([](Json& j) { j["events"][0] = 7; }), "neither shown nor hashed"},
      {with([](Json& j) { j["events"][0]["digest"] = "ab"; }), "neither shown nor hashed"},
      {with([](Json& j) {
         j["events"][0] = {{"other", "ab"}};
       }),
       "a record is not base64"},
      {with([](Json& j) {
         j["events"][0] = {{"record", 7}};
       }),
       "a record is not base64"},
      {with([](Json& j) {
         j["events"][0] = {{"record", "%"}};
       }),
       "a record is not base64"},
      {with([](Json& j) { j["events"] = std::vector<int>(kMaxProofEvents + 1); }),
       "the number of events is out of range"},
      {with([](Json& j) { j["checkpoint"].erase("at"); }), "is not a checkpoint"},
      {with([](Json& j) { j["checkpoint"]["at"] = 7; }), "is not a checkpoint"},
      {with([](Json& j) { j["checkpoint"]["seq"] = "6"; }), "is not a checkpoint"},
      {with([](Json& j) {
         j["checkpoint"].erase("seq");
         j["checkpoint"]["other"] = 6;
       }),
       "is not a checkpoint"},
      {with([](Json& j) {
         j["checkpoint"].erase("at");
         j["checkpoint"]["other"] = "";
       }),
       "is not a checkpoint"},
      {with([](Json& j) { j["checkpoint"]["hash"] = "ab"; }), "is not a checkpoint"}};
  for (const auto& [text, why] : cases) {
    EXPECT_THAT(CheckProof(text, Key()), StatusIs(Code::kInvalidArgument, HasSubstr(why)))
        << text.substr(0, 1000);
  }
}

TEST_F(MalformedTest, AProofThatCannotBeMade) {
  const auto make = [&](const std::function<void(ProofRequest&)>& edit) {
    ProofRequest request = OfIntent("intent2");
    edit(request);
    return MakeProof(request).status();
  };
  EXPECT_THAT(make([](ProofRequest& r) { r.path = ""; }),
              StatusIs(Code::kInvalidArgument, HasSubstr("path is empty")));
  EXPECT_FALSE(make([](ProofRequest& r) { r.path += ".other"; }).ok());
  EXPECT_THAT(make([](ProofRequest& r) { r.public_key += ".other"; }),
              StatusIs(Code::kNotFound, HasSubstr(".pub.other")));
  EXPECT_THAT(make([](ProofRequest& r) { r.checkpoints += ".other"; }),
              StatusIs(Code::kNotFound, HasSubstr(".checkpoints.other")));

  const auto key = SigningKey::Load(Path() + ".signing-key", SigningKey::Missing::kRefuse);
  const auto other = SigningKey::Load(dir_.Path("other"), SigningKey::Missing::kCreate);
  ASSERT_THAT(key, IsOk());
  ASSERT_THAT(other, IsOk());
  const std::string instance = Instance();
  const ChainHead far{kMaxProofEvents + 3, {}};
  WriteAll(Checkpoints(), "no checkpoint\n");
  EXPECT_THAT(MakeProof(OfIntent("intent2")), StatusIs(Code::kInvalidArgument, HasSubstr("")));
  // Another ledger's, another key's, and one that is far away.
  WriteAll(Checkpoints(), absl::StrCat(Sign(*key, "other", far, At(1)).ToJson(), "\n",
                                       Sign(*other, instance, far, At(1)).ToJson(), "\n"));
  EXPECT_THAT(MakeProof(OfIntent("intent2")),
              StatusIs(Code::kFailedPrecondition, HasSubstr("no checkpoint signs event 4")));
  WriteAll(Checkpoints(), Sign(*key, instance, far, At(1)).ToJson() + "\n");
  EXPECT_THAT(MakeProof(OfIntent("intent2")),
              StatusIs(Code::kOutOfRange, HasSubstr("too far apart")));
}

TEST_F(MalformedTest, AProofOfWhatIsNotIntact) {
  for (const char* sql : {"UPDATE events SET hash = x'00' WHERE seq = 2",
                          "DELETE FROM events WHERE seq = 2", "DELETE FROM events WHERE seq = 6"}) {
    const std::string kept = dir_.Path("kept");
    std::filesystem::copy_file(Path(), kept);
    Tampering(Path()).Run(sql);
    EXPECT_THAT(MakeProof(OfIntent("intent2")), StatusIs(Code::kDataLoss, HasSubstr(""))) << sql;
    std::filesystem::rename(kept, Path());
  }
}

TEST(CheckpointFileTest, SaysWhyItCannotBeUsed) {
  TempDir dir;
  EXPECT_THAT(CheckpointFile::Open(dir.path()),
              StatusIs(Code::kFailedPrecondition, HasSubstr("cannot be opened")));
  WriteAll(dir.Path("long"), std::string(10'000, 'x'));
  EXPECT_THAT(CheckpointFile::Open(dir.Path("long")),
              StatusIs(Code::kFailedPrecondition, HasSubstr("has no lines")));
  ASSERT_EQ(mkfifo(dir.Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(CheckpointFile::Open(dir.Path("pipe")),
              StatusIs(Code::kFailedPrecondition, HasSubstr("cannot be read")));
  // A name without a folder is one in the folder of the process.
  const auto here = CheckpointFile::Open("ledger_malformed_test.no-such-file");
  ASSERT_THAT(here, IsOk());
  EXPECT_FALSE((*here)->exists());
  const auto late = CheckpointFile::Open(dir.Path("late"));
  ASSERT_THAT(late, IsOk());
  WriteAll(dir.Path("late"), "");
  EXPECT_THAT((*late)->Make(), StatusIs(Code::kFailedPrecondition, HasSubstr("cannot be made")));
}

TEST(CheckpointFileTest, SaysWhyALineIsNotThere) {
  TempDir dir;
  const auto key = SigningKey::Load(dir.Path("key"), SigningKey::Missing::kCreate);
  ASSERT_THAT(key, IsOk());
  const Checkpoint checkpoint = Sign(*key, "0123", {7, {}}, At(1));
  const auto full = CheckpointFile::Open("/dev/full");
  ASSERT_THAT(full, IsOk());
  EXPECT_THAT((*full)->Append(checkpoint),
              StatusIs(Code::kFailedPrecondition, HasSubstr("cannot be written")));
  // This takes the line, and can neither be synced nor cut.
  const auto null = CheckpointFile::Open("/dev/null");
  ASSERT_THAT(null, IsOk());
  EXPECT_THAT((*null)->Append(checkpoint),
              StatusIs(Code::kFailedPrecondition, HasSubstr("has a line that cannot be removed")));
}

TEST_F(MalformedTest, ALastCheckpointThatIsNotOfThisLedger) {
  ASSERT_THAT(TryOpen(), IsOk()) << "and the ledger says from now on that there are checkpoints";
  const auto key = SigningKey::Load(Path() + ".signing-key", SigningKey::Missing::kRefuse);
  const auto other = SigningKey::Load(dir_.Path("other"), SigningKey::Missing::kCreate);
  ASSERT_THAT(key, IsOk());
  ASSERT_THAT(other, IsOk());
  const std::pair<std::string, const char*> cases[] = {
      {"", "the last checkpoint is malformed"},
      {Sign(*key, "another", {6, {}}, At(1)).ToJson(), "is of another ledger"},
      {Sign(*other, Instance(), {6, {}}, At(1)).ToJson(), "was not signed with this key"}};
  for (const auto& [line, why] : cases) {
    WriteAll(Checkpoints(), line + "\n");
    EXPECT_THAT(TryOpen(), StatusIs(Code::kFailedPrecondition, HasSubstr(why)));
  }
  std::filesystem::remove(Checkpoints());
  EXPECT_THAT(TryOpen(), StatusIs(Code::kFailedPrecondition,
                                  HasSubstr("had checkpoints, and they are not there")));
}

TEST_F(MalformedTest, CheckpointsThatCannotBeWrittenAreToldOnceAndTriedAgain) {
  SqliteLedger::Options options = Options();
  options.path = dir_.Path("second.db");
  options.checkpoints->path = "/dev/full";
  OpenWith(std::move(options));
  Claimed(MakeClaim(1));
  ledger_->RunCheckpoints();
  ledger_->RunCheckpoints();
  EXPECT_EQ(ledger_->stats().checkpoints, 0);
}

TEST_F(MalformedTest, CheckpointsGoToTheSystemsLogAsWell) {
  SqliteLedger::Options options = Options();
  options.checkpoints->syslog = CheckpointOptions::Syslog::kOn;
  options.checkpoints->TakeNames("not asked");
  OpenWith(std::move(options));
  Claimed(MakeClaim(4));
  ledger_->RunCheckpoints();
  EXPECT_EQ(ledger_->stats().checkpoints, 1);
  EXPECT_FALSE(std::filesystem::exists("not asked.checkpoints"));
}

TEST_F(MalformedTest, AVerificationWithoutItsFiles) {
  const auto verify = [&](VerifyOptions options) {
    if (options.path.empty()) options.path = Path();
    return VerifyLedger(options).status();
  };
  EXPECT_THAT(verify({.checkpoints = Checkpoints(), .public_key = "none"}),
              StatusIs(Code::kNotFound, HasSubstr("none")));
  EXPECT_THAT(verify({.checkpoints = "none", .public_key = PublicKey()}),
              StatusIs(Code::kNotFound, HasSubstr("none")));
  EXPECT_THAT(verify({.path = dir_.path()}),
              StatusIs(Code::kInvalidArgument, HasSubstr("is a folder")));
  EXPECT_THAT(verify({.threads = 0, .page_events = 1}), IsOk());
  for (const auto& [sql, code, why] :
       {std::tuple{"PRAGMA user_version = 1", Code::kFailedPrecondition, "schema version 1"},
        std::tuple{"PRAGMA user_version = 999", Code::kFailedPrecondition, "schema version 999"},
        std::tuple{"PRAGMA application_id = 7", Code::kInvalidArgument, "not a ledger"}}) {
    Tampering(Path()).Run(sql);
    EXPECT_THAT(verify({}), StatusIs(code, HasSubstr(why))) << sql;
  }
}

// Writes a key pair of another kind than ours.
void WriteOtherKey(const std::string& path) {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519");
  ASSERT_NE(key, nullptr);
  std::FILE* secret = std::fopen(path.c_str(), "w");
  PEM_write_PrivateKey(secret, key, nullptr, nullptr, 0, nullptr, nullptr);
  (void)std::fclose(secret);
  std::FILE* open = std::fopen((path + ".pub").c_str(), "w");
  PEM_write_PUBKEY(open, key);
  (void)std::fclose(open);
  EVP_PKEY_free(key);
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
}

TEST(SigningKeyTest, KeysOfOtherKindsAreNone) {
  TempDir dir;
  WriteOtherKey(dir.Path("key"));
  EXPECT_THAT(SigningKey::Load(dir.Path("key"), SigningKey::Missing::kRefuse),
              StatusIs(Code::kFailedPrecondition, HasSubstr("holds no Ed25519 private key")));
  EXPECT_THAT(VerifyingKey::Load(dir.Path("key.pub")),
              StatusIs(Code::kInvalidArgument, HasSubstr("no Ed25519 public key")));
}

TEST(SigningKeyTest, SaysWhyItCannotBeMade) {
  TempDir dir;
  EXPECT_FALSE(SigningKey::Load(dir.Path("none/key"), SigningKey::Missing::kCreate).ok());
  ASSERT_TRUE(std::filesystem::create_directory(dir.Path("key.pub")));
  EXPECT_THAT(SigningKey::Load(dir.Path("key"), SigningKey::Missing::kCreate),
              StatusIs(Code::kFailedPrecondition, HasSubstr("key.pub: cannot be written")));
}

TEST(SigningKeyTest, AShorterSignatureIsNone) {
  TempDir dir;
  const auto key = SigningKey::Load(dir.Path("key"), SigningKey::Missing::kCreate);
  ASSERT_THAT(key, IsOk());
  const std::string signature = key->Sign("message");
  EXPECT_TRUE(key->verifying_key().Verifies("message", signature));
  EXPECT_FALSE(key->verifying_key().Verifies("message", signature.substr(1)));
}

TEST_F(MalformedTest, AnAgeClock) {
  for (const char* kept : {"1 2", "x 2 3", "1 x 3", "1 2 x"}) {
    Tampering(Path()).Run(
        absl::StrCat("INSERT OR REPLACE INTO meta VALUES ('age_clock', '", kept, "')"));
    EXPECT_THAT(TryOpen(), StatusIs(Code::kDataLoss, HasSubstr("meta.age_clock is malformed")))
        << kept;
  }
}

TEST(AgeClockTest, BelievesTheWallClockAsLongAsItAgreesAndWhenItHasGoneOn) {
  const absl::Time begin = At(0);
  AgeClock clock{begin, begin, absl::ZeroDuration()};
  clock.GoOn(begin + absl::Hours(1), absl::Hours(1));
  EXPECT_EQ(clock.at, begin + absl::Hours(1));
  // It is set a year ahead.
  const absl::Duration year = absl::Hours(24 * 365);
  clock.GoOn(begin + absl::Hours(2) + year, absl::Hours(1));
  EXPECT_EQ(clock.at, begin + absl::Hours(2));
  EXPECT_EQ(clock.Ahead(), year);
  clock.GoOn(begin + absl::Hours(73) + year, absl::Hours(71));
  EXPECT_EQ(clock.at, begin + absl::Hours(73));
  clock.GoOn(begin + absl::Hours(74) + year, absl::Hours(1));
  EXPECT_EQ(clock.at, begin + absl::Hours(74) + year);
  EXPECT_EQ(clock.Ahead(), absl::ZeroDuration());
}

// What a ledger says of events that were removed, though none were.
TEST_F(MalformedTest, WhatIsSaidOfRemovedEvents) {
  const std::string hash(64, '0');
  const auto verify = [&](const std::string& rows) {
    Tampering file(Path());
    file.Run("DELETE FROM meta WHERE name >= 'pruned_' AND name < 'pruned`'");
    file.Run("INSERT INTO meta VALUES " + rows);
  };
  for (const char* rows : {"('pruned_hash', 'ab')", "('pruned_seq', 'x')", "('pruned_seq', '-1')",
                           "('pruned_calls', 'x')", "('pruned_by', '-5')"}) {
    verify(rows);
    EXPECT_THAT(VerifyLedger({.path = Path()}), StatusIs(Code::kDataLoss, HasSubstr("removed")))
        << rows;
  }
  verify("('pruned_other', 'x')");
  EXPECT_FALSE(VerifyLedger({.path = Path()})->finding.has_value()) << "nobody reads that";
  for (const std::string& rows :
       {absl::StrCat("('pruned_hash', '", hash, "')"), std::string("('pruned_intents', '1')"),
        std::string("('pruned_calls', '1')"), std::string("('pruned_by', '4')"),
        std::string("('pruned_seq', '2'), ('pruned_by', '99')"),
        std::string("('pruned_seq', '2'), ('pruned_by', '1')"),
        std::string("('pruned_seq', '2'), ('pruned_by', '4')")}) {
    verify(rows);
    const auto report = VerifyLedger({.path = Path()});
    ASSERT_THAT(report, IsOk());
    ASSERT_TRUE(report->finding.has_value()) << rows;
    EXPECT_EQ(report->finding->how, "removed") << rows;
  }
}

TEST(ChainBaseTest, AreEqualWhenAllOfThemIs) {
  ChainBase base{.head = {3, {}}, .intent_row = 1, .call_row = 2, .event = 9};
  for (const auto& edit : std::vector<std::function<void(ChainBase&)>>{
           [](ChainBase& b) { b.head.seq = 4; }, [](ChainBase& b) { b.head.hash.bytes[0] = 1; },
           [](ChainBase& b) { b.intent_row = 2; }, [](ChainBase& b) { b.call_row = 3; },
           [](ChainBase& b) { b.event = 8; }}) {
    ChainBase other = base;
    EXPECT_TRUE(base == other);
    edit(other);
    EXPECT_FALSE(base == other);
  }
}

TEST(RowCipherTest, ForAnErasedRowKeepsNothingAndOpensNothing) {
  const RowCipher erased = RowCipher::Erased();
  EXPECT_THAT(erased.Store("identity", "text"), IsOkAndHolds(""));
  EXPECT_THAT(erased.Read("identity", "sealed"), IsOkAndHolds(""));
  EXPECT_FALSE(erased.IsPlain());
}

// Fields of rows that no program of ours can have written.
TEST_F(MalformedTest, AStateOrARole) {
  Tampering(Path()).Run(
      "UPDATE intents SET state = 'LOST' WHERE intent_row = 1;"
      "UPDATE calls SET role = 'other' WHERE call_id = 'call2'");
  OpenWith(Options());
  EXPECT_THAT(Lookup({.tenant = "clinic", .intent_id = "intent1"}),
              StatusIs(Code::kDataLoss, HasSubstr("")));
  EXPECT_THAT(Lookup({.tenant = "clinic", .session_id = "CA1", .tool_call_id = "toolu_2"}),
              StatusIs(Code::kDataLoss, HasSubstr("")));
  EXPECT_FALSE(List({.tenant = "clinic"}).ok());
  EXPECT_FALSE(List({}).ok());
  EXPECT_FALSE(Calls({.tenant = "clinic"}).ok());
  EXPECT_FALSE(Get("intent2").ok());
}

// None of our programs writes one, so nothing is made of it: neither a digest nor a proof.
TEST_F(MalformedTest, AFraction) {
  const std::string kept = dir_.Path("kept");
  for (const auto& [sql, seq, how] :
       {std::tuple{"UPDATE events SET evidence = 0.5 WHERE seq = 4", 4, "edited"},
        std::tuple{"UPDATE events SET evidence = 0.5 WHERE seq > 3", 4, "edited"},
        std::tuple{"UPDATE bodies SET identity = 0.5 WHERE intent_row = 2", 3, "row edited"},
        std::tuple{"UPDATE results SET result = 0.5 WHERE intent_row = 2", 4, "row edited"},
        std::tuple{"UPDATE attempts SET error = 0.5 WHERE intent_row = 2", 4, "row edited"}}) {
    std::filesystem::copy_file(Path(), kept);
    Tampering(Path()).Run(sql);
    const auto report = VerifyLedger({.path = Path()});
    ASSERT_THAT(report, IsOk()) << sql;
    ASSERT_TRUE(report->finding.has_value()) << sql;
    EXPECT_EQ(report->finding->seq, seq) << sql;
    EXPECT_EQ(report->finding->how, how) << sql;
    EXPECT_EQ(MakeProof(OfIntent("intent2")).ok(), how == absl::string_view("row edited")) << sql;
    std::filesystem::rename(kept, Path());
  }
  Tampering(Path()).Run("UPDATE attempts SET error = 0.5 WHERE intent_row = 2");
  SqliteLedger::Options options = Options();
  options.on_fatal = [](const absl::Status&) {};
  OpenWith(std::move(options));
  EXPECT_THAT(Apply(MakeTransition(2, S::kSucceeded, S::kReversed)),
              StatusIs(Code::kDataLoss, HasSubstr("holds a fraction")));
}

TEST_F(MalformedTest, ARowThatWasPutBackOrRemovedBehindItsFirstEvent) {
  OpenWith(Options());
  CallRecord call = MakeClaim(2).call;
  call.intent_row = 2;
  call.disposition = "DONE";
  call.answered_at = At(101);
  Record(std::move(call));  // event 7
  Claimed(MakeClaim(4));
  Close();
  const std::string kept = dir_.Path("kept");
  for (const auto& [sql, from, seq, how] :
       {std::tuple{"UPDATE intents SET last_seq = 1 WHERE intent_row = 2", 1, 3, "row edited"},
        std::tuple{"UPDATE calls SET last_seq = 1 WHERE call_row = 2", 1, 3, "row edited"},
        std::tuple{"DELETE FROM intents WHERE intent_row = 2", 4, 4, "row removed"},
        std::tuple{"DELETE FROM calls WHERE call_row = 2", 7, 7, "row removed"}}) {
    std::filesystem::copy_file(Path(), kept);
    Tampering(Path()).Run(sql);
    const auto report = VerifyLedger({.path = Path(), .from_seq = from});
    ASSERT_THAT(report, IsOk()) << sql;
    ASSERT_TRUE(report->finding.has_value()) << sql;
    EXPECT_EQ(report->finding->seq, seq) << sql << ": " << report->finding->what;
    EXPECT_EQ(report->finding->how, how) << sql;
    std::filesystem::rename(kept, Path());
  }
}

TEST_F(MalformedTest, AStateThatIsClaimedOver) {
  Tampering(Path()).Run("UPDATE intents SET state = 'LOST' WHERE intent_row = 1");
  SqliteLedger::Options options = Options();
  int stops = 0;
  options.on_fatal = [&stops](const absl::Status&) { ++stops; };
  OpenWith(options);
  ClaimRequest again = MakeClaim(1);
  again.intent.generation = 2;
  EXPECT_THAT(Claim(again), StatusIs(Code::kDataLoss, HasSubstr("has an unknown state")));
  EXPECT_EQ(stops, 1);
  Close();
  OpenWith(options);
  EXPECT_THAT(Apply(MakeTransition(1, S::kSucceeded, S::kReversed)),
              StatusIs(Code::kDataLoss, HasSubstr("has an unknown state")));
  EXPECT_EQ(stops, 2);
}

TEST_F(MalformedTest, KeysThatAreMissing) {
  Tampering(Path()).Run("DELETE FROM intent_keys WHERE intent_row = 2");
  OpenWith(Options());
  EXPECT_THAT(Lookup({.tenant = "clinic", .intent_id = "intent2"}),
              StatusIs(Code::kDataLoss, HasSubstr("the key of an intent is missing")));
  Close();
  Tampering(Path()).Run("PRAGMA foreign_keys = OFF; DELETE FROM seal_keys");
  OpenWith(Options());
  EXPECT_THAT(Lookup({.tenant = "clinic", .intent_id = "intent1"}),
              StatusIs(Code::kDataLoss, HasSubstr("a data key of the ledger is missing")));
}

TEST_F(LedgerFixture, WithoutSealingNoKeyIsWrappedAgain) {
  OpenDefault();
  EXPECT_THAT(ledger_->RewrapKeys(), IsOkAndHolds(0));
}

TEST(CallRoleTest, SaysWhichCallsWouldHaveWrittenAgain) {
  for (const CallRole role : {CallRole::kJoined, CallRole::kReplayed, CallRole::kRedelivered,
                              CallRole::kConflict, CallRole::kHeld}) {
    EXPECT_TRUE(IsHeldBack(role)) << ToString(role);
  }
  for (const CallRole role : {CallRole::kUnconfirmed, CallRole::kWithdrawn, CallRole::kOpened,
                              CallRole::kRead, CallRole::kInvalid}) {
    EXPECT_FALSE(IsHeldBack(role)) << ToString(role);
  }
}

}  // namespace
}  // namespace onetake
