#pragma once

#include <cstddef>

#include "absl/time/time.h"

// Every bound a request can meet, in one place. Sizes are bytes.
namespace onetake::limits {

inline constexpr size_t kArgumentsBytes = 64 * 1024;
inline constexpr int kJsonDepth = 32;
inline constexpr size_t kJsonKeys = 1000;  // members of one object, and of all together
inline constexpr size_t kJsonStringBytes = 32 * 1024;
inline constexpr size_t kIdBytes = 128;  // session_id, tool_call_id, turn_id, intent_id
inline constexpr size_t kToolNameBytes = 64;
inline constexpr size_t kConfirmTokenBytes = 128;
inline constexpr size_t kEvidenceBytes = 4096;  // what a late outcome or a person leaves
inline constexpr size_t kAttributes = 32;
inline constexpr size_t kAttributeKeyBytes = 64;
inline constexpr size_t kAttributeValueBytes = 1024;
inline constexpr size_t kResultBytes = 1024 * 1024;
inline constexpr size_t kProgressBytes = 512;  // what a tool says of its progress; cut
inline constexpr size_t kHeaderValueBytes = 1024;
inline constexpr size_t kMessageBytes = 256 * 1024;
inline constexpr size_t kMetadataBytes = 8 * 1024;
inline constexpr int kMaxOccurrence = 1000;
inline constexpr int kGenerations = 5;              // R18
inline constexpr size_t kWriterQueue = 4096;        // jobs waiting for the ledger's writer
inline constexpr size_t kInFlight = 4096;           // calls inside the engine
inline constexpr size_t kDownstreamInFlight = 256;  // attempts at one downstream
inline constexpr absl::Duration kMaxPatience = absl::Minutes(5);

}  // namespace onetake::limits
