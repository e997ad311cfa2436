#include "runtime/ledger/latency_rows.h"

#include "runtime/base/status.h"
#include "runtime/ledger/rows.h"

namespace onetake {
namespace {

int64_t Us(absl::Duration duration) { return absl::ToInt64Microseconds(duration); }

}  // namespace

absl::StatusOr<std::unique_ptr<LatencyWrites>> LatencyWrites::Prepare(Database& database) {
  auto writes = std::make_unique<LatencyWrites>();
  ONETAKE_ASSIGN_OR_RETURN(
      writes->upsert_,
      database.Prepare(
          "INSERT INTO latencies (tool, downstream, version, samples, censored, p50_us, p95_us,"
          " p99_us, p999_us, updated_at, histogram)"
          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
          " ON CONFLICT (tool, downstream) DO UPDATE SET version = excluded.version,"
          " samples = excluded.samples, censored = excluded.censored, p50_us = excluded.p50_us,"
          " p95_us = excluded.p95_us, p99_us = excluded.p99_us, p999_us = excluded.p999_us,"
          " updated_at = excluded.updated_at, histogram = excluded.histogram"));
  return writes;
}

absl::Status LatencyWrites::Save(const std::vector<LatencyRecord>& records) {
  for (const LatencyRecord& record : records) {
    Run run(upsert_);
    run.Text(1, record.tool)
        .Text(2, record.downstream)
        .Text(3, record.version)
        .Int(4, record.samples)
        .Int(5, record.censored)
        .Int(6, Us(record.p50))
        .Int(7, Us(record.p95))
        .Int(8, Us(record.p99))
        .Int(9, Us(record.p999))
        .Int(10, ToColumn(record.updated_at))
        .Text(11, record.histogram);
    ONETAKE_RETURN_IF_ERROR(run.Finish());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LatencyReads>> LatencyReads::Prepare(Database& database) {
  auto reads = std::make_unique<LatencyReads>();
  ONETAKE_ASSIGN_OR_RETURN(
      reads->select_,
      database.Prepare("SELECT tool, downstream, version, samples, censored, p50_us, p95_us,"
                       " p99_us, p999_us, updated_at, histogram FROM latencies"
                       " ORDER BY updated_at DESC LIMIT ?1"));
  return reads;
}

absl::StatusOr<std::vector<LatencyRecord>> LatencyReads::Load() {
  std::vector<LatencyRecord> records;
  Run run(select_);
  run.Int(1, LatencyStore::kMaxLatencies);
  ONETAKE_RETURN_IF_ERROR(run.ForEach([&](const Run& row) {
    records.push_back({.tool = std::string(row.Text(0)),
                       .downstream = std::string(row.Text(1)),
                       .version = std::string(row.Text(2)),
                       .histogram = std::string(row.Text(10)),
                       .samples = row.Int(3),
                       .censored = row.Int(4),
                       .p50 = absl::Microseconds(row.Int(5)),
                       .p95 = absl::Microseconds(row.Int(6)),
                       .p99 = absl::Microseconds(row.Int(7)),
                       .p999 = absl::Microseconds(row.Int(8)),
                       .updated_at = absl::FromUnixMicros(row.Int(9))});
    return absl::OkStatus();
  }));
  return records;
}

}  // namespace onetake
