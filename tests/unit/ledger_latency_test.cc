#include <gmock/gmock.h>

#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using testing::At;
using ::testing::ElementsAre;
using ::testing::Field;
using testing::IsOk;
using testing::LedgerFixture;

LatencyRecord Row(std::string tool, std::string histogram, int second) {
  return {.tool = std::move(tool),
          .downstream = "https://api.example.com",
          .version = "v1",
          .histogram = std::move(histogram),
          .samples = 120,
          .censored = 3,
          .p50 = absl::Milliseconds(900),
          .p95 = absl::Milliseconds(4200),
          .p99 = absl::Seconds(5),
          .p999 = absl::Seconds(6),
          .updated_at = At(second)};
}

class LedgerLatencyTest : public LedgerFixture {
 protected:
  absl::Status Save(std::vector<LatencyRecord> records) {
    return Await<absl::Status>(
        [&](auto done) { ledger_->SaveLatencies(std::move(records), std::move(done)); });
  }
  std::vector<LatencyRecord> Load() {
    absl::StatusOr<std::vector<LatencyRecord>> records = ledger_->LoadLatencies();
    EXPECT_THAT(records, IsOk());
    return std::move(records).value_or(std::vector<LatencyRecord>{});
  }
};

TEST_F(LedgerLatencyTest, ANewLedgerHasNone) {
  OpenDefault();
  EXPECT_TRUE(Load().empty());
}

TEST_F(LedgerLatencyTest, ARowOutlivesTheProcess) {
  OpenDefault();
  ASSERT_THAT(Save({Row("book", "5:16", 1)}), IsOk());
  Close();
  OpenDefault();
  const std::vector<LatencyRecord> records = Load();
  ASSERT_EQ(records.size(), 1);
  const LatencyRecord& record = records[0];
  EXPECT_EQ(record.tool, "book");
  EXPECT_EQ(record.downstream, "https://api.example.com");
  EXPECT_EQ(record.version, "v1");
  EXPECT_EQ(record.histogram, "5:16");
  EXPECT_EQ(record.samples, 120);
  EXPECT_EQ(record.censored, 3);
  EXPECT_EQ(record.p50, absl::Milliseconds(900));
  EXPECT_EQ(record.p95, absl::Milliseconds(4200));
  EXPECT_EQ(record.p99, absl::Seconds(5));
  EXPECT_EQ(record.p999, absl::Seconds(6));
  EXPECT_EQ(record.updated_at, At(1));
}

TEST_F(LedgerLatencyTest, ThereIsOneRowForAToolAndADownstream) {
  OpenDefault();
  LatencyRecord elsewhere = Row("book", "1:16", 2);
  elsewhere.downstream = "https://other.example.com";
  ASSERT_THAT(Save({Row("book", "5:16", 1), elsewhere, Row("find", "7:16", 3)}), IsOk());
  LatencyRecord newer = Row("book", "6:32", 4);
  newer.version = "v2";
  ASSERT_THAT(Save({newer}), IsOk());
  EXPECT_THAT(Load(), ElementsAre(Field(&LatencyRecord::histogram, "6:32"),
                                  Field(&LatencyRecord::histogram, "7:16"),
                                  Field(&LatencyRecord::histogram, "1:16")));
  EXPECT_EQ(Load()[0].version, "v2");
}

TEST_F(LedgerLatencyTest, WorksWithoutThreadsToo) {
  SqliteLedger::Options options = DefaultOptions();
  options.threading = Threading::kManual;
  OpenWith(options);
  ASSERT_THAT(Save({Row("book", "5:16", 1)}), IsOk());
  EXPECT_EQ(Load().size(), 1);
}

}  // namespace
}  // namespace onetake
