#include "runtime/server/page_token.h"

#include <openssl/sha.h>

#include <array>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr absl::string_view kVersion = "1";
constexpr size_t kDigestBytes = 8;  // guards against mistakes; a token opens nothing that is closed

// Our messages have no maps, so one question has one serialisation.
std::string DigestOf(const google::protobuf::Message& question, absl::string_view tenant) {
  const std::string text =
      absl::StrCat(question.GetTypeName(), "\n", tenant, "\n", question.SerializeAsString());
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), kDigestBytes));
}

absl::Status BadToken(absl::string_view what) { return BadField("page_token", what); }

}  // namespace

std::string MakePageToken(const google::protobuf::Message& question, absl::string_view tenant,
                          PagePosition position) {
  return absl::WebSafeBase64Escape(absl::StrCat(kVersion, " ", absl::ToUnixMicros(position.time),
                                                " ", position.row, " ",
                                                DigestOf(question, tenant)));
}

absl::StatusOr<PagePosition> ReadPageToken(absl::string_view token,
                                           const google::protobuf::Message& question,
                                           absl::string_view tenant) {
  if (token.empty()) return PagePosition{};
  std::string text;
  int64_t micros = 0;
  int64_t row = 0;
  if (!absl::WebSafeBase64Unescape(token, &text)) text.clear();
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ' ');
  if (parts.size() != 4 || parts[0] != kVersion || !absl::SimpleAtoi(parts[1], &micros) ||
      !absl::SimpleAtoi(parts[2], &row) || row <= 0) {
    return BadToken("is not a token this server gave: leave it empty to begin");
  }
  if (parts[3] != DigestOf(question, tenant)) {
    return BadToken("belongs to other filters: ask with those, or leave it empty to begin");
  }
  return PagePosition{absl::FromUnixMicros(micros), row};
}

}  // namespace onetake
