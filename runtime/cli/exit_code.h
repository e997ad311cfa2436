#pragma once

#include "absl/status/status.h"
#include "onetake/v1/runtime.pb.h"

namespace onetake {

// What `onetake` exits with; stable, listed by `onetake --help`.
enum class ExitCode {
  kDone = 0,         // DONE, or the question was answered
  kUsage = 1,        // the command line, or a field of the request, is wrong
  kUnreachable = 2,  // no answer: server not there, draining, overloaded, connection lost
  kNoEffect = 3,     // REJECTED, FAILED; `tools import` had nothing to propose
  kOpen = 4,         // PENDING, UNCERTAIN; `ledger erase` left something
  kNeedsReview = 5,  // NEEDS_REVIEW
  kNotRun = 6,       // CONFLICT, INVALID, NEEDS_CONFIRMATION, WITHDRAWN
  kNotFound = 7,     // no such intent or tool
  kLintErrors = 8,   // `tools lint` found errors, or a check of `tools test` failed
  kServerError = 9,  // any other status of the server
  kTampered = 10,    // `ledger verify` found that the ledger was changed
  kDenied = 11,      // no credential, one that is not good, or one without the role
};

ExitCode ExitCodeOf(v1::Disposition disposition);
ExitCode ExitCodeOf(const absl::Status& status);

inline constexpr char kExitCodeHelp[] =
    "Exit codes: 0 done, 1 usage, 2 no answer from the server, 3 REJECTED or FAILED,\n"
    "4 PENDING or UNCERTAIN, or not all was erased, 5 NEEDS_REVIEW, 6 not run (CONFLICT, INVALID,\n"
    "NEEDS_CONFIRMATION, WITHDRAWN), 7 not found,\n"
    "8 lint found errors or a test failed, 9 another error of the server,\n"
    "10 the ledger was tampered with, 11 the credential is missing, not good or lacks a role.";

}  // namespace onetake
