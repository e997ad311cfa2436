// The part of ChainedRows about what a generation was claimed with, and what may be gone of it.
#include <optional>
#include <utility>

#include "runtime/base/status.h"
#include "runtime/ledger/chained_rows.h"

namespace onetake {

// The names of a generation never change, whatever else its row goes through.
ChainedRows::Found ChainedRows::CheckClaim(const ChainedEvent& event, const Run& row) {
  const int64_t intent_row = *event.intent_row;
  if (row.Text(2) != event.tenant || row.Text(3) != event.intent_id ||
      row.Int(4) != event.generation || row.Text(5) != event.tool ||
      row.Text(6) != event.session_id || row.Int(7) != event.at) {
    return RowEdited(event.seq, "intents", intent_row, "is not the one that was claimed");
  }
  if (row.Int(8) != 0) return CheckKey(event);
  return std::nullopt;
}

// A sealed generation without its key is erased, which only an event may say.
ChainedRows::Found ChainedRows::CheckKey(const ChainedEvent& event) {
  const int64_t row = *event.intent_row;
  ONETAKE_ASSIGN_OR_RETURN(const bool found, keys_.Find(row));
  if (!found) return Missing(event, "intent_keys");
  const absl::string_view digest = FindPart(event.digests, Part::kKey);
  encoding_.Clear();
  encoding_.Begin("intent_keys");
  const bool readable = encoding_.Columns(keys_.row(), 2, key_names_).ok();
  encoding_.End();
  // Earlier programs recorded no digest of the body.
  if (!readable || (!digest.empty() && hasher_.Rows(encoding_).view() != digest)) {
    return RowEdited(event.seq, "intent_keys", row, kNotAsWritten);
  }
  const int64_t key_id = keys_.row().Int(1);
  if (key_id == data_key_) return std::nullopt;
  Run run(select_data_key_);
  ONETAKE_ASSIGN_OR_RETURN(const bool has_data_key, run.Int(1, key_id).Step());
  if (!has_data_key) return RowRemoved(event.seq, "seal_keys", key_id);
  data_key_ = key_id;
  return std::nullopt;
}

ChainedRows::Found ChainedRows::CheckAttributes(const ChainedEvent& event,
                                                absl::string_view digest) {
  encoding_.Clear();
  bool readable = true;
  bool any = false;
  ONETAKE_RETURN_IF_ERROR(
      Run(select_attributes_).Int(1, *event.call_row).ForEach([&](const Run& row) {
        any = true;
        encoding_.Begin("attributes");
        readable = encoding_.Columns(row, 0, attribute_names_).ok() && readable;
        encoding_.End();
        return absl::OkStatus();
      }));
  if (any && readable && hasher_.Rows(encoding_).view() == digest) return std::nullopt;
  if (!any) {
    ONETAKE_ASSIGN_OR_RETURN(const bool may_lack, MayLackAttributes(*event.call_row));
    if (may_lack) return std::nullopt;
    return RowRemoved(event.seq, "attributes", *event.call_row);
  }
  return RowEdited(event.seq, "attributes", *event.call_row, kNotAsWritten);
}

absl::StatusOr<bool> ChainedRows::MayLackAttributes(int64_t call_row) {
  std::optional<int64_t> intent_row;
  {
    Run run(select_erased_call_);
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, call_row).Step());
    if (!found || run.Int(0) != 0) return found;
    intent_row = run.OptionalInt(1);
  }
  if (!intent_row.has_value()) return false;
  return IsAged(*intent_row);
}

ChainedRows::Found ChainedRows::CheckBody(const ChainedEvent& event, absl::string_view digest) {
  ONETAKE_ASSIGN_OR_RETURN(const bool found, bodies_.Find(*event.intent_row));
  if (!found) return CheckGone(event);
  encoding_.Clear();
  encoding_.Begin("bodies");
  const bool readable = encoding_.Columns(bodies_.row(), 2, body_names_).ok();
  encoding_.End();
  if (!readable || hasher_.Rows(encoding_).view() != digest) {
    return RowEdited(event.seq, "bodies", *event.intent_row, kNotAsWritten);
  }
  return CheckRequest(event, bodies_.row());
}

// If the body is gone, all that belongs to it must be gone, too.
ChainedRows::Found ChainedRows::CheckGone(const ChainedEvent& event) {
  ONETAKE_ASSIGN_OR_RETURN(std::optional<Finding> missing, Missing(event, "bodies"));
  if (missing.has_value()) return missing;
  for (const auto& [scan, table] :
       {std::pair<RowScan*, absl::string_view>{&requests_, "requests"},
        std::pair<RowScan*, absl::string_view>{&keys_, "intent_keys"}}) {
    ONETAKE_ASSIGN_OR_RETURN(const bool found, scan->Find(*event.intent_row));
    if (found) return Stray(*event.intent_row, table);
  }
  return std::nullopt;
}

// The request may be gone once it will not be sent again; as long as it is there, it must be what
// was claimed.
ChainedRows::Found ChainedRows::CheckRequest(const ChainedEvent& event, const Run& body) {
  ONETAKE_ASSIGN_OR_RETURN(const bool found, requests_.Find(*event.intent_row));
  if (!found) {
    ONETAKE_ASSIGN_OR_RETURN(const bool there, claimed_.Find(*event.intent_row));
    if (there && claimed_.row().Int(9) != 0) {
      return RowRemoved(event.seq, "requests", *event.intent_row);
    }
    return std::nullopt;
  }
  if (sha256_.Of({requests_.row().Blob(1)}).view() == body.Blob(1)) return std::nullopt;
  return RowEdited(event.seq, "requests", *event.intent_row, kNotAsWritten);
}

// The finding for a row that is not there, which is right only when an event says so.
ChainedRows::Found ChainedRows::Missing(const ChainedEvent& event, absl::string_view table) {
  ONETAKE_ASSIGN_OR_RETURN(const bool aged, IsAged(*event.intent_row));
  if (aged) return std::nullopt;
  return RowRemoved(event.seq, table, *event.intent_row);
}

absl::StatusOr<bool> ChainedRows::IsAged(int64_t intent_row) {
  Run run(select_aged_);
  return run.Int(1, intent_row).Step();
}

}  // namespace onetake
