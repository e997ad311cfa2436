#include "runtime/ledger/schema_check.h"

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/schema.h"
#include "runtime/store/migration.h"

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
  size_t steps = 0;
  for (const Migration& migration : LedgerMigrations()) {
    if (migration.version <= version) ++steps;
  }
  ONETAKE_RETURN_IF_ERROR(
      Migrate(*scratch, kLedgerApplicationId, LedgerMigrations().subspan(0, steps)));
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
    if (right.count(name) == 0) return absl::StrCat(name, " is none of version ", version);
  }
  return std::nullopt;
}

}  // namespace onetake
