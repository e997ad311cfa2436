#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/config/tls_config.h"

namespace onetake {

// The certificate, key and CA that the listener uses: what was last found good. gRPC reads them
// from files of this process (memfd), which are written only when the operator's files are whole
// and belong together; so a file that is being replaced, or a wrong one, ends no connection and
// refuses none. Owned by one thread at a time, except expiry().
class TlsFiles {
 public:
  // FAILED_PRECONDITION as ReadTls(), or when the machine cannot make such files.
  static absl::StatusOr<std::unique_ptr<TlsFiles>> Open(const TlsConfig& tls);
  ~TlsFiles();

  // The paths to hand to gRPC; they stay valid as long as this does.
  const TlsConfig& in_use() const { return in_use_; }
  // When the certificate expires. Thread-safe.
  absl::Time expiry() const { return absl::FromUnixSeconds(expiry_s_); }

  // Takes over what the operator's files hold at `now`, if that is good; else says what is wrong,
  // and nothing changes. A certificate that is over does not replace one that is not. Blocks on the
  // disk.
  absl::Status Refresh(absl::Time now);

 private:
  TlsFiles(TlsConfig source, TlsPems pems);
  absl::Status OpenFiles();
  absl::Status Publish();

  const TlsConfig source_;
  TlsConfig in_use_;
  TlsPems pems_;
  std::atomic<int64_t> expiry_s_;
  int certificate_ = -1;
  int key_ = -1;
  int client_ca_ = -1;
};

}  // namespace onetake
