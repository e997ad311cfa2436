#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace onetake {

// Checks of texts in PEM before gRPC gets them: it would take anything, and only never connect.
// INVALID_ARGUMENT, saying what is wrong but nothing of the text. Pure.

// Checks that there are one or more certificates, and nothing broken among them.
absl::Status CheckCertificates(absl::string_view pem);
// Checks that the private key opens without a password and belongs to the first certificate.
absl::Status CheckPrivateKey(absl::string_view key_pem, absl::string_view certificates_pem);

}  // namespace onetake
