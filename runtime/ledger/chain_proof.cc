#include "runtime/ledger/chain_proof.h"

#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/chain.h"
#include "runtime/ledger/chain_base.h"
#include "runtime/ledger/checkpoint_file.h"
#include "runtime/store/database.h"
#include "runtime/store/transaction.h"

namespace onetake {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "onetake.ledger.proof.1";
constexpr int kProofDepth = 8;

class Maker {
 public:
  explicit Maker(const ProofRequest& request) : request_(request) {}

  absl::StatusOr<std::string> Make() {
    ONETAKE_ASSIGN_OR_RETURN(const std::string path, ResolveDatabasePath(request_.path));
    ONETAKE_ASSIGN_OR_RETURN(database_, Database::Open({path, Database::Access::kReader, ""}));
    ONETAKE_ASSIGN_OR_RETURN(const Transaction snapshot,
                             Transaction::Begin(*database_, Transaction::Kind::kRead));
    ONETAKE_ASSIGN_OR_RETURN(
        instance_, database_->QueryText("SELECT value FROM meta WHERE name = 'instance_id'"));
    ONETAKE_RETURN_IF_ERROR(FindSlice());
    ONETAKE_ASSIGN_OR_RETURN(const Checkpoint checkpoint, FindCheckpoint());
    if (checkpoint.head.seq - *slice_.begin() >= kMaxProofEvents) {
      return absl::OutOfRangeError(absl::StrCat(
          "the events lie too far apart: at most ", kMaxProofEvents,
          " may be between the first of them and the checkpoint behind the last; prove them in "
          "pieces, with --from and --to"));
    }
    ONETAKE_ASSIGN_OR_RETURN(const ChainHead before, Before(*slice_.begin()));
    ONETAKE_ASSIGN_OR_RETURN(Json events, Walk(before, checkpoint.head));
    return Json({{"proof", kFormat},
                 {"before", {{"seq", before.seq}, {"hash", before.hash.ToHex()}}},
                 {"events", std::move(events)},
                 {"checkpoint", Json::parse(checkpoint.ToJson())}})
        .dump(1);
  }

 private:
  absl::Status FindSlice() {
    ONETAKE_ASSIGN_OR_RETURN(
        Statement select,
        database_->Prepare(
            "SELECT seq FROM events WHERE ?1 != '' AND seq > " ONETAKE_PRUNED_SEQ
            " AND intent_row IN"
            " (SELECT intent_row FROM intents WHERE intent_id = ?1)"
            " UNION ALL SELECT seq FROM events WHERE ?1 = '' AND seq BETWEEN ?2 AND ?3"));
    ONETAKE_RETURN_IF_ERROR(Run(select)
                                .Text(1, request_.intent_id)
                                .Int(2, request_.from_seq)
                                .Int(3, request_.to_seq)
                                .ForEach([this](const Run& row) {
                                  slice_.insert(row.Int(0));
                                  return absl::OkStatus();
                                }));
    return slice_.empty() ? absl::NotFoundError("the ledger has no such events") : absl::OkStatus();
  }

  // Finds the first checkpoint that signs the whole slice.
  absl::StatusOr<Checkpoint> FindCheckpoint() const {
    ONETAKE_ASSIGN_OR_RETURN(const VerifyingKey key, VerifyingKey::Load(request_.public_key));
    ONETAKE_ASSIGN_OR_RETURN(const std::unique_ptr<CheckpointReader> reader,
                             CheckpointReader::Open(request_.checkpoints));
    const int64_t last = *slice_.rbegin();
    for (;;) {
      ONETAKE_ASSIGN_OR_RETURN(const std::optional<Checkpoint> next, reader->Next());
      if (!next.has_value()) {
        return absl::FailedPreconditionError(
            absl::StrCat("no checkpoint signs event ", last,
                         " yet: one is made now and then, and when onetaked is stopped"));
      }
      if (next->head.seq >= last && next->instance == instance_ &&
          key.Verifies(next->Message(), next->signature)) {
        return *next;
      }
    }
  }

  absl::StatusOr<ChainHead> Before(int64_t first) {
    ONETAKE_ASSIGN_OR_RETURN(ChainBaseReader reader, ChainBaseReader::Prepare(*database_));
    ONETAKE_ASSIGN_OR_RETURN(const ChainBase base, reader.Read());
    if (first - 1 == base.head.seq) return base.head;
    ONETAKE_ASSIGN_OR_RETURN(Statement select,
                             database_->Prepare("SELECT hash FROM events WHERE seq = ?1"));
    Run run(select);
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, first - 1).Step());
    if (!found) return NotIntact();
    ONETAKE_ASSIGN_OR_RETURN(const Digest hash, ToDigest(run.Blob(0)));
    return ChainHead{first - 1, hash};
  }

  absl::StatusOr<Json> Walk(ChainHead head, const ChainHead& end) {
    Json events = Json::array();
    ColumnNames names;
    ONETAKE_ASSIGN_OR_RETURN(Statement select,
                             database_->Prepare("SELECT seq, " ONETAKE_RECORD_COLUMNS
                                                " FROM events WHERE seq > ?1 AND seq <= ?2"
                                                " ORDER BY seq"));
    ONETAKE_RETURN_IF_ERROR(
        Run(select).Int(1, head.seq).Int(2, end.seq).ForEach([&](const Run& row) -> absl::Status {
          if (row.Int(0) != head.seq + 1) return NotIntact();
          encoding_.Clear();
          encoding_.Begin("events");
          ONETAKE_RETURN_IF_ERROR(encoding_.Columns(row, 1, names));
          encoding_.End();
          const Digest record = hasher_.Rows(encoding_);
          head = {head.seq + 1, hasher_.Link(head.seq + 1, head.hash, record)};
          if (slice_.contains(head.seq)) {
            events.push_back({{"record", absl::Base64Escape(encoding_.bytes())}});
          } else {
            events.push_back({{"digest", record.ToHex()}});
          }
          return absl::OkStatus();
        }));
    if (head.seq != end.seq || !(head.hash == end.hash)) return NotIntact();
    return events;
  }

  static absl::Status NotIntact() {
    return absl::DataLossError(
        "the ledger is not what its checkpoint signs: onetake ledger verify says where");
  }

  const ProofRequest& request_;
  std::unique_ptr<Database> database_;
  std::string instance_;
  std::set<int64_t> slice_;
  ChainHasher hasher_;
  RowEncoding encoding_;
};

absl::Status NoProof(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("is no proof of a ledger: ", what));
}

absl::StatusOr<Digest> HexDigest(const Json& node) {
  if (!node.is_string()) return NoProof("a hash is no text");
  const std::string hex = node.get<std::string>();
  if (hex.size() != 2 * Digest::kBytes) return NoProof("a hash has not 64 digits");
  return ToDigest(absl::HexStringToBytes(hex));
}

// The digest of one step of the proof; adds the event to `proof` when the step shows it.
absl::StatusOr<Digest> Step(const Json& step, int64_t seq, ChainHasher& hasher, Proof& proof) {
  if (!step.is_object() || step.size() != 1) return NoProof("an event is neither shown nor hashed");
  if (step.contains("digest")) return HexDigest(step["digest"]);
  std::string record;
  if (!step.contains("record") || !step["record"].is_string() ||
      !absl::Base64Unescape(step["record"].get<std::string>(), &record)) {
    return NoProof("a record is not base64");
  }
  ONETAKE_ASSIGN_OR_RETURN(EncodedRow row, DecodeRow(record));
  if (row.table != "events") return NoProof("a record is not of an event");
  proof.events.push_back({seq, std::move(row.columns)});
  return hasher.Rows(record);
}

// Bounds the depth of the text: it comes from somebody else, and whatever copies or prints a nested
// value recurses.
absl::StatusOr<Json> ParseProof(absl::string_view json) {
  bool too_deep = false;
  const auto keep = [&](int depth, Json::parse_event_t /*event*/, Json& /*value*/) {
    too_deep = too_deep || depth > kProofDepth;
    return !too_deep;
  };
  Json parsed = Json::parse(json.begin(), json.end(), keep, /*allow_exceptions=*/false);
  if (too_deep) return NoProof(absl::StrCat("it is nested deeper than ", kProofDepth, " levels"));
  return parsed;
}

}  // namespace

absl::StatusOr<std::string> MakeProof(const ProofRequest& request) { return Maker(request).Make(); }

absl::StatusOr<Proof> CheckProof(absl::string_view json, const VerifyingKey& key) {
  ONETAKE_ASSIGN_OR_RETURN(const Json parsed, ParseProof(json));
  if (!parsed.is_object() || parsed.value("proof", Json()) != kFormat) {
    return NoProof(absl::StrCat("its field proof is not ", kFormat));
  }
  const Json before = parsed.value("before", Json());
  const Json events = parsed.value("events", Json());
  if (!before.is_object() || !before.value("seq", Json()).is_number_integer() ||
      !events.is_array() || !parsed.contains("checkpoint")) {
    return NoProof("before, events or checkpoint is missing");
  }
  Proof proof;
  ONETAKE_ASSIGN_OR_RETURN(proof.checkpoint, Checkpoint::FromJson(parsed["checkpoint"].dump()));
  ChainHead head{before["seq"].get<int64_t>(), {}};
  if (head.seq < 0 || head.seq > std::numeric_limits<int64_t>::max() - kMaxProofEvents ||
      events.size() > static_cast<size_t>(kMaxProofEvents)) {
    return NoProof("before.seq or the number of events is out of range");
  }
  ONETAKE_ASSIGN_OR_RETURN(head.hash, HexDigest(before.value("hash", Json())));
  ChainHasher hasher;
  for (const Json& step : events) {
    ONETAKE_ASSIGN_OR_RETURN(const Digest record, Step(step, head.seq + 1, hasher, proof));
    head = {head.seq + 1, hasher.Link(head.seq + 1, head.hash, record)};
  }
  if (!key.Verifies(proof.checkpoint.Message(), proof.checkpoint.signature)) {
    return absl::DataLossError("the checkpoint was not signed with this key");
  }
  if (head.seq != proof.checkpoint.head.seq || !(head.hash == proof.checkpoint.head.hash)) {
    return absl::DataLossError("the events do not lead to what the checkpoint signs");
  }
  return proof;
}

}  // namespace onetake
