#include "runtime/ledger/schema_check.h"

#include <map>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/schema.h"

namespace onetake {
namespace {

// The text that makes each object, by kind and name.
using Objects = std::map<std::string, std::string>;

absl::StatusOr<Objects> ReadObjects(Database& database) {
  Objects objects;
  // An index that SQLite makes for a constraint has no text; the text of its table says it.
  ONETAKE_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"));
  ONETAKE_RETURN_IF_ERROR(Run(select).ForEach([&](const Run& row) {
    objects[absl::StrCat(row.Text(0), " ", row.Text(1))] = std::string(row.Text(2));
    return absl::OkStatus();
  }));
  return objects;
}

absl::StatusOr<Objects> ObjectsOf(int64_t version) {
  ONETAKE_ASSIGN_OR_RETURN(const std::unique_ptr<Database> scratch, Database::OpenInMemory());
  for (const Migration& migration : LedgerMigrations()) {
    if (migration.version > version) break;
    ONETAKE_RETURN_IF_ERROR(scratch->RunScript(migration.sql));
  }
  return ReadObjects(*scratch);
}

}  // namespace

absl::StatusOr<std::optional<std::string>> FindSchemaChange(Database& ledger) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t version, ledger.QueryInt("PRAGMA user_version"));
  ONETAKE_ASSIGN_OR_RETURN(const Objects right, ObjectsOf(version));
  ONETAKE_ASSIGN_OR_RETURN(const Objects found, ReadObjects(ledger));
  for (const auto& [name, text] : right) {
    const auto there = found.find(name);
    if (there == found.end()) return absl::StrCat(name, " is missing");
    if (there->second != text) return absl::StrCat(name, " is not that of version ", version);
  }
  for (const auto& [name, text] : found) {
    const bool is_view = absl::StartsWith(name, "view ");
    if (right.count(name) == 0 && !is_view)
      return absl::StrCat(name, " is none of version ", version);
  }
  return std::nullopt;
}

absl::StatusOr<SchemaWatch> SchemaWatch::Begin(Database& writer) {
  SchemaWatch watch(writer);
  ONETAKE_ASSIGN_OR_RETURN(watch.select_version_, writer.Prepare("PRAGMA schema_version"));
  watch.checked_ = -1;
  ONETAKE_RETURN_IF_ERROR(watch.CheckStill());
  return watch;
}

absl::StatusOr<int64_t> SchemaWatch::Version() {
  Run run(select_version_);
  ONETAKE_RETURN_IF_ERROR(run.Step().status());
  return run.Int(0);
}

absl::Status SchemaWatch::CheckStill() {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t version, Version());
  if (version == checked_) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<std::string> change, FindSchemaChange(*writer_));
  if (change.has_value()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "somebody has changed the ledger's schema: ", *change,
        ". What is written under it would be on record as onetaked's own: find out who it was, put"
        " a backup back, or drop what is too many and make the rest as in sqlite_schema of a new"
        " ledger; then run onetake ledger verify"));
  }
  checked_ = version;
  return absl::OkStatus();
}

}  // namespace onetake
