// What survives: a close, a full disk, a dying disk, a second process, another version.

#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>

#include <cerrno>
#include <filesystem>
#include <thread>

#include "runtime/ledger/checkpointer.h"
#include "runtime/ledger/schema.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/testing/fault_vfs.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::FaultVfs;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::testing::_;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::SizeIs;

using S = IntentState;

class DurabilityTest : public LedgerFixture {
 protected:
  // Before the files that it still writes to.
  ~DurabilityTest() override { ledger_.reset(); }

  // A test is told of a fatal failure instead of dying of it.
  SqliteLedger::Options FaultyOptions(Threading threading) {
    SqliteLedger::Options options = DefaultOptions();
    options.threading = threading;
    options.vfs = vfs_.name();
    options.on_fatal = [this](const absl::Status& status) {
      ++fatal_;
      why_ = status;
    };
    return options;
  }
  absl::Status OpenStatus() { return SqliteLedger::Open(DefaultOptions(), clock_).status(); }
  // As somebody with the sqlite3 shell.
  absl::Status Tamper(const char* sql) {
    sqlite3* db = nullptr;
    sqlite3_open(Path().c_str(), &db);
    char* message = nullptr;
    sqlite3_exec(db, sql, nullptr, nullptr, &message);
    const absl::Status status = message == nullptr ? absl::OkStatus() : absl::AbortedError(message);
    sqlite3_free(message);
    sqlite3_close(db);
    return status;
  }

  FaultVfs vfs_;
  int fatal_ = 0;
  absl::Status why_;
};

TEST_F(DurabilityTest, EverythingIsThereAfterAReopen) {
  OpenDefault();
  const int64_t row = Claimed(MakeClaim(1));
  ASSERT_THAT(Apply(Success(row, R"({"id":7})")), IsOk());
  Claimed(MakeClaim(2));
  Close();
  EXPECT_FALSE(std::filesystem::exists(Path() + "-wal")) << "a clean close leaves one file";
  OpenDefault();
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
  EXPECT_THAT(Latest("intent1")->result_json, Optional(std::string(R"({"id":7})")));
  EXPECT_EQ(Latest("intent2")->state, S::kInFlight);
  EXPECT_EQ(Claimed(MakeClaim(3)), row + 2);
  EXPECT_EQ(Events()->back().seq, 4);
}

TEST_F(DurabilityTest, KeepsItsInstanceAndCountsItsStarts) {
  OpenDefault();
  Close();
  const auto meta = [&](const char* name) {
    auto db = Database::Open({Path(), Database::Access::kReader, ""});
    return absl::string_view(name) == "opened"
               ? (*db)->QueryText("SELECT value FROM meta WHERE name = 'opened'")
               : (*db)->QueryText("SELECT value FROM meta WHERE name = 'instance_id'");
  };
  const absl::StatusOr<std::string> instance = meta("instance_id");
  ASSERT_THAT(instance, IsOkAndHolds(SizeIs(32)));
  EXPECT_THAT(meta("opened"), IsOkAndHolds("1"));
  OpenDefault();
  Close();
  EXPECT_THAT(meta("instance_id"), IsOkAndHolds(*instance));
  EXPECT_THAT(meta("opened"), IsOkAndHolds("2"));
}

TEST_F(DurabilityTest, SecondOpenIsRefused) {
  OpenDefault();
  EXPECT_THAT(OpenStatus(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("another process"), HasSubstr("has the ledger open"),
                             HasSubstr("ledger.db.lock"))));
  Close();
  EXPECT_THAT(OpenStatus(), IsOk());
}

TEST_F(DurabilityTest, NewerSchemaIsRefused) {
  OpenDefault();
  Close();
  ASSERT_THAT(Tamper("PRAGMA user_version = 99"), IsOk());
  EXPECT_THAT(OpenStatus(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     AllOf(HasSubstr("ledger.db"), HasSubstr("version 99"),
                                           HasSubstr("start a newer program"))));
}

TEST_F(DurabilityTest, SomebodyElsesDatabaseIsRefused) {
  ASSERT_THAT(Tamper("CREATE TABLE theirs (x)"), IsOk());
  EXPECT_THAT(OpenStatus(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another program")));
}

TEST_F(DurabilityTest, MigratesAnEmptyFile) {
  ASSERT_THAT(Tamper("VACUUM"), IsOk());
  OpenDefault();
  auto db = Database::Open({Path(), Database::Access::kReader, ""});
  ASSERT_THAT(db, IsOk());
  EXPECT_THAT((*db)->QueryInt("PRAGMA user_version"),
              IsOkAndHolds(LedgerMigrations().back().version));
  EXPECT_THAT((*db)->QueryInt("PRAGMA application_id"), IsOkAndHolds(kLedgerApplicationId));
  EXPECT_THAT((*db)->QueryText("PRAGMA integrity_check"), IsOkAndHolds("ok"));
}

TEST_F(DurabilityTest, RecordsCannotBeRewritten) {
  OpenDefault();
  ASSERT_THAT(Apply(Success(Claimed(MakeClaim(1)), "{}")), IsOk());
  Claimed(MakeClaim(2));
  Close();
  const char* const attempts[] = {
      "UPDATE events SET kind = 'x'",
      "DELETE FROM events WHERE seq = 1",
      "UPDATE results SET result = 'x'",
      "UPDATE bodies SET request = x'00'",
      "UPDATE intents SET state = 'NONSENSE' WHERE intent_id = 'intent2'",
      "UPDATE intents SET state = 'SUCCEEDED' WHERE intent_id = 'intent2'",
      "DELETE FROM intents WHERE intent_id = 'intent2'",
  };
  for (const char* sql : attempts) EXPECT_FALSE(Tamper(sql).ok()) << sql;
  OpenDefault();
  EXPECT_THAT(Events(), IsOkAndHolds(SizeIs(3)));
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
}

// A guard on what every write does would cost too much.
TEST_F(DurabilityTest, WhatTheSchemaDoesNotRefuseIsFound) {
  constexpr char kRest[] =
      ", at + 1, tenant, intent_row, call_row, intent_id, generation, tool, session_id, kind,"
      " from_state, to_state, rule, actor, evidence, digests, hash FROM events WHERE seq = 1";
  const std::string attempts[] = {
      absl::StrCat("INSERT OR REPLACE INTO events SELECT seq", kRest),
      absl::StrCat("INSERT INTO events SELECT seq + 100", kRest),
      "UPDATE intents SET state = 'REJECTED' WHERE intent_id = 'intent1'",
  };
  for (const std::string& sql : attempts) {
    OpenDefault();
    ASSERT_THAT(Apply(Success(Claimed(MakeClaim(1)), "{}")), IsOk());
    Close();
    EXPECT_FALSE(VerifyLedger({.path = Path()})->finding.has_value());
    ASSERT_THAT(Tamper(sql.c_str()), IsOk());
    EXPECT_TRUE(VerifyLedger({.path = Path()})->finding.has_value()) << sql;
    std::filesystem::remove(Path());
  }
}

class NoRoomTest : public DurabilityTest, public ::testing::WithParamInterface<FaultVfs::Fault> {};
INSTANTIATE_TEST_SUITE_P(Reasons, NoRoomTest,
                         ::testing::Values(FaultVfs::Fault{.code = SQLITE_FULL},
                                           FaultVfs::Fault{.code = SQLITE_IOERR_WRITE,
                                                           .system_error = EDQUOT}));

TEST_P(NoRoomTest, ShedsAndRecovers) {
  OpenWith(FaultyOptions(Threading::kThreads));
  const int64_t row = Claimed(MakeClaim(1));
  vfs_.Arm(GetParam());
  EXPECT_THAT(Claim(MakeClaim(2)), StatusIs(absl::StatusCode::kResourceExhausted, _));
  EXPECT_THAT(Apply(Success(row, "{}")), StatusIs(absl::StatusCode::kResourceExhausted, _));
  EXPECT_EQ(Latest("intent1")->state, S::kInFlight) << "reads go on";
  EXPECT_FALSE(Latest("intent2").has_value());
  EXPECT_TRUE(ledger_->stats().writer.disk_full);
  vfs_.Clear();
  EXPECT_THAT(Apply(Success(row, "{}")), IsOk());
  EXPECT_FALSE(ledger_->stats().writer.disk_full);
  EXPECT_GT(Claimed(MakeClaim(2)), 0);
  EXPECT_EQ(fatal_, 0);
  EXPECT_EQ(Events()->back().seq, 3) << "the numbers have no gap";
}

TEST_F(DurabilityTest, FullDiskRefusesTheWholeBatch) {
  OpenWith(FaultyOptions(Threading::kManual));
  const int64_t row = Claimed(MakeClaim(1));
  vfs_.Arm({.operation = FaultVfs::Operation::kWrite, .code = SQLITE_FULL});
  std::vector<absl::Status> answers;
  ledger_->Claim(MakeClaim(2), [&](auto result) { answers.push_back(result.status()); });
  ledger_->Claim(MakeClaim(1), [&](auto result) { answers.push_back(result.status()); });
  ledger_->Apply(MakeTransition(row, S::kUnknown, S::kSucceeded),
                 [&](const absl::StatusOr<Applied>& done) { answers.push_back(done.status()); });
  ledger_->RunPending();
  ASSERT_THAT(answers, SizeIs(3));
  for (const absl::Status& answer : answers) {
    EXPECT_THAT(answer, StatusIs(absl::StatusCode::kResourceExhausted, _));
  }
}

// What was to age in it is still the oldest.
TEST_F(DurabilityTest, FullDiskPassesNothingOverThatWasToAge) {
  OpenWith(FaultyOptions(Threading::kManual));
  for (int n = 1; n <= 2; ++n) ASSERT_THAT(Apply(Success(Claimed(MakeClaim(n)), "{}")), IsOk());
  const auto age_one = [this] {
    return Await<absl::StatusOr<AgeResult>>([&](auto done) {
             ledger_->Age({}, At(100) + absl::Hours(24 * 365), 1, std::move(done));
           })
        .status();
  };
  vfs_.Arm({.operation = FaultVfs::Operation::kWrite, .code = SQLITE_FULL});
  ASSERT_THAT(age_one(), StatusIs(absl::StatusCode::kResourceExhausted, _));
  vfs_.Clear();
  ASSERT_THAT(age_one(), IsOk());
  EXPECT_EQ(Latest("intent1")->bodies, Bodies::kAged);
}

class DyingDiskTest : public DurabilityTest,
                      public ::testing::WithParamInterface<FaultVfs::Fault> {};

TEST_P(DyingDiskTest, NobodyIsToldSuccess) {
  OpenWith(FaultyOptions(Threading::kThreads));
  const int64_t row = Claimed(MakeClaim(1));
  vfs_.Arm(GetParam());
  EXPECT_FALSE(Apply(Success(row, "{}")).ok());
  EXPECT_FALSE(Claim(MakeClaim(2)).ok()) << "it stays stopped";
  EXPECT_FALSE(ledger_->MarkCrashed(clock_.Now()).ok());
  vfs_.Clear();
  EXPECT_FALSE(Claim(MakeClaim(3)).ok()) << "even when the disk seems well again";
  Close();
  EXPECT_EQ(fatal_, 1);
  EXPECT_THAT(why_, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("the ledger has stopped")));
  // The next start reads what is there; either outcome of the failed commit is a truth.
  OpenDefault();
  EXPECT_TRUE(Latest("intent1").has_value());
  EXPECT_FALSE(Latest("intent3").has_value());
  EXPECT_GT(Claimed(MakeClaim(4)), 0);
}

INSTANTIATE_TEST_SUITE_P(Faults, DyingDiskTest,
                         ::testing::Values(FaultVfs::Fault{.operation = FaultVfs::Operation::kWrite,
                                                           .file = FaultVfs::File::kWal,
                                                           .code = SQLITE_IOERR_WRITE,
                                                           .times = FaultVfs::Times::kOnce},
                                           FaultVfs::Fault{.operation = FaultVfs::Operation::kWrite,
                                                           .file = FaultVfs::File::kWal,
                                                           .skip = 3,
                                                           .code = SQLITE_IOERR_WRITE,
                                                           .torn_bytes = 100},
                                           FaultVfs::Fault{.operation = FaultVfs::Operation::kSync,
                                                           .file = FaultVfs::File::kWal,
                                                           .code = SQLITE_IOERR_FSYNC,
                                                           .times = FaultVfs::Times::kOnce}),
                         [](const auto& info) {
                           return info.param.operation == FaultVfs::Operation::kSync ? "Sync"
                                  : info.param.torn_bytes > 0                        ? "TornWrite"
                                                                                     : "FirstWrite";
                         });

TEST_F(DurabilityTest, CountsEverySync) {
  SqliteLedger::Options options = FaultyOptions(Threading::kManual);
  options.checkpoints.emplace().TakeNames(Path());
  OpenWith(std::move(options));
  const auto synced = [this] {
    return vfs_.Count(FaultVfs::Operation::kSync, FaultVfs::File::kAny);
  };
  const int64_t opening = synced() - ledger_->stats().syncs;
  for (int n = 0; n < 200; ++n) ASSERT_THAT(Claim(MakeClaim(n)), IsOk());
  EXPECT_EQ(ledger_->stats().syncs, synced() - opening);
  EXPECT_GT(ledger_->stats().syncs, 200 + 2) << "a checkpoint, too";
  ledger_->RunIdle();
  ledger_->RunCheckpoints();
  ASSERT_EQ(ledger_->stats().checkpoints, 1);
  EXPECT_EQ(ledger_->stats().syncs, synced() - opening + 1) << "the signature is no file of SQLite";
}

TEST_F(DurabilityTest, FailedCheckpointIsFatal) {
  OpenWith(FaultyOptions(Threading::kManual));
  vfs_.Arm({.operation = FaultVfs::Operation::kSync,
            .file = FaultVfs::File::kDatabase,
            .code = SQLITE_IOERR_FSYNC});
  int n = 0;
  while (fatal_ == 0 && n < 1000) Claim(MakeClaim(n++)).IgnoreError();
  EXPECT_EQ(fatal_, 1);
  EXPECT_FALSE(Claim(MakeClaim(n)).ok());
  Close();
  vfs_.Clear();
  OpenDefault();
  EXPECT_EQ(Events()->size(), static_cast<size_t>(n)) << "every answered claim is in the WAL";
}

TEST_P(NoRoomTest, ACheckpointLosesNothing) {
  OpenWith(FaultyOptions(Threading::kManual));
  FaultVfs::Fault fault = GetParam();
  fault.file = FaultVfs::File::kDatabase;
  vfs_.Arm(fault);
  int n = 0;
  for (; vfs_.Failures() == 0 && n < 2000; ++n) Claimed(MakeClaim(n));
  Claimed(MakeClaim(n++));
  EXPECT_GT(vfs_.Failures(), 0);
  EXPECT_EQ(fatal_, 0);
  vfs_.Clear();
  EXPECT_THAT(Events(), IsOkAndHolds(SizeIs(n)));
}

TEST_F(DurabilityTest, AnotherWriterIsFatal) {
  OpenWith(FaultyOptions(Threading::kManual));
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(Path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_FALSE(Claim(MakeClaim(1)).ok());
  EXPECT_EQ(fatal_, 1);
  sqlite3_close(other);
}

TEST_F(DurabilityTest, ReadingAuditorIsNotFatal) {
  OpenWith(FaultyOptions(Threading::kManual));
  Claimed(MakeClaim(1));
  sqlite3* auditor = nullptr;
  ASSERT_EQ(sqlite3_open_v2(Path().c_str(), &auditor, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(auditor, "BEGIN; SELECT * FROM v_intents", nullptr, nullptr, nullptr),
            SQLITE_OK);
  for (int n = 2; n < 200; ++n) Claimed(MakeClaim(n));
  EXPECT_EQ(fatal_, 0);
  sqlite3_close(auditor);
}

TEST_F(DurabilityTest, WalIsEmptiedWhenIdle) {
  SqliteLedger::Options options = DefaultOptions();
  options.idle_before_truncate = absl::Milliseconds(1);
  OpenWith(std::move(options));
  Claimed(MakeClaim(1));
  const absl::Time end = clock_.Now() + absl::Seconds(20);
  while (std::filesystem::file_size(Path() + "-wal") > 0 && clock_.Now() < end) {
    std::this_thread::yield();
  }
  EXPECT_EQ(std::filesystem::file_size(Path() + "-wal"), 0u);
  EXPECT_TRUE(Latest("intent1").has_value());
}

TEST_F(DurabilityTest, WalStaysBoundedUnderLoad) {
  OpenWith(FaultyOptions(Threading::kManual));
  constexpr auto kBound =
      static_cast<uintmax_t>(2 * Checkpointer::kPassiveFrames * Database::kWalFrameBytes);
  uintmax_t written = 0;  // at least, as its frames
  for (int n = 0; written < 2 * kBound; ++n, written += 5 * Database::kWalFrameBytes) {
    Claimed(MakeClaim(n));
    ASSERT_LT(std::filesystem::file_size(Path() + "-wal"), kBound);
  }
}

using DurabilityDeathTest = DurabilityTest;

TEST_F(DurabilityDeathTest, StopsTheProcessByDefault) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        SqliteLedger::Options options = DefaultOptions();
        options.vfs = vfs_.name();
        options.threading = Threading::kManual;
        OpenWith(std::move(options));
        vfs_.Arm({.operation = FaultVfs::Operation::kSync, .code = SQLITE_IOERR_FSYNC});
        Claim(MakeClaim(1)).IgnoreError();
      },
      ::testing::KilledBySignal(SIGABRT), "ledger.failed");
}

// What is written to a file without a name is gone when it is closed.
TEST_F(DurabilityTest, AFileThatIsGoneIsNotWrittenTo) {
  for (const char* gone : {"", "-wal"}) {
    absl::Status fatal;
    SqliteLedger::Options options = DefaultOptions();
    options.on_fatal = [&fatal](const absl::Status& status) { fatal = status; };
    OpenWith(std::move(options));
    Claimed(MakeClaim(1));
    const std::string away = absl::StrCat(Path(), gone, ".away");
    ASSERT_EQ(std::rename(absl::StrCat(Path(), gone).c_str(), away.c_str()), 0);
    EXPECT_THAT(Claim(MakeClaim(2)), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("was moved")));
    EXPECT_THAT(fatal, StatusIs(absl::StatusCode::kDataLoss, HasSubstr(Path())));
    Close();
    for (const char* rest : {"", "-wal", "-shm", ".away", "-wal.away"}) {
      std::remove(absl::StrCat(Path(), rest).c_str());
    }
  }
}

}  // namespace
}  // namespace onetake
