#include "tools/http/url_parts.h"

#include <curl/curl.h>

#include <memory>

namespace onetake {
namespace {

std::string PartOf(CURLU& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(&url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

}  // namespace

absl::StatusOr<UrlParts> SplitUrl(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> read(curl_url(), &curl_url_cleanup);
  if (read == nullptr) return absl::ResourceExhaustedError("no memory for the request");
  if (curl_url_set(read.get(), CURLUPART_URL, url.c_str(),
                   CURLU_PATH_AS_IS | CURLU_DISALLOW_USER) != CURLUE_OK) {
    return absl::InvalidArgumentError("the request has no URL that can be asked");
  }
  UrlParts parts{.scheme = PartOf(*read, CURLUPART_SCHEME),
                 .host = PartOf(*read, CURLUPART_HOST),
                 .port = PartOf(*read, CURLUPART_PORT),
                 .path = PartOf(*read, CURLUPART_PATH),
                 .query = PartOf(*read, CURLUPART_QUERY)};
  const bool known = parts.scheme == "https" || parts.scheme == "http";
  if (!known || !PartOf(*read, CURLUPART_ZONEID).empty() ||
      !PartOf(*read, CURLUPART_FRAGMENT).empty()) {
    return absl::InvalidArgumentError("the request has no URL that can be asked");
  }
  return parts;
}

}  // namespace onetake
