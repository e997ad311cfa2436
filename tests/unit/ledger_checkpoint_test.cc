// Signed checkpoints: that they are made, what makes one wrong, and what they give away that the
// chain alone does not.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/testing/eventually.h"
#include "tests/testing/ledger_fixture.h"
#include "tests/testing/tampering.h"

namespace {
std::atomic<bool> fail_syncs = false;
}  // namespace

// In place of the C library's: what it asks of a disk, and one that is failing.
extern "C" int fdatasync(int fd) {
  if (!fail_syncs) return static_cast<int>(syscall(SYS_fdatasync, fd));
  errno = EIO;
  return -1;
}

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::onetake::testing::Tampering;
using ::onetake::testing::TempDir;
using ::testing::_;
using ::testing::AllOf;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::SizeIs;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteAll(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

TEST(CheckpointTest, IsWhatItsJsonSays) {
  TempDir dir;
  const auto key = SigningKey::Load(dir.Path("key"), SigningKey::Missing::kCreate);
  ASSERT_THAT(key, IsOk());
  const Checkpoint checkpoint = Sign(*key, "0123", {7, ChainHasher().Genesis("0123")}, At(1));
  const auto read = Checkpoint::FromJson(checkpoint.ToJson());
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->ToJson(), checkpoint.ToJson());
  EXPECT_EQ(read->at, "2026-06-21T00:00:01.000000Z");
  const auto public_key = VerifyingKey::Load(dir.Path("key.pub"));
  ASSERT_THAT(public_key, IsOk());
  EXPECT_EQ(public_key->id(), checkpoint.key_id);
  EXPECT_TRUE(public_key->Verifies(read->Message(), read->signature));
}

TEST(CheckpointTest, NoByteOfItMayBeOther) {
  TempDir dir;
  const auto key = SigningKey::Load(dir.Path("key"), SigningKey::Missing::kCreate);
  ASSERT_THAT(key, IsOk());
  const std::string json = Sign(*key, "0123", {7, ChainHasher().Genesis("0123")}, At(1)).ToJson();
  for (size_t i = 0; i < json.size(); ++i) {
    for (const char other : {'0', '1', 'x', '"', ' '}) {
      if (json[i] == other) continue;
      std::string edited = json;
      edited[i] = other;
      const auto read = Checkpoint::FromJson(edited);
      EXPECT_FALSE(read.ok() && read->key_id == key->verifying_key().id() &&
                   key->verifying_key().Verifies(read->Message(), read->signature))
          << edited;
    }
  }
}

TEST(SigningKeyTest, IsMadeOnceAndForItsOwnerOnly) {
  TempDir dir;
  EXPECT_THAT(SigningKey::Load(dir.Path("key"), SigningKey::Missing::kRefuse),
              StatusIs(absl::StatusCode::kNotFound, _));
  const auto made = SigningKey::Load(dir.Path("key"), SigningKey::Missing::kCreate);
  const auto again = SigningKey::Load(dir.Path("key"), SigningKey::Missing::kCreate);
  ASSERT_THAT(made, IsOk());
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(made->verifying_key().id(), again->verifying_key().id());
  struct stat info {};
  ASSERT_EQ(stat(dir.Path("key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  chmod(dir.Path("key").c_str(), 0640);
  EXPECT_THAT(SigningKey::Load(dir.Path("key"), SigningKey::Missing::kCreate),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("chmod 600")));
}

TEST(SigningKeyTest, OtherFilesAreNoKeys) {
  TempDir dir;
  WriteAll(dir.Path("key"), "no key\n");
  chmod(dir.Path("key").c_str(), 0600);
  EXPECT_THAT(SigningKey::Load(dir.Path("key"), SigningKey::Missing::kCreate),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("openssl genpkey")));
  EXPECT_THAT(VerifyingKey::Load(dir.Path("key")), StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_THAT(VerifyingKey::Load(dir.Path("none")), StatusIs(absl::StatusCode::kNotFound, _));
}

class CheckpointedLedgerTest : public LedgerFixture {
 protected:
  SqliteLedger::Options CheckpointedOptions() const {
    SqliteLedger::Options options = DefaultOptions();
    options.checkpoints.emplace();
    options.checkpoints->TakeNames(Path());
    return options;
  }
  // Two events and a checkpoint each time.
  void Session(int n) {
    OpenWith(CheckpointedOptions());
    ASSERT_THAT(Apply(Success(Claimed(MakeClaim(n)), "{}")), IsOk());
    Close();
  }
  std::string File() const { return Path() + ".checkpoints"; }
  std::vector<std::string> Lines() const {
    return absl::StrSplit(ReadAll(File()), '\n', absl::SkipEmpty());
  }
  void SetLines(const std::vector<std::string>& lines) const {
    WriteAll(File(), absl::StrJoin(lines, "\n") + "\n");
  }
  absl::StatusOr<VerifyReport> Verify() const {
    return VerifyLedger(
        {.path = Path(), .checkpoints = File(), .public_key = Path() + ".signing-key.pub"});
  }
  // Of an event that is not there.
  std::string SignedOf(int64_t seq) const {
    const auto key = SigningKey::Load(Path() + ".signing-key", SigningKey::Missing::kRefuse);
    const auto last = Checkpoint::FromJson(Lines().back());
    return Sign(*key, last->instance, {seq, last->head.hash}, At(1)).ToJson();
  }
  static auto Found(int64_t seq, const std::string& how, const std::string& what) {
    return Field(&VerifyReport::finding,
                 Optional(AllOf(Field(&Finding::seq, seq), Field(&Finding::how, how),
                                Field(&Finding::what, HasSubstr(what)))));
  }
};

TEST_F(CheckpointedLedgerTest, IsSignedWhenItIsClosed) {
  for (int n = 1; n <= 3; ++n) Session(n);
  EXPECT_THAT(Lines(), SizeIs(3));
  const auto report = Verify();
  ASSERT_THAT(report, IsOk());
  EXPECT_FALSE(report->finding.has_value()) << report->finding->what;
  EXPECT_EQ(report->checkpoints, 3);
  EXPECT_EQ(report->checkpointed_seq, 6);
  EXPECT_EQ(report->key_id, Checkpoint::FromJson(Lines()[0])->key_id);
}

// How long the downstream has remembered a key is counted from there.
TEST_F(CheckpointedLedgerTest, WhatAnOlderCopyHasLostBeginsAtItsEndAndNotAtItsRecovery) {
  OpenWith(CheckpointedOptions());
  Claimed(MakeClaim(1));  // recovery will have something to write
  Close();
  std::filesystem::copy_file(Path(), Path() + ".older");
  Session(2);
  std::filesystem::rename(Path() + ".older", Path());
  SqliteLedger::Options options = CheckpointedOptions();
  options.restored = RestoredLedger::kAccept;
  OpenWith(std::move(options));
  ASSERT_TRUE(ledger_->restoration().has_value());
  EXPECT_EQ(ledger_->restoration()->lost_since, At(1));
}

// Who owns the file can have it say that what is young was old, and remove it; the checkpoints of
// it, which are elsewhere, tell.
TEST_F(CheckpointedLedgerTest, ARemovalOfWhatWasSignedLatelyIsFound) {
  for (int n = 1; n <= 3; ++n) Session(n);
  const std::vector<std::string> before = Lines();
  OpenWith(CheckpointedOptions());
  const AgeRules at_once{.bodies = absl::ZeroDuration(), .skeletons = absl::ZeroDuration()};
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Await<absl::StatusOr<AgeResult>>(
                    [&](auto done) { ledger_->Age(at_once, clock_.Now(), 100, std::move(done)); }),
                IsOk());
  }
  Close();
  VerifyOptions options{
      .path = Path(), .checkpoints = File(), .public_key = Path() + ".signing-key.pub"};
  EXPECT_THAT(*VerifyLedger(options), Found(2, "removed", "before it had been kept for 52560h"));
  options.kept_for = absl::ZeroDuration();
  const auto report = VerifyLedger(options);
  ASSERT_THAT(report, IsOk());
  EXPECT_FALSE(report->finding.has_value()) << report->finding->what;
  EXPECT_EQ(report->base.head.seq, 4);
  // With those checkpoints nobody goes on with it, either.
  SetLines({before[0], before[1]});
  EXPECT_THAT(SqliteLedger::Open(CheckpointedOptions(), clock_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("was old and removed")));
}

TEST_F(CheckpointedLedgerTest, ARemovalIsNotOlderForBeingDatedLater) {
  for (int n = 1; n <= 3; ++n) Session(n);
  OpenWith(CheckpointedOptions());
  const absl::Time later = clock_.Now() + absl::Hours(24 * 365 * 7);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Await<absl::StatusOr<AgeResult>>(
                    [&](auto done) { ledger_->Age({}, later, 100, std::move(done)); }),
                IsOk());
  }
  Close();
  VerifyOptions options{
      .path = Path(), .checkpoints = File(), .public_key = Path() + ".signing-key.pub"};
  EXPECT_FALSE(VerifyLedger(options)->finding.has_value()) << "a time that has come";
  options.now = clock_.Now();
  EXPECT_THAT(*VerifyLedger(options), Found(2, "removed", "before it had been kept for 52560h"));
}

// A server that was killed signs what it had last when it is back.
TEST_F(CheckpointedLedgerTest, OneThatIsSomeDaysYoungerThanItsEventIsNoSignOfARemoval) {
  Session(1);
  const auto first = Checkpoint::FromJson(Lines()[0]);
  ASSERT_THAT(first, IsOk());
  for (int n = 2; n <= 3; ++n) Session(n);
  OpenWith(CheckpointedOptions());
  const absl::Time later = clock_.Now() + absl::Hours(24 * 365 * 7);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Await<absl::StatusOr<AgeResult>>(
                    [&](auto done) { ledger_->Age({}, later, 100, std::move(done)); }),
                IsOk());
  }
  Close();
  const auto key = SigningKey::Load(Path() + ".signing-key", SigningKey::Missing::kRefuse);
  const auto signed_at = [&](ChainHead head, absl::Duration before) {
    return Sign(*key, first->instance, head, later - before).ToJson();
  };
  const absl::Duration kept_for = AgeRules().skeletons;
  SetLines({signed_at(first->head, kept_for - absl::Hours(3 * 24))});
  EXPECT_FALSE(Verify()->finding.has_value()) << Verify()->finding->what;
  SetLines({signed_at(first->head, kept_for - absl::Hours(8 * 24))});
  EXPECT_THAT(*Verify(), Found(2, "removed", "before it had been kept for 52560h"));
  // The last that is gone: its hash is known.
  ASSERT_EQ(Verify()->base.head.seq, 4);
  SetLines({signed_at({4, first->head.hash}, kept_for)});
  EXPECT_THAT(*Verify(), Found(4, "computed anew", "signs another event"));
}

TEST_F(CheckpointedLedgerTest, IsSignedAfterSoManyEvents) {
  SqliteLedger::Options options = DefaultOptions();
  options.checkpoints.emplace();
  options.checkpoints->TakeNames(Path());
  options.checkpoints->every_events = 4;
  options.checkpoints->every = absl::Hours(1);
  OpenWith(std::move(options));
  for (int n = 1; n <= 4; ++n) Claimed(MakeClaim(n));
  EXPECT_TRUE(testing::Eventually([&] { return ledger_->stats().checkpoints == 1; }));
  EXPECT_EQ(Checkpoint::FromJson(Lines()[0])->head.seq, 4);
}

TEST_F(CheckpointedLedgerTest, IsSignedAfterSomeTime) {
  SqliteLedger::Options options = DefaultOptions();
  options.checkpoints.emplace();
  options.checkpoints->TakeNames(Path());
  options.checkpoints->every = absl::Milliseconds(1);
  OpenWith(std::move(options));
  Claimed(MakeClaim(1));
  EXPECT_TRUE(testing::Eventually([&] { return ledger_->stats().checkpoints == 1; }));
  EXPECT_THAT(Verify(), IsOk());
}

TEST_F(CheckpointedLedgerTest, GivesAwayWhatTheChainAloneDoesNot) {
  for (int n = 1; n <= 3; ++n) Session(n);
  const std::string kept = dir_.Path("kept.db");
  Tampering(Path()).Run("VACUUM INTO '" + kept + "'");
  {
    // Rows and events alike: nothing in the file tells.
    Tampering file(Path());
    file.Run(
        "DELETE FROM results WHERE intent_row = 3; DELETE FROM attempts WHERE intent_row = 3;"
        "DELETE FROM bodies WHERE intent_row = 3; DELETE FROM requests WHERE intent_row = 3; "
        "DELETE FROM calls WHERE intent_row = 3;"
        "DELETE FROM intents WHERE intent_row = 3; DELETE FROM events WHERE intent_row = 3;");
  }
  const auto alone = VerifyLedger({.path = Path()});
  ASSERT_THAT(alone, IsOk());
  EXPECT_FALSE(alone->finding.has_value()) << alone->finding->what;
  const auto report = Verify();
  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(*report, Found(5, "cut off", "signs event 6"));
  // And another third session in its place.
  OpenDefault();
  ASSERT_THAT(Apply(Success(Claimed(MakeClaim(7)), "{}")), IsOk());
  Close();
  EXPECT_THAT(*Verify(), Found(6, "computed anew", "after event 4"));
}

// A file of checkpoints that says when it is read: a pipe.
class SlowLines {
 public:
  explicit SlowLines(const std::string& path) : path_(path) {
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
  }
  ~SlowLines() { Close(); }
  void Open() { fd_ = open(path_.c_str(), O_WRONLY); }  // waits for the reader
  void Give(const std::string& line) {
    const std::string text = line + "\n";
    ASSERT_EQ(write(fd_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  bool TakenAll() const {
    int left = 0;
    return ioctl(fd_, FIONREAD, &left) == 0 && left == 0;
  }

 private:
  const std::string path_;
  int fd_ = -1;
};

// The verification has read the ledger as it was, and then finds a checkpoint of what has been
// written since.
TEST_F(CheckpointedLedgerTest, OneThatIsWrittenBehindTheLastPageIsNoSignOfACut) {
  for (const bool is_cut : {false, true}) {
    const int before = is_cut ? 4 : 1;
    Session(before);
    Session(before + 1);
    const std::vector<std::string> lines = Lines();
    const std::string slow = dir_.Path(is_cut ? "slow2" : "slow1");
    SlowLines file(slow);
    absl::StatusOr<VerifyReport> report;
    std::thread verifier([&] {
      report = VerifyLedger(
          {.path = Path(), .checkpoints = slow, .public_key = Path() + ".signing-key.pub"});
    });
    file.Open();
    file.Give(lines[lines.size() - 2]);
    ASSERT_TRUE(testing::Eventually([&] { return file.TakenAll(); }));
    // It is asked for when the chain has come to the one before: there is one page.
    file.Give(lines.back());
    ASSERT_TRUE(testing::Eventually([&] { return file.TakenAll(); }));
    Session(before + 2);
    file.Give(is_cut ? SignedOf(1000) : Lines().back());
    file.Close();
    verifier.join();
    ASSERT_THAT(report, IsOk());
    if (is_cut) {
      EXPECT_THAT(*report, Found(13, "cut off", "signs event 1000"));
    } else {
      EXPECT_FALSE(report->finding.has_value()) << report->finding->what;
      EXPECT_EQ(report->checkpoints, 3);
      EXPECT_EQ(report->head.seq, 6) << "as far as was signed";
    }
  }
}

TEST_F(CheckpointedLedgerTest, NamesTheCheckpointThatIsWrong) {
  for (int n = 1; n <= 3; ++n) Session(n);
  const std::vector<std::string> lines = Lines();
  const auto edited = [](const std::string& line, const std::string& from, const std::string& to) {
    return absl::StrReplaceAll(line, {{from, to}});
  };
  SetLines({lines[0], edited(lines[1], "\"seq\":4", "\"seq\":3"), lines[2]});
  EXPECT_THAT(*Verify(), Found(3, "checkpoint edited", "checkpoint 2 has a wrong signature"));
  SetLines({lines[0], edited(lines[1], "T", "U"), lines[2]});
  EXPECT_THAT(*Verify(), Found(4, "checkpoint edited", "wrong signature"));
  SetLines({lines[0], "{}", lines[2]});
  EXPECT_THAT(*Verify(), Found(3, "checkpoint edited", "checkpoint 2 is not a checkpoint"));
  SetLines({lines[1], lines[0], lines[2]});
  EXPECT_THAT(*Verify(), Found(2, "checkpoint edited", "not further on"));
  SetLines({lines[0], lines[2]});
  EXPECT_FALSE(Verify()->finding.has_value()) << "one that is missing takes nothing away";
  WriteAll(File(), lines[0] + "\n" + lines[1]);
  EXPECT_EQ(Verify()->checkpoints, 1) << "half a line is none";
  // The chain is wrong before the checkpoint is.
  SetLines({lines[0], edited(lines[1], "\"seq\":4", "\"seq\":6")});
  Tampering(Path()).Run("UPDATE events SET actor = 'x' WHERE seq = 3");
  EXPECT_THAT(*Verify(), Found(3, "edited", ""));
}

TEST_F(CheckpointedLedgerTest, OtherKeysAndOtherLedgersAreNotTakenForIts) {
  Session(1);
  const std::vector<std::string> lines = Lines();
  const auto other = SigningKey::Load(dir_.Path("other"), SigningKey::Missing::kCreate);
  ASSERT_THAT(other, IsOk());
  EXPECT_THAT(
      *VerifyLedger({.path = Path(), .checkpoints = File(), .public_key = dir_.Path("other.pub")}),
      Found(2, "checkpoint edited", "another key"));
  const auto own = SigningKey::Load(Path() + ".signing-key", SigningKey::Missing::kRefuse);
  ASSERT_THAT(own, IsOk());
  SetLines({Sign(*own, "another", Checkpoint::FromJson(lines[0])->head, At(1)).ToJson()});
  EXPECT_THAT(*Verify(), Found(2, "checkpoint edited", "another ledger"));
}

TEST_F(CheckpointedLedgerTest, KeyThatIsLostIsNotReplaced) {
  Session(1);
  std::filesystem::remove(Path() + ".signing-key");
  SqliteLedger::Options options = DefaultOptions();
  options.checkpoints.emplace();
  options.checkpoints->TakeNames(Path());
  EXPECT_THAT(SqliteLedger::Open(std::move(options), clock_).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("restore the key")));
}

// Nobody knows whether it is on disk, and the same head is signed again.
TEST_F(CheckpointedLedgerTest, OneThatCouldNotBeSyncedIsNotThereTwice) {
  Session(1);
  ASSERT_THAT(Lines(), SizeIs(1));
  const auto key = SigningKey::Load(Path() + ".signing-key", SigningKey::Missing::kRefuse);
  const auto first = Checkpoint::FromJson(Lines()[0]);
  ASSERT_THAT(first, IsOk());
  const auto again = [&](int at) { return Sign(*key, first->instance, first->head, At(at)); };
  {
    WriteAll(File(), "");
    const auto file = CheckpointFile::Open(File());
    ASSERT_THAT(file, IsOk());
    fail_syncs = true;
    EXPECT_THAT((*file)->Append(again(1)),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cannot be synced")));
    fail_syncs = false;
    EXPECT_FALSE((*file)->last().has_value());
    EXPECT_THAT((*file)->Append(again(2)), IsOk());
  }
  EXPECT_THAT(Lines(), SizeIs(1));
  EXPECT_FALSE(Verify()->finding.has_value());
  // As files have it that were written before: the same is said twice, and nobody lied.
  SetLines({again(1).ToJson(), again(2).ToJson()});
  EXPECT_FALSE(Verify()->finding.has_value()) << Verify()->finding->what;
  SetLines(
      {again(1).ToJson(),
       Sign(*key, first->instance, {first->head.seq, ChainHasher().Genesis("x")}, At(2)).ToJson()});
  EXPECT_THAT(*Verify(), Found(2, "checkpoint edited", "not further on"));
}

TEST_F(CheckpointedLedgerTest, HalfALineOfACrashIsCutOff) {
  Session(1);
  WriteAll(File(), Lines()[0] + "\n" + Lines()[0].substr(0, 50));
  Session(2);
  EXPECT_THAT(Lines(), SizeIs(2));
  EXPECT_EQ(Verify()->checkpoints, 2);
}

}  // namespace
}  // namespace onetake
