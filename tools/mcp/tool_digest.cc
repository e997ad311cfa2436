#include "tools/mcp/tool_digest.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"

namespace onetake {

Json ReviewedPart(const Json& tool) {
  Json part = Json::object();
  for (const char* name : {"inputSchema", "outputSchema", "annotations"}) {
    if (tool.contains(name) && !tool[name].is_null()) part[name] = tool[name];
  }
  return part;
}

std::string ReviewDigest(const Json& tool) {
  const std::string bytes = CanonicalJson(ReviewedPart(tool));
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ONETAKE_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  return absl::StrCat("sha256:", absl::BytesToHexString(absl::string_view(
                                     reinterpret_cast<const char*>(digest), size)));
}

}  // namespace onetake
