// What is read back from disk or from somebody else's hands: rows of the chain, checkpoints,
// proofs, sealed values, rendered requests, histograms.
#include <filesystem>
#include <fstream>

#include "runtime/latency/histogram.h"
#include "runtime/ledger/chain_checkpoint.h"
#include "runtime/ledger/chain_proof.h"
#include "runtime/ledger/checkpoint_file.h"
#include "runtime/ledger/row_encoding.h"
#include "runtime/ledger/signing_key.h"
#include "runtime/seal/aead.h"
#include "tests/fuzz/fuzz.h"
#include "tests/testing/temp_dir.h"
#include "tools/http/render.h"
#include "tools/mcp/json_rpc.h"
#include "tools/mcp/mcp_call.h"

namespace {

constexpr char kPublicKey[] = R"(-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAvZKfqEWw8nSTeHH9YViazPXAVqMie+eRlNdl8g5BVFo=
-----END PUBLIC KEY-----
)";

// A file of checkpoints that a crash or somebody has been at.
void ReadCheckpoints(absl::string_view text) {
  static const onetake::testing::TempDir& folder = *new onetake::testing::TempDir();
  const std::string path = folder.path() + "/checkpoints";
  std::ofstream(path, std::ios::binary) << text;
  const auto reader = onetake::CheckpointReader::Open(path);
  ONETAKE_CHECK(reader.ok());
  int64_t lines = 0;
  for (auto next = (*reader)->Next(); next.ok() && next->has_value(); next = (*reader)->Next()) {
    ONETAKE_CHECK((*reader)->line() == ++lines);
  }
  // Its writer cuts a last line without an end off, and nothing else.
  const auto file = onetake::CheckpointFile::Open(path);
  ONETAKE_CHECK(file.ok() && (*file)->exists());
  ONETAKE_CHECK(std::filesystem::file_size(path) == text.rfind('\n') + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  const absl::string_view text = TextOf(data, size);
  DecodeRow(text).status().IgnoreError();
  if (const auto checkpoint = Checkpoint::FromJson(text); checkpoint.ok()) {
    const auto again = Checkpoint::FromJson(checkpoint->ToJson());
    ONETAKE_CHECK(again.ok() && again->Message() == checkpoint->Message());
  }
  static const VerifyingKey& public_key = *new VerifyingKey(*VerifyingKey::FromPem(kPublicKey));
  ONETAKE_CHECK(!CheckProof(text, public_key).ok());  // nor signed it
  static const Secret& key = *new Secret(std::string(kSealKeyBytes, 'k'));
  ONETAKE_CHECK(!Unseal(key, "context", text).ok());  // nobody sealed it
  if (const auto request = ParseRequest(text); request.ok()) {
    const auto again = ParseRequest(Serialise(*request));
    ONETAKE_CHECK(again.ok() && Serialise(*again) == Serialise(*request));
  }
  if (size <= 512) ReadCheckpoints(text);
  ParseRpc(text).status().IgnoreError();
  ParseMcpCall(text).status().IgnoreError();
  LatencyHistogram::Parse(text).status().IgnoreError();
  return 0;
}
