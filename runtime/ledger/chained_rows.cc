#include "runtime/ledger/chained_rows.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr size_t kPartBytes = 1 + Digest::kBytes;

bool HasPart(absl::string_view digests, Part part) {
  for (size_t at = 0; at + kPartBytes <= digests.size(); at += kPartBytes) {
    if (digests[at] == static_cast<char>(part)) return true;
  }
  return false;
}

Finding RowEdited(int64_t seq, absl::string_view table, int64_t row, absl::string_view what) {
  return {seq, "row edited", absl::StrCat("row ", row, " of ", table, " ", what)};
}

constexpr char kCutOff[] = "cut off";

Finding CutOff(int64_t seq, absl::string_view table, int64_t row) {
  return {seq, kCutOff,
          absl::StrCat("row ", row, " of ", table, " was written with event ", seq,
                       ", which is missing")};
}

constexpr char kNotAsWritten[] = "is not what was written with this event";
constexpr char kPutBack[] = "has been put back to what it was before this event";

}  // namespace

void ChainedRows::Range::Add(int64_t row) {
  if (!after.has_value()) after = row - 1;
  last = std::max(last, row);
  ++rows;
}

absl::Status ChainedRows::Prepare(Since since) {
  if (since == Since::kBeginning) {
    intents_.after = calls_.after = std::numeric_limits<int64_t>::min();
  }
  ONETAKE_ASSIGN_OR_RETURN(select_intent_,
                           database_.Prepare("SELECT last_seq, state, EXISTS (SELECT 1 FROM results"
                                             " r WHERE r.intent_row = i.intent_row), i.*"
                                             " FROM intents i WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_attempts_,
      database_.Prepare("SELECT * FROM attempts WHERE intent_row = ?1 ORDER BY number"));
  ONETAKE_ASSIGN_OR_RETURN(select_body_,
                           database_.Prepare("SELECT * FROM bodies WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_request_,
      database_.Prepare("SELECT q.request, b.request_digest FROM requests q"
                        " JOIN bodies b USING (intent_row) WHERE q.intent_row = ?1"));
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
                                             " AND kind IN ('aged', 'erased') LIMIT 1"));
  return PrepareStrays();
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
          " LIMIT 1"));
  return absl::OkStatus();
}

ChainedRows::Found ChainedRows::Check(const ChainedEvent& event) {
  seq_ = event.seq;
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
  const bool of_call = part == Part::kCall;
  if (of_call ? event.call_row.has_value() : event.intent_row.has_value()) {
    switch (part) {
      case Part::kIntent: return CheckIntent(event, digest);
      case Part::kBody:
      case Part::kResult: return CheckStored(event, part, digest);
      case Part::kCall: return CheckCall(event, digest);
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat("event ", event.seq, " was written by a newer program: use that to verify"));
}

ChainedRows::Found ChainedRows::CheckIntent(const ChainedEvent& event, absl::string_view digest) {
  Run run(select_intent_);
  run.Int(1, *event.intent_row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) {
    ONETAKE_ASSIGN_OR_RETURN(const bool aged, IsAged(*event.intent_row));
    if (aged) return std::nullopt;
    return Finding{event.seq, "row removed",
                   absl::StrCat("row ", *event.intent_row, " of intents is missing")};
  }
  const bool claimed = event.kind == "claimed";
  if (claimed) intents_.Add(*event.intent_row);
  const int64_t last_seq = run.Int(0);
  if (last_seq < event.seq) return RowEdited(event.seq, "intents", *event.intent_row, kPutBack);
  if (last_seq == event.seq) return CheckIntentNow(run, event, digest);
  if (claimed) ONETAKE_RETURN_IF_ERROR(CheckLast(event, Part::kIntent, last_seq));
  return std::nullopt;
}

ChainedRows::Found ChainedRows::CheckIntentNow(const Run& row, const ChainedEvent& event,
                                               absl::string_view digest) {
  encoding_.Clear();
  encoding_.Begin("intents");
  bool readable = encoding_.Columns(row, 3).ok();
  encoding_.End();
  ONETAKE_RETURN_IF_ERROR(
      Run(select_attempts_).Int(1, *event.intent_row).ForEach([&](const Run& attempt) {
        encoding_.Begin("attempts");
        readable = encoding_.Columns(attempt, 0).ok() && readable;
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
  if (row.Int(2) == 0 || HasPart(event.digests, Part::kResult)) return std::nullopt;
  ONETAKE_ASSIGN_OR_RETURN(const bool recorded, HasResultEvent(*event.intent_row));
  if (recorded) return std::nullopt;
  return Finding{event.seq, "row inserted",
                 absl::StrCat("row ", *event.intent_row, " of results is of no event")};
}

ChainedRows::Found ChainedRows::CheckStored(const ChainedEvent& event, Part part,
                                            absl::string_view digest) {
  const absl::string_view table = part == Part::kBody ? "bodies" : "results";
  Run run(part == Part::kBody ? select_body_ : select_result_);
  run.Int(1, *event.intent_row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) {
    ONETAKE_ASSIGN_OR_RETURN(const bool aged, IsAged(*event.intent_row));
    if (aged) return std::nullopt;
    return Finding{event.seq, "row removed",
                   absl::StrCat("row ", *event.intent_row, " of ", table, " is missing")};
  }
  encoding_.Clear();
  encoding_.Begin(table);
  const bool readable = encoding_.Columns(run, 0).ok();
  encoding_.End();
  if (!readable || hasher_.Rows(encoding_).view() != digest) {
    return RowEdited(event.seq, table, *event.intent_row, kNotAsWritten);
  }
  if (part == Part::kBody) return CheckRequest(event);
  return std::nullopt;
}

// It may be gone, when it will not be sent again; while it is there, it is what was claimed.
ChainedRows::Found ChainedRows::CheckRequest(const ChainedEvent& event) {
  Run run(select_request_);
  run.Int(1, *event.intent_row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found || sha256_.Of({run.Blob(0)}).view() == run.Blob(1)) return std::nullopt;
  return RowEdited(event.seq, "requests", *event.intent_row, kNotAsWritten);
}

ChainedRows::Found ChainedRows::CheckCall(const ChainedEvent& event, absl::string_view digest) {
  Run run(select_call_);
  run.Int(1, *event.call_row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) {
    return Finding{event.seq, "row removed",
                   absl::StrCat("row ", *event.call_row, " of calls is missing")};
  }
  const bool first = event.kind != "answered";
  if (first) calls_.Add(*event.call_row);
  const int64_t last_seq = run.Int(0);
  if (last_seq < event.seq) return RowEdited(event.seq, "calls", *event.call_row, kPutBack);
  if (last_seq > event.seq) {
    if (first) ONETAKE_RETURN_IF_ERROR(CheckLast(event, Part::kCall, last_seq));
    return std::nullopt;
  }
  encoding_.Clear();
  encoding_.Begin("calls");
  const bool readable = encoding_.Columns(run, 1).ok();
  encoding_.End();
  if (readable && hasher_.Rows(encoding_).view() == digest) return std::nullopt;
  return RowEdited(event.seq, "calls", *event.call_row, kNotAsWritten);
}

// Otherwise a row could be changed at will and name some event that is not about it.
absl::Status ChainedRows::CheckLast(const ChainedEvent& event, Part part, int64_t last_seq) {
  if (suspect_.has_value()) return absl::OkStatus();
  const bool of_call = part == Part::kCall;
  const absl::string_view table = of_call ? "calls" : "intents";
  const int64_t row = of_call ? *event.call_row : *event.intent_row;
  Run run(select_event_);
  run.Int(1, last_seq);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (found && run.OptionalInt(of_call ? 1 : 0) == row && HasPart(run.Blob(2), part)) {
    return absl::OkStatus();
  }
  suspect_ = {found ? RowEdited(event.seq, table, row,
                                absl::StrCat("claims to be what event ", last_seq,
                                             " left, which is not so"))
                    : CutOff(last_seq, table, row),
              last_seq};
  return absl::OkStatus();
}

void ChainedRows::TakeSuspect(Reach reach, std::optional<Finding>& finding) const {
  if (!suspect_.has_value()) return;
  if (finding.has_value()) {
    if (suspect_->last_seq < finding->seq) finding = suspect_->finding;
  } else if (reach == Reach::kEnd || suspect_->last_seq <= seq_) {
    finding = suspect_->finding;
    if (finding->how == kCutOff) finding->seq = seq_ + 1;
  }
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

absl::StatusOr<bool> ChainedRows::IsAged(int64_t intent_row) {
  Run run(select_aged_);
  return run.Int(1, intent_row).Step();
}

ChainedRows::Found ChainedRows::CheckStrays(Reach reach) {
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
    Run orphan(find_orphan_);
    ONETAKE_ASSIGN_OR_RETURN(const bool found, orphan.Int(1, *range.after).Int(2, up_to).Step());
    if (found) return Stray(orphan.Int(0), "bodies, requests, results or attempts");
  }
  range.after = last;
  range.rows = 0;
  return std::nullopt;
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
