#include "runtime/ledger/chained_rows.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr size_t kPartBytes = 1 + Digest::kBytes;

bool HasPart(absl::string_view digests, Part part) { return !FindPart(digests, part).empty(); }

constexpr char kCutOff[] = "cut off";

Finding CutOff(int64_t seq, absl::string_view table, int64_t row) {
  return {seq, kCutOff,
          absl::StrCat("row ", row, " of ", table, " was written with event ", seq,
                       ", which is missing")};
}

// Whether the event is the one that recorded the call; others are about a call that is known
// already.
bool IsFirstOfCall(absl::string_view kind) { return kind != "answered" && kind != "erased"; }

constexpr char kPutBack[] = "has been put back to what it was before this event";

}  // namespace

void ChainedRows::Range::Add(int64_t row) {
  if (!after.has_value()) after = row - 1;
  dense = dense && (begin == 0 || row == last + 1);
  if (begin == 0) begin = row;
  if (first == 0) first = row;
  last = std::max(last, row);
  ++rows;
}

bool ChainedRows::Range::Fits(const Span& span) const {
  return span.first == 0 || !after.has_value() || span.first == std::max<int64_t>(last, 0) + 1;
}

void ChainedRows::Range::Take(const Span& span) {
  if (span.first == 0) return;
  if (begin == 0) begin = span.first;
  after = last = span.last;
}

absl::Status ChainedRows::Prepare(Since since) {
  if (since == Since::kBeginning) {
    intents_.after = calls_.after = 0;
    look_below_first_ = true;
  }
  ONETAKE_RETURN_IF_ERROR(PrepareScans());
  ONETAKE_ASSIGN_OR_RETURN(select_intent_,
                           database_.Prepare("SELECT last_seq, state, i.* FROM intents i"
                                             " WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_attempts_,
      database_.Prepare("SELECT * FROM attempts WHERE intent_row = ?1 ORDER BY number"));
  ONETAKE_ASSIGN_OR_RETURN(select_result_,
                           database_.Prepare("SELECT * FROM results WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_call_, database_.Prepare("SELECT last_seq, c.* FROM calls c WHERE call_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_event_,
      database_.Prepare("SELECT intent_row, call_row, digests FROM events WHERE seq = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_results_,
      database_.Prepare("SELECT digests FROM events WHERE intent_row = ?1 AND length(digests) > ?2"
                        " ORDER BY seq"));
  ONETAKE_ASSIGN_OR_RETURN(select_aged_,
                           database_.Prepare("SELECT 1 FROM events WHERE intent_row = ?1"
                                             " AND call_row IS NULL"
                                             " AND kind IN ('aged', 'erased') LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_attributes_,
      database_.Prepare("SELECT * FROM attributes WHERE call_row = ?1 ORDER BY name"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_erased_call_,
      database_.Prepare("SELECT e.kind = 'erased', c.intent_row FROM calls c"
                        " LEFT JOIN events e ON e.seq = c.last_seq WHERE c.call_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(select_data_key_,
                           database_.Prepare("SELECT 1 FROM seal_keys WHERE key_id = ?1"));
  return PrepareStrays();
}

absl::Status ChainedRows::PrepareScans() {
  ONETAKE_ASSIGN_OR_RETURN(Statement claimed,
                           database_.Prepare("SELECT intent_row, last_seq, tenant, intent_id,"
                                             " generation, tool, session_id, created_at, sealed,"
                                             " settled_at IS NULL FROM intents NOT INDEXED"
                                             " WHERE intent_row >= ?1 ORDER BY intent_row"));
  claimed_.Use(std::move(claimed));
  ONETAKE_ASSIGN_OR_RETURN(Statement bodies,
                           database_.Prepare("SELECT intent_row, request_digest, b.* FROM bodies b"
                                             " WHERE intent_row >= ?1 ORDER BY intent_row"));
  bodies_.Use(std::move(bodies));
  ONETAKE_ASSIGN_OR_RETURN(Statement requests,
                           database_.Prepare("SELECT intent_row, request FROM requests"
                                             " WHERE intent_row >= ?1 ORDER BY intent_row"));
  requests_.Use(std::move(requests));
  ONETAKE_ASSIGN_OR_RETURN(Statement keys,
                           database_.Prepare("SELECT intent_row, key_id, k.* FROM intent_keys k"
                                             " WHERE intent_row >= ?1 ORDER BY intent_row"));
  keys_.Use(std::move(keys));
  ONETAKE_ASSIGN_OR_RETURN(Statement calls,
                           database_.Prepare("SELECT call_row, last_seq, tenant, tool, session_id"
                                             " FROM calls NOT INDEXED"
                                             " WHERE call_row >= ?1 ORDER BY call_row"));
  first_calls_.Use(std::move(calls));
  return absl::OkStatus();
}

absl::Status ChainedRows::PrepareStrays() {
  ONETAKE_ASSIGN_OR_RETURN(count_intents_,
                           database_.Prepare("SELECT count(*) FROM intents NOT INDEXED"
                                             " WHERE intent_row > ?1 AND intent_row <= ?2"));
  ONETAKE_ASSIGN_OR_RETURN(
      find_intent_,
      database_.Prepare(
          "SELECT intent_row, last_seq FROM intents i WHERE intent_row > ?1 AND intent_row <= ?2"
          " AND NOT EXISTS (SELECT 1 FROM events e WHERE e.intent_row = i.intent_row"
          " AND e.kind = 'claimed') LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(count_calls_,
                           database_.Prepare("SELECT count(*) FROM calls NOT INDEXED"
                                             " WHERE call_row > ?1 AND call_row <= ?2"));
  ONETAKE_ASSIGN_OR_RETURN(
      find_call_,
      database_.Prepare(
          "SELECT call_row, last_seq FROM calls c WHERE call_row > ?1 AND call_row <= ?2"
          " AND NOT EXISTS (SELECT 1 FROM events e WHERE e.seq = c.last_seq"
          " AND e.call_row = c.call_row) LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      find_orphan_,
      database_.Prepare(
          "SELECT intent_row FROM bodies b WHERE intent_row > ?1 AND intent_row <= ?2"
          " AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.intent_row = b.intent_row)"
          " UNION ALL "
          "SELECT intent_row FROM requests q WHERE intent_row > ?1 AND intent_row <= ?2"
          " AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.intent_row = q.intent_row)"
          " UNION ALL "
          "SELECT intent_row FROM results r WHERE intent_row > ?1 AND intent_row <= ?2"
          " AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.intent_row = r.intent_row)"
          " UNION ALL "
          "SELECT intent_row FROM attempts a WHERE intent_row > ?1 AND intent_row <= ?2"
          " AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.intent_row = a.intent_row)"
          " UNION ALL "
          "SELECT intent_row FROM intent_keys k WHERE intent_row > ?1 AND intent_row <= ?2"
          " AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.intent_row = k.intent_row)"
          " LIMIT 1"));
#define ONETAKE_BELOW_FIRST(table, key) \
  "SELECT " key ", '" table "' FROM " table " NOT INDEXED WHERE " key " < 1"
  ONETAKE_ASSIGN_OR_RETURN(
      find_below_first_,
      database_.Prepare(ONETAKE_BELOW_FIRST("intents", "intent_row")                    //
                        " UNION ALL " ONETAKE_BELOW_FIRST("calls", "call_row")          //
                        " UNION ALL " ONETAKE_BELOW_FIRST("bodies", "intent_row")       //
                        " UNION ALL " ONETAKE_BELOW_FIRST("requests", "intent_row")     //
                        " UNION ALL " ONETAKE_BELOW_FIRST("results", "intent_row")      //
                        " UNION ALL " ONETAKE_BELOW_FIRST("attempts", "intent_row")     //
                        " UNION ALL " ONETAKE_BELOW_FIRST("intent_keys", "intent_row")  //
                        " UNION ALL " ONETAKE_BELOW_FIRST("attributes", "call_row")     //
                        " LIMIT 1"));
#undef ONETAKE_BELOW_FIRST
  return absl::OkStatus();
}

void ChainedRows::BeginSnapshot(int64_t gone_intents, int64_t gone_calls) {
  CloseScans();
  data_key_.reset();
  expected_intents_.clear();
  expected_calls_.clear();
  gone_intents_ = gone_intents;
  gone_calls_ = gone_calls;
  intents_.last = std::max(intents_.last, gone_intents);
  calls_.last = std::max(calls_.last, gone_calls);
}

void ChainedRows::CloseScans() {
  for (RowScan* scan : {&claimed_, &bodies_, &requests_, &keys_, &first_calls_}) scan->Close();
}

ChainedRows::Found ChainedRows::Check(const ChainedEvent& event) {
  seq_ = event.seq;
  if (event.kind == "altered") {
    const bool of_call = event.call_row.has_value();
    return RowEdited(event.seq, of_call ? "calls" : "intents",
                     event.call_row.value_or(event.intent_row.value_or(0)),
                     "had been changed when the server came back to it");
  }
  const absl::string_view digests = event.digests;
  for (size_t at = 0; at + kPartBytes <= digests.size(); at += kPartBytes) {
    const auto part = static_cast<Part>(digests[at]);
    ONETAKE_ASSIGN_OR_RETURN(std::optional<Finding> found,
                             CheckPart(event, part, digests.substr(at + 1, Digest::kBytes)));
    if (found.has_value()) return found;
  }
  return std::nullopt;
}

ChainedRows::Found ChainedRows::CheckPart(const ChainedEvent& event, Part part,
                                          absl::string_view digest) {
  const bool of_call = part == Part::kCall || part == Part::kAttributes;
  const std::optional<int64_t> row = of_call ? event.call_row : event.intent_row;
  if (row.has_value()) {
    // Where the row's first event is gone, so is the row. A row that this event is the first about
    // is not gone.
    const bool first = of_call ? IsFirstOfCall(event.kind) : event.kind == "claimed";
    if (*row <= (of_call ? gone_calls_ : gone_intents_) && !first) return std::nullopt;
    switch (part) {
      case Part::kIntent: return CheckIntent(event, digest);
      case Part::kBody: return CheckBody(event, digest);
      case Part::kResult: return CheckResult(event, digest);
      case Part::kKey: return std::nullopt;  // checked with the row that says there must be one
      case Part::kCall: return CheckCall(event, digest);
      case Part::kAttributes: return CheckAttributes(event, digest);
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat("event ", event.seq, " was written by a newer program: use that to verify"));
}

ChainedRows::Found ChainedRows::CheckIntent(const ChainedEvent& event, absl::string_view digest) {
  const int64_t row = *event.intent_row;
  if (event.kind == "claimed") {
    ONETAKE_ASSIGN_OR_RETURN(const bool found, claimed_.Find(row));
    if (!found) return RowRemoved(event.seq, "intents", row);
    intents_.Add(row);
    ONETAKE_ASSIGN_OR_RETURN(std::optional<Finding> other, CheckClaim(event, claimed_.row()));
    if (other.has_value()) return other;
    const int64_t last_seq = claimed_.row().Int(1);
    if (last_seq > event.seq) {
      expected_intents_[row] = {last_seq, event.seq};
      return std::nullopt;
    }
  }
  Run run(select_intent_);
  run.Int(1, row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return RowRemoved(event.seq, "intents", row);
  const int64_t last_seq = run.Int(0);
  if (last_seq < event.seq) return RowEdited(event.seq, "intents", row, kPutBack);
  if (last_seq > event.seq) return std::nullopt;
  expected_intents_.erase(row);
  return CheckIntentNow(run, event, digest);
}

ChainedRows::Found ChainedRows::CheckIntentNow(const Run& row, const ChainedEvent& event,
                                               absl::string_view digest) {
  encoding_.Clear();
  encoding_.Begin("intents");
  bool readable = encoding_.Columns(row, 2, intent_names_).ok();
  encoding_.End();
  ONETAKE_RETURN_IF_ERROR(
      Run(select_attempts_).Int(1, *event.intent_row).ForEach([&](const Run& attempt) {
        encoding_.Begin("attempts");
        readable = encoding_.Columns(attempt, 0, attempt_names_).ok() && readable;
        encoding_.End();
        return absl::OkStatus();
      }));
  if (!readable || hasher_.Rows(encoding_).view() != digest) {
    return RowEdited(event.seq, "intents", *event.intent_row,
                     "or one of its attempts is not what was written with this event");
  }
  if (row.Text(1) != event.to_state) {
    return RowEdited(event.seq, "intents", *event.intent_row,
                     "has another state than this event says");
  }
  if (HasPart(event.digests, Part::kResult)) return std::nullopt;
  ONETAKE_ASSIGN_OR_RETURN(const bool has_result, HasResultRow(*event.intent_row));
  if (!has_result) return std::nullopt;
  ONETAKE_ASSIGN_OR_RETURN(const bool recorded, HasResultEvent(*event.intent_row));
  if (recorded) return std::nullopt;
  return Finding{event.seq, "row inserted",
                 absl::StrCat("row ", *event.intent_row, " of results is of no event")};
}

ChainedRows::Found ChainedRows::CheckResult(const ChainedEvent& event, absl::string_view digest) {
  Run run(select_result_);
  run.Int(1, *event.intent_row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return Missing(event, "results");
  encoding_.Clear();
  encoding_.Begin("results");
  const bool readable = encoding_.Columns(run, 0, result_names_).ok();
  encoding_.End();
  if (readable && hasher_.Rows(encoding_).view() == digest) return std::nullopt;
  return RowEdited(event.seq, "results", *event.intent_row, kNotAsWritten);
}

ChainedRows::Found ChainedRows::CheckCall(const ChainedEvent& event, absl::string_view digest) {
  const int64_t row = *event.call_row;
  if (IsFirstOfCall(event.kind)) {
    ONETAKE_ASSIGN_OR_RETURN(const bool found, first_calls_.Find(row));
    if (!found) return RowRemoved(event.seq, "calls", row);
    calls_.Add(row);
    const Run& call = first_calls_.row();
    if (call.Text(2) != event.tenant || call.Text(3) != event.tool ||
        call.Text(4) != event.session_id) {
      return RowEdited(event.seq, "calls", row, "is not the one that was recorded");
    }
    const int64_t last_seq = call.Int(1);
    if (last_seq > event.seq) {
      expected_calls_[row] = {last_seq, event.seq};
      return std::nullopt;
    }
  }
  Run run(select_call_);
  run.Int(1, row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return RowRemoved(event.seq, "calls", row);
  const int64_t last_seq = run.Int(0);
  if (last_seq < event.seq) return RowEdited(event.seq, "calls", row, kPutBack);
  if (last_seq > event.seq) return std::nullopt;
  expected_calls_.erase(row);
  encoding_.Clear();
  encoding_.Begin("calls");
  const bool readable = encoding_.Columns(run, 1, call_names_).ok();
  encoding_.End();
  if (readable && hasher_.Rows(encoding_).view() == digest) return std::nullopt;
  return RowEdited(event.seq, "calls", row, kNotAsWritten);
}

// Without this check a row could be changed at will and name some event that is not about it. Few
// rows are left to check: most events are soon followed by the last one of their row.
absl::Status ChainedRows::CheckExpected(ExpectedRows& rows, Part part) {
  for (const auto& [row, expected] : rows) {
    ONETAKE_RETURN_IF_ERROR(CheckLast(expected, row, part));
  }
  rows.clear();
  return absl::OkStatus();
}

absl::Status ChainedRows::CheckLast(const Expected& expected, int64_t row, Part part) {
  if (suspect_.has_value() && suspect_->seq <= expected.seq) return absl::OkStatus();
  const bool of_call = part == Part::kCall;
  const absl::string_view table = of_call ? "calls" : "intents";
  Run run(select_event_);
  run.Int(1, expected.last_seq);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (found && run.OptionalInt(of_call ? 1 : 0) == row && HasPart(run.Blob(2), part)) {
    return absl::OkStatus();
  }
  suspect_ = {found ? RowEdited(expected.seq, table, row,
                                absl::StrCat("claims to be what event ", expected.last_seq,
                                             " left, which is not so"))
                    : CutOff(expected.last_seq, table, row),
              expected.seq, expected.last_seq};
  return absl::OkStatus();
}

absl::Status ChainedRows::TakeSuspect(Reach reach, std::optional<Finding>& finding) {
  CloseScans();
  ONETAKE_RETURN_IF_ERROR(CheckExpected(expected_intents_, Part::kIntent));
  ONETAKE_RETURN_IF_ERROR(CheckExpected(expected_calls_, Part::kCall));
  if (!suspect_.has_value()) return absl::OkStatus();
  if (finding.has_value()) {
    if (suspect_->last_seq < finding->seq) finding = suspect_->finding;
  } else if (reach == Reach::kEnd || suspect_->last_seq <= seq_) {
    finding = suspect_->finding;
    if (finding->how == kCutOff) finding->seq = seq_ + 1;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ChainedRows::HasResultRow(int64_t intent_row) {
  Run run(select_result_);
  return run.Int(1, intent_row).Step();
}

absl::StatusOr<bool> ChainedRows::HasResultEvent(int64_t intent_row) {
  bool has = false;
  ONETAKE_RETURN_IF_ERROR(Run(select_results_)
                              .Int(1, intent_row)
                              .Int(2, static_cast<int64_t>(kPartBytes))
                              .ForEach([&](const Run& row) {
                                has = has || HasPart(row.Blob(0), Part::kResult);
                                return absl::OkStatus();
                              }));
  return has;
}

ChainedRows::Found ChainedRows::CheckStrays(Reach reach) {
  if (std::exchange(look_below_first_, false)) {
    ONETAKE_ASSIGN_OR_RETURN(std::optional<Finding> below, FindBelowFirst());
    if (below.has_value()) return below;
  }
  ONETAKE_ASSIGN_OR_RETURN(std::optional<Finding> found,
                           CheckRange(intents_, reach, Part::kIntent));
  if (found.has_value()) return found;
  return CheckRange(calls_, reach, Part::kCall);
}

ChainedRows::Found ChainedRows::CheckRange(Range& range, Reach reach, Part part) {
  if (!range.after.has_value()) return std::nullopt;
  const bool of_call = part == Part::kCall;
  const int64_t last = std::max(range.last, *range.after);
  const int64_t up_to = reach == Reach::kEnd ? std::numeric_limits<int64_t>::max() : last;
  {
    Run count(of_call ? count_calls_ : count_intents_);
    ONETAKE_RETURN_IF_ERROR(count.Int(1, *range.after).Int(2, up_to).Step().status());
    if (count.Int(0) > range.rows) return FindStray(*range.after, up_to, part);
  }
  if (!of_call) {
    // Where every row is there, none of their parts can be an orphan.
    const bool all_there = range.first != 0 && range.rows == last - range.first + 1;
    ONETAKE_ASSIGN_OR_RETURN(std::optional<Finding> found,
                             FindOrphan(*range.after, all_there ? range.first - 1 : up_to));
    if (!found.has_value() && all_there) {
      ONETAKE_ASSIGN_OR_RETURN(found, FindOrphan(last, up_to));
    }
    if (found.has_value()) return found;
  }
  range.after = last;
  range.first = 0;
  range.rows = 0;
  return std::nullopt;
}

ChainedRows::Found ChainedRows::FindBelowFirst() {
  Run run(find_below_first_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return std::nullopt;
  return Stray(run.Int(0), run.Text(1));
}

ChainedRows::Found ChainedRows::FindOrphan(int64_t after, int64_t up_to) {
  if (after >= up_to) return std::nullopt;
  Run run(find_orphan_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, after).Int(2, up_to).Step());
  if (!found) return std::nullopt;
  return Stray(run.Int(0), "bodies, requests, results, attempts or intent_keys");
}

std::optional<ChainedRows::Spans> ChainedRows::Dense() const {
  if (suspect_.has_value() || !intents_.dense || !calls_.dense) return std::nullopt;
  return Spans{{intents_.begin, intents_.last}, {calls_.begin, calls_.last}};
}

void ChainedRows::BeginAnew() {
  intents_ = calls_ = Range{};
  suspect_.reset();
}

bool ChainedRows::Take(const Spans& spans, int64_t last_seq) {
  if (suspect_.has_value()) return false;  // only the walk can tell whether it is a finding
  if (!intents_.Fits(spans.intents) || !calls_.Fits(spans.calls)) return false;
  intents_.Take(spans.intents);
  calls_.Take(spans.calls);
  seq_ = last_seq;
  return true;
}

ChainedRows::Found ChainedRows::FindStray(int64_t after, int64_t up_to, Part part) {
  const bool of_call = part == Part::kCall;
  const absl::string_view table = of_call ? "calls" : "intents";
  Run run(of_call ? find_call_ : find_intent_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, after).Int(2, up_to).Step());
  if (!found) return Stray(0, table);
  if (run.Int(1) <= seq_) return Stray(run.Int(0), table);
  Finding cut_off = CutOff(run.Int(1), table, run.Int(0));
  cut_off.seq = seq_ + 1;
  return cut_off;
}

Finding ChainedRows::Stray(int64_t row, absl::string_view table) const {
  return {seq_, "row inserted", absl::StrCat("row ", row, " of ", table, " is of no event")};
}

}  // namespace onetake
