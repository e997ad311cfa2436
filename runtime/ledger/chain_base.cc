#include "runtime/ledger/chain_base.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

absl::Status NoBase() {
  return absl::DataLossError("what the ledger says of its removed events cannot be read");
}

}  // namespace

std::string ChainBase::ToEvidence() const {
  return absl::StrCat(R"({"seq":)", head.seq, R"(,"hash":")", head.hash.ToHex(),
                      R"(","intent_row":)", intent_row, R"(,"call_row":)", call_row, "}");
}

absl::StatusOr<ChainBaseReader> ChainBaseReader::Prepare(Database& database) {
  ChainBaseReader reader;
  ChainHasher hasher;
  ONETAKE_ASSIGN_OR_RETURN(reader.genesis_, ReadGenesis(database, hasher));
  ONETAKE_ASSIGN_OR_RETURN(
      reader.select_meta_,
      database.Prepare(
          "SELECT name, value FROM meta WHERE name >= 'pruned_' AND name < 'pruned`'"));
  ONETAKE_ASSIGN_OR_RETURN(reader.select_event_,
                           database.Prepare("SELECT kind, evidence FROM events WHERE seq = ?1"));
  return reader;
}

absl::Status ChainBaseReader::TakeMeta(const Run& run, ChainBase& base) {
  const absl::string_view name = run.Text(0);
  const absl::string_view value = run.Text(1);
  if (name == "pruned_hash") {
    if (value.size() != 2 * Digest::kBytes) return NoBase();
    ONETAKE_ASSIGN_OR_RETURN(base.head.hash, ToDigest(absl::HexStringToBytes(value)));
    return absl::OkStatus();
  }
  int64_t* number = name == "pruned_seq"       ? &base.head.seq
                    : name == "pruned_intents" ? &base.intent_row
                    : name == "pruned_calls"   ? &base.call_row
                    : name == "pruned_by"      ? &base.event
                                               : nullptr;
  if (number == nullptr || (absl::SimpleAtoi(value, number) && *number >= 0)) {
    return absl::OkStatus();
  }
  return NoBase();
}

absl::StatusOr<ChainBase> ChainBaseReader::Read() {
  ChainBase base;
  base.head.hash = genesis_;
  ONETAKE_RETURN_IF_ERROR(
      Run(select_meta_).ForEach([&](const Run& run) { return TakeMeta(run, base); }));
  return base;
}

absl::StatusOr<bool> ChainBaseReader::IsConfirmed(const ChainBase& base) {
  if (base.head.seq == 0) return base == ChainBase{.head = {0, genesis_}};
  Run run(select_event_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, base.event).Step());
  return found && base.event > base.head.seq && run.Text(0) == "pruned" &&
         run.Text(1) == base.ToEvidence();
}

absl::Status WriteChainBase(Database& writer, const ChainBase& base) {
  ONETAKE_ASSIGN_OR_RETURN(Statement set,
                           writer.Prepare("INSERT OR REPLACE INTO meta VALUES (?1, ?2)"));
  const std::pair<absl::string_view, std::string> rows[] = {
      {"pruned_seq", absl::StrCat(base.head.seq)},
      {"pruned_hash", base.head.hash.ToHex()},
      {"pruned_intents", absl::StrCat(base.intent_row)},
      {"pruned_calls", absl::StrCat(base.call_row)},
      {"pruned_by", absl::StrCat(base.event)}};
  for (const auto& [name, value] : rows) {
    ONETAKE_RETURN_IF_ERROR(Run(set).Text(1, name).Text(2, value).Finish());
  }
  return absl::OkStatus();
}

}  // namespace onetake
