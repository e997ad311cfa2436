#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/store/database.h"

namespace onetake {

// Says in words which part of the ledger's schema (tables, indexes, triggers, views) is not as its
// version makes it: a trigger changes what is written, and an auditor who reads a view reads what
// its text says. Nothing when all is. Views beside those of the version may be there: nothing of
// ours reads them, and a view changes nothing.
absl::StatusOr<std::optional<std::string>> FindSchemaChange(Database& ledger);

// Watches over the schema while a ledger is written: what a trigger has made of a row would go into
// the chain. Belongs to the writer's connection.
class SchemaWatch {
 public:
  // FAILED_PRECONDITION: the schema is not its version's. The message says what is not, and what to
  // do.
  static absl::StatusOr<SchemaWatch> Begin(Database& writer);

  // To be called in the transaction that is about to be committed. FAILED_PRECONDITION as above.
  // Cheap as long as nobody changes the schema.
  absl::Status CheckStill();

 private:
  explicit SchemaWatch(Database& writer) : writer_(&writer) {}
  absl::StatusOr<int64_t> Version();

  Database* writer_;
  Statement select_version_;
  int64_t checked_ = 0;  // SQLite's count of the changes of the schema, when it was looked at
};

}  // namespace onetake
