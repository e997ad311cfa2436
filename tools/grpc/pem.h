#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace onetake {

// Texts in PEM, looked at before gRPC gets them: it would take anything, and only never connect.
// INVALID_ARGUMENT, saying what is wrong but nothing of the text. Pure.

// One certificate or more, and nothing broken among them.
absl::Status CheckCertificates(absl::string_view pem);
// A private key that opens without a password and is that of the first certificate.
absl::Status CheckPrivateKey(absl::string_view key_pem, absl::string_view certificates_pem);

}  // namespace onetake
