// The chain of events: its encoding, that it goes on whatever happens to the writer, and that a
// verifier finds whatever was changed behind the writer's back.

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <map>

#include "runtime/ledger/chain_verifier.h"
#include "runtime/ledger/event_log.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/testing/fault_vfs.h"
#include "tests/testing/ledger_fixture.h"
#include "tests/testing/tampering.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::EndOf;
using ::onetake::testing::FaultVfs;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::onetake::testing::Tampering;
using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::SizeIs;

using S = IntentState;

// By hand, with Python's hashlib: CHAIN.md, "By hand".
TEST(ChainHasherTest, MakesWhatTheFormatSays) {
  RowEncoding rows;
  rows.Begin("events");
  rows.Int("at", 1'782'000'000'000'000);
  rows.Text("kind", "claimed");
  rows.Int("generation", -2);
  rows.Blob("digests", absl::string_view("\0\xff", 2));
  rows.End();
  ChainHasher hasher;
  const Digest genesis = hasher.Genesis("0123456789abcdef");
  const Digest record = hasher.Rows(rows);
  EXPECT_EQ(genesis.ToHex(), "d9ac61e0c0b5f632f16358783da3256f1a25006dcda3aef52ecc777fe0a57501");
  EXPECT_EQ(record.ToHex(), "c11f579afc5604a0a007dd678482063c6c8350c1e88e468f6eb53f00642ed41e");
  EXPECT_EQ(hasher.Link(1, genesis, record).ToHex(),
            "2d753966a23ab1ff6fda11986f1d4cf98c2d7c921b3b6600bdaf49e6b1eecd46");
}

class ChainTest : public LedgerFixture {
 protected:
  // Every kind of event that a ledger in use has.
  void Fill() { Fill(DefaultOptions()); }
  void Fill(SqliteLedger::Options options) {
    OpenWith(std::move(options));
    const int64_t first = Claimed(MakeClaim(1));
    ASSERT_THAT(Apply(Success(first, R"({"id":7})")), IsOk());
    Record(Answered(MakeClaim(1).call, first));
    CallRecord replay = Answered(MakeClaim(2).call, first);
    replay.role = CallRole::kReplayed;
    Record(replay);
    CallRecord read = Answered(MakeClaim(3).call, 0);
    read.role = CallRole::kRead;
    Record(read);
    const int64_t second = Claimed(MakeClaim(4));
    Transition lost = MakeTransition(second, S::kInFlight, S::kUnknown);
    lost.attempt_end = EndOf(1, "LOST");
    ASSERT_THAT(Apply(std::move(lost)), IsOk());
    ASSERT_THAT(Resolve({.tenant = "clinic",
                         .intent_id = "intent4",
                         .verdict = S::kSucceeded,
                         .by = "dana",
                         .evidence_json = R"({"seen":true})",
                         .result_json = "{}",
                         .at = At(200)}),
                IsOk());
    ASSERT_THAT(RecordLate({.row = second,
                            .says = S::kRejected,
                            .rule = "R16.late",
                            .actor = "engine",
                            .at = At(201)}),
                IsOk());
    Claimed(MakeClaim(5));
    Close();
  }
  static constexpr int64_t kEvents = 10;  // of Fill()

  static CallRecord Answered(CallRecord call, int64_t row) {
    call.intent_row = row;
    call.disposition = "DONE";
    call.answered_at = At(150);
    return call;
  }

  struct Verdict {
    absl::Status status;
    std::optional<Finding> finding;
    int64_t events = 0;
    int64_t head = 0;
  };
  Verdict Verify(int64_t page = 1000, int64_t from_seq = 1) {
    Verdict verdict;
    const auto db = Database::Open({Path(), Database::Access::kReader, ""});
    EXPECT_THAT(db, IsOk());
    const auto verifier = ChainVerifier::Prepare(**db, {.from_seq = from_seq});
    verdict.status = verifier.status();
    if (!verdict.status.ok()) return verdict;
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) more = (*verifier)->Next(page);
    verdict.status = more.status();
    verdict.finding = (*verifier)->finding();
    verdict.events = (*verifier)->events();
    verdict.head = (*verifier)->head().seq;
    return verdict;
  }
  // By several threads, as the command does it.
  Verdict VerifyInParts(int64_t page) {
    const absl::StatusOr<VerifyReport> report =
        VerifyLedger({.path = Path(), .threads = 2, .page_events = page});
    if (!report.ok()) return {report.status(), {}, 0, 0};
    return {absl::OkStatus(), report->finding, report->events, report->head.seq};
  }
  static std::string Text(const Verdict& verdict) {
    const Finding found = verdict.finding.value_or(Finding{});
    return absl::StrCat(verdict.status.ToString(), " ", verdict.events, " ", verdict.head, " ",
                        found.seq, " ", found.how, " ", found.what);
  }
  void ExpectIntact(int64_t events) {
    const Verdict verdict = Verify();
    ASSERT_THAT(verdict.status, IsOk());
    EXPECT_FALSE(verdict.finding.has_value())
        << verdict.finding->seq << " " << verdict.finding->how << " " << verdict.finding->what;
    EXPECT_EQ(verdict.events, events);
    EXPECT_EQ(verdict.head, events);
  }
  static auto Found(int64_t seq, const std::string& how) {
    return Optional(AllOf(Field(&Finding::seq, seq), Field(&Finding::how, how)));
  }
};

TEST_F(ChainTest, IsIntactInPagesOfAnySize) {
  Fill();
  ExpectIntact(kEvents);
  for (const int64_t page : {1, 2, 3, 7, 10, 11}) {
    const Verdict verdict = Verify(page);
    EXPECT_THAT(verdict.status, IsOk());
    EXPECT_FALSE(verdict.finding.has_value()) << page << " " << verdict.finding->what;
    EXPECT_EQ(verdict.events, kEvents);
    EXPECT_EQ(Text(VerifyInParts(page)), Text(verdict)) << page;
  }
}

TEST_F(ChainTest, EmptyLedgerIsIntact) {
  OpenDefault();
  ExpectIntact(0);
  EXPECT_EQ(Text(VerifyInParts(1)), Text(Verify(1)));
}

TEST_F(ChainTest, PartIsTakenOnlyBehindTheEventThatItBeganWith) {
  Fill();
  const auto db = Database::Open({Path(), Database::Access::kReader, ""});
  ASSERT_THAT(db, IsOk());
  const auto walk = ChainVerifier::Prepare(**db, {});
  const auto ahead = ChainVerifier::Prepare(**db, {});
  ASSERT_THAT(walk, IsOk());
  ASSERT_THAT(ahead, IsOk());
  const auto part = [&](int64_t from_seq, int64_t events) {
    const auto found = (*ahead)->VerifyPart(from_seq, events);
    EXPECT_THAT(found, IsOk());
    return found.ok() && found->has_value() ? **found : ChainVerifier::Part{};
  };
  ASSERT_THAT((*walk)->Next(2), IsOkAndHolds(true));
  EXPECT_FALSE((*walk)->Take(part(4, 2)));  // not the next one
  ChainVerifier::Part other = part(3, 4);
  other.before.hash.bytes[0] ^= 1;
  EXPECT_FALSE((*walk)->Take(other));  // of another chain
  other = part(3, 4);
  ++other.rows.calls.first;
  EXPECT_FALSE((*walk)->Take(other));  // leaves a row out
  EXPECT_EQ((*walk)->head().seq, 2);
  EXPECT_TRUE((*walk)->Take(part(3, 4)));
  EXPECT_EQ((*walk)->head().seq, 6);
  EXPECT_EQ((*walk)->HashAt(2), part(3, 1).before.hash);
  EXPECT_EQ((*walk)->HashAt(4), part(3, 2).hashes.back());
  EXPECT_EQ((*walk)->HashAt(1), std::nullopt);
  EXPECT_THAT((*ahead)->VerifyPart(8, 5), IsOkAndHolds(::testing::Eq(std::nullopt)));
  ASSERT_THAT((*walk)->Next(100), IsOkAndHolds(false));
  EXPECT_FALSE((*walk)->finding().has_value());
}

TEST_F(ChainTest, LedgerInUseIsIntact) {
  OpenDefault();
  for (int n = 1; n <= 20; ++n) {
    ASSERT_THAT(Apply(Success(Claimed(MakeClaim(n)), "{}")), IsOk());
    ExpectIntact(2 * n);
  }
}

TEST_F(ChainTest, MayBeVerifiedFromTheMiddle) {
  Fill();
  for (int64_t from = 2; from <= kEvents + 1; ++from) {
    const Verdict verdict = Verify(1000, from);
    EXPECT_THAT(verdict.status, IsOk());
    EXPECT_FALSE(verdict.finding.has_value()) << from << " " << verdict.finding->what;
    EXPECT_EQ(verdict.events, kEvents - from + 1);
  }
  EXPECT_THAT(Verify(1000, kEvents + 2).status, StatusIs(absl::StatusCode::kNotFound, _));
}

TEST_F(ChainTest, GoesOnAfterAReopen) {
  Fill();
  OpenDefault();
  Claimed(MakeClaim(9));
  ExpectIntact(kEvents + 1);
}

TEST_F(ChainTest, GoesOnAfterABatchWasRolledBack) {
  SqliteLedger::Options options = DefaultOptions();
  options.threading = Threading::kManual;
  OpenWith(std::move(options));
  std::vector<bool> granted;
  const auto queue = [&](ClaimRequest request) {
    ledger_->Claim(std::move(request), [&](const absl::StatusOr<ClaimResult>& result) {
      granted.push_back(result.ok());
    });
  };
  ClaimRequest broken = MakeClaim(2);
  broken.call.call_id = "call1";  // used twice: fails when the intent is already written
  queue(MakeClaim(1));
  queue(broken);
  queue(MakeClaim(3));
  ledger_->RunPending();
  EXPECT_THAT(granted, ElementsAre(true, false, true));
  ExpectIntact(2);
}

TEST_F(ChainTest, GoesOnAfterADiskWasFull) {
  FaultVfs vfs;
  SqliteLedger::Options options = DefaultOptions();
  options.vfs = vfs.name();
  OpenWith(std::move(options));
  Claimed(MakeClaim(1));
  vfs.Arm({.operation = FaultVfs::Operation::kWrite, .code = SQLITE_FULL});
  EXPECT_FALSE(Claim(MakeClaim(2)).ok());
  vfs.Clear();
  Claimed(MakeClaim(3));
  Close();
  ExpectIntact(2);
}

TEST_F(ChainTest, CallsThatWereShedAreOnRecord) {
  SqliteLedger::Options options = DefaultOptions();
  options.threading = Threading::kManual;
  options.write_queue = 1;
  OpenWith(std::move(options));
  for (int n = 1; n <= 4; ++n) ledger_->RecordCall(MakeClaim(n).call);
  while (ledger_->RunPending()) {
  }
  ledger_->RecordCall(MakeClaim(5).call);
  while (ledger_->RunPending()) {
  }
  const auto events = Events();
  ASSERT_THAT(events, IsOkAndHolds(SizeIs(1))) << "calls themselves are not listed";
  EXPECT_EQ(events->front().kind, "shed");
  EXPECT_EQ(events->front().evidence_json, R"({"calls":3})");
  EXPECT_EQ(events->front().tenant, "clinic");
  EXPECT_EQ(events->front().at, At(4));
  ExpectIntact(3);
}

// SQL expressions that change one column of one row: each of its bytes, or its value.
std::vector<std::string> EditsOf(Tampering& file, const std::string& name,
                                 const std::string& of_row) {
  const std::string type = file.Text(absl::StrCat("SELECT typeof(", name, ")", of_row));
  if (type == "null") return {name == "result_ref" ? "''" : "0"};
  if (type == "integer") return {absl::StrCat(name, " + 1000")};
  const std::string blob = absl::StrCat("CAST(", name, " AS BLOB)");
  const int bytes = std::stoi(file.Text(absl::StrCat("SELECT length(", blob, ")", of_row)));
  std::vector<std::string> edits = {absl::StrCat("CAST(", blob, " || x'00' AS ", type, ")")};
  for (int i = 1; i <= bytes; ++i) {
    edits.push_back(absl::StrCat("CAST(substr(", blob, ", 1, ", i - 1, ") || CASE substr(", blob,
                                 ", ", i, ", 1) WHEN x'21' THEN x'23' ELSE x'21' END || substr(",
                                 blob, ", ", i + 1, ") AS ", type, ")"));
  }
  return edits;
}

class EveryByteTest : public ChainTest, public ::testing::WithParamInterface<RowKeys::NewRows> {};

TEST_P(EveryByteTest, IsHeld) {
  Fill(GetParam() == RowKeys::NewRows::kSealed ? SealedOptions() : DefaultOptions());
  Tampering file(Path());
  const auto db = Database::Open({Path(), Database::Access::kReader, ""});
  ASSERT_THAT(db, IsOk());
  int changes = 0;
  const auto expect_found = [&](const std::string& change) {
    file.Run(change);
    const auto verifier = ChainVerifier::Prepare(**db, {});
    absl::Status status = verifier.status();
    if (status.ok()) status = (*verifier)->Next(1000).status();
    EXPECT_TRUE(!status.ok() || (*verifier)->finding().has_value()) << change << " went unseen";
    ++changes;
  };
  const std::map<std::string, std::string> tables = {
      {"events", "seq"},          {"intents", "intent_row"},    {"bodies", "intent_row"},
      {"results", "intent_row"},  {"attempts", "intent_row"},   {"calls", "call_row"},
      {"requests", "intent_row"}, {"intent_keys", "intent_row"}};
  for (const auto& [table, key] : tables) {
    const std::string restore =
        absl::StrCat("DELETE FROM ", table, "; INSERT INTO ", table, " SELECT * FROM kept");
    file.Run(absl::StrCat("CREATE TABLE kept AS SELECT * FROM ", table));
    for (const std::string& row : file.Texts(absl::StrCat("SELECT ", key, " FROM ", table))) {
      const std::string where = absl::StrCat(" WHERE ", key, " = ", row);
      // A request that will not be sent again may be gone.
      const bool may_go = table == "requests";
      if (!may_go) expect_found(absl::StrCat("DELETE FROM ", table, where));
      file.Run(restore);
      for (const std::string& name :
           file.Texts(absl::StrCat("SELECT name FROM pragma_table_info('", table, "')"))) {
        if (may_go && name != "request") continue;
        for (const std::string& edit : EditsOf(file, name, absl::StrCat(" FROM ", table, where))) {
          expect_found(absl::StrCat("UPDATE ", table, " SET ", name, " = ", edit, where));
          file.Run(restore);
        }
      }
    }
    file.Run("DROP TABLE kept");
  }
  EXPECT_GT(changes, 2000);
  ExpectIntact(kEvents);
}

INSTANTIATE_TEST_SUITE_P(Rows, EveryByteTest,
                         ::testing::Values(RowKeys::NewRows::kPlain, RowKeys::NewRows::kSealed),
                         [](const auto& info) {
                           return info.param == RowKeys::NewRows::kSealed ? "Sealed" : "Plain";
                         });

TEST_F(ChainTest, NeedsNoKeyOfWhatIsSealed) {
  Fill(SealedOptions());
  ExpectIntact(kEvents);
}

TEST_F(ChainTest, OutlivesAnotherMasterKey) {
  Fill(SealedOptions());
  SqliteLedger::Options options = SealedOptions();
  options.key_ring = MakeKeyRing({"master key two, 32 bytes or more", kMasterKey});
  OpenWith(std::move(options));
  EXPECT_THAT(ledger_->RewrapKeys(), IsOkAndHolds(1));
  Close();
  ExpectIntact(kEvents);
}

TEST_F(ChainTest, NamesWhatHappenedToAnEvent) {
  struct Case {
    std::string sql;
    int64_t seq;
    std::string how;
  };
  const std::string swap =
      "UPDATE events SET seq = -3 WHERE seq = 3; UPDATE events SET seq = 3 WHERE seq = 4;"
      "UPDATE events SET seq = 4 WHERE seq = -3;";
  const std::string shift_up =
      "UPDATE events SET seq = -seq WHERE seq > 5; UPDATE events SET seq = 1 - seq WHERE seq < 0;";
  const std::string shift_down =
      "UPDATE events SET seq = -seq WHERE seq > 5; UPDATE events SET seq = -seq - 1 WHERE seq < 0;";
  const std::string copy =
      "INSERT INTO events SELECT 6, at, tenant, intent_row, call_row, intent_id, generation, tool,"
      " session_id, kind, from_state, to_state, rule, actor, evidence, digests, hash FROM events"
      " WHERE seq = 5;";
  const Case cases[] = {
      {"UPDATE events SET actor = 'dana' WHERE seq = 3", 3, "edited"},
      {"UPDATE events SET hash = zeroblob(32) WHERE seq = 3", 3, "edited"},
      {"UPDATE events SET hash = x'73' WHERE seq = 10", 10, "edited"},
      {"UPDATE events SET at = at + 1 WHERE seq >= 10", 10, "edited"},
      {"UPDATE meta SET value = 'other' WHERE name = 'instance_id'", 1, "edited"},
      {"DELETE FROM events WHERE seq = 5", 5, "removed"},
      {"DELETE FROM events WHERE seq BETWEEN 1 AND 3", 1, "removed"},
      {"DELETE FROM events WHERE seq = 5;" + shift_down, 5, "removed"},
      {"DELETE FROM events WHERE seq = 10", 10, "cut off"},
      {"DELETE FROM events WHERE seq > 4", 5, "cut off"},
      {shift_up + copy, 6, "inserted"},
      {swap, 3, "reordered"},
      {"UPDATE results SET result = '[]' WHERE intent_row = 1", 2, "row edited"},
      {"UPDATE requests SET request = x'00' WHERE intent_row = 2", 6, "row edited"},
      {"UPDATE attempts SET failure = '' WHERE intent_row = 2", 9, "row edited"},
      {"UPDATE intents SET state = 'REJECTED' WHERE intent_row = 1", 2, "row edited"},
      {"UPDATE intents SET last_seq = 9 WHERE intent_row = 1", 1, "row edited"},
      {"UPDATE calls SET role = 'opened' WHERE role = 'replayed'", 4, "row edited"},
      {"UPDATE calls SET last_seq = 9 WHERE role = 'replayed'", 4, "row edited"},
      {"DELETE FROM calls WHERE role = 'replayed'", 4, "row removed"},
      {"DELETE FROM bodies WHERE intent_row = 1", 1, "row removed"},
      {"DELETE FROM intents WHERE intent_row = 1", 1, "row removed"},
      {"INSERT INTO results VALUES (3, '{}')", 10, "row inserted"},
      {"INSERT INTO results VALUES (30, '{}')", 10, "row inserted"},
      {"INSERT INTO requests VALUES (30, x'00', 0)", 10, "row inserted"},
      {"INSERT INTO results VALUES (-3, '{}')", 10, "row inserted"},
      {"INSERT INTO attempts (intent_row, number, started_at) VALUES (0, 1, 1)", 10,
       "row inserted"},
  };
  Fill();
  ExpectIntact(kEvents);
  const std::string kept = dir_.Path("kept.db");
  Tampering(Path()).Run("VACUUM INTO '" + kept + "'");
  for (const Case& test : cases) {
    std::filesystem::remove(Path());
    std::filesystem::remove(Path() + "-wal");
    std::filesystem::copy_file(kept, Path());
    Tampering(Path()).Run(test.sql);
    const Verdict verdict = Verify();
    EXPECT_THAT(verdict.status, IsOk()) << test.sql;
    EXPECT_THAT(verdict.finding, Found(test.seq, test.how))
        << test.sql << ": " << (verdict.finding ? verdict.finding->what : "nothing");
    for (const int64_t page : {1, 2, 3, 4}) {
      EXPECT_EQ(Text(VerifyInParts(page)), Text(Verify(page))) << test.sql << " by " << page;
    }
  }
}

TEST_F(ChainTest, RowsOfNoEventAreFoundAmongThoseThatAre) {
  Fill();
  {
    Tampering file(Path());
    file.Run(
        "CREATE TABLE copy AS SELECT * FROM calls WHERE call_row = 2;"
        "UPDATE copy SET call_row = 70, call_id = 'planted', tool_call_id = ''; INSERT INTO calls "
        "SELECT * FROM"
        " copy; DROP TABLE copy");
  }
  OpenDefault();
  Record(MakeClaim(6).call);
  EXPECT_THAT(Verify(3).finding, Found(kEvents + 1, "row inserted"));
  EXPECT_EQ(Text(VerifyInParts(3)), Text(Verify(3)));
}

TEST_F(ChainTest, IsVerifiedForAuditorsAPartAtATime) {
  Fill();
  OpenDefault();
  const auto part = [&](int64_t from_seq, int64_t max_events) {
    return Await<absl::StatusOr<ChainPage>>([&](auto done) {
      ledger_->VerifyChain(from_seq, max_events,
                           [done](absl::StatusOr<ChainPage> page) mutable { done(page); });
    });
  };
  const auto first = part(1, 4);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->events, 4);
  EXPECT_EQ(first->head.seq, 4);
  EXPECT_FALSE(first->at_end);
  const auto rest = part(5, 1000);
  ASSERT_THAT(rest, IsOk());
  EXPECT_EQ(rest->head.seq, kEvents);
  EXPECT_TRUE(rest->at_end);
  EXPECT_THAT(part(kEvents + 2, 1), StatusIs(absl::StatusCode::kNotFound, _));
  Tampering(Path()).Run("UPDATE events SET rule = '' WHERE seq = 6");
  const auto bad = part(5, 1000);
  ASSERT_THAT(bad, IsOk());
  EXPECT_THAT(bad->finding, Found(6, "edited"));
  EXPECT_EQ(bad->head.seq, 5);
  EXPECT_FALSE(bad->at_end);
}

TEST_F(ChainTest, RowThatAnEventSaysHasAgedMayBeGone) {
  Fill();
  {
    Tampering file(Path());
    for (const char* table : {"bodies", "requests", "results"}) {
      file.Run(absl::StrCat("DELETE FROM ", table, " WHERE intent_row = 1"));
    }
  }
  EXPECT_THAT(Verify().finding, Found(1, "row removed"));
  {
    const auto db = Database::Open({Path(), Database::Access::kWriter, ""});
    ASSERT_THAT(db, IsOk());
    const auto log = EventLog::Prepare(**db);
    ASSERT_THAT(log, IsOk());
    EXPECT_THAT((*log)->Append({.row = 1,
                                .at = At(300),
                                .kind = "aged",
                                .from = "SUCCEEDED",
                                .to = "SUCCEEDED",
                                .rule = "retention.bodies",
                                .actor = "retention",
                                .evidence = ""}),
                IsOkAndHolds(kEvents + 1));
  }
  ExpectIntact(kEvents + 1);
}

}  // namespace
}  // namespace onetake
