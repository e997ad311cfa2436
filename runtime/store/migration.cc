#include "runtime/store/migration.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/status.h"
#include "runtime/store/transaction.h"

namespace onetake {
namespace {

// Checks the owner: a version alone does not say whose schema it is.
absl::Status CheckOwner(Database& database, int64_t version, int32_t application_id) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t owner, database.QueryInt("PRAGMA application_id"));
  ONETAKE_ASSIGN_OR_RETURN(const int64_t objects,
                           database.QueryInt("SELECT count(*) FROM sqlite_schema"));
  const bool is_empty = version == 0 && owner == 0 && objects == 0;
  if (is_empty || (version > 0 && owner == application_id)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the file is a SQLite database of another program: choose another path");
}

absl::Status Step(Database& database, const Migration& migration) {
  ONETAKE_ASSIGN_OR_RETURN(Transaction transaction,
                           Transaction::Begin(database, Transaction::Kind::kWrite));
  ONETAKE_RETURN_IF_ERROR(database.RunScript(migration.sql));
  ONETAKE_ASSIGN_OR_RETURN(const int64_t version, database.QueryInt("PRAGMA user_version"));
  ONETAKE_CHECK(version == migration.version);
  FailPoint("store.before_migration_commit");
  ONETAKE_RETURN_IF_ERROR(transaction.Commit());
  FailPoint("store.after_migration_commit");
  return absl::OkStatus();
}

}  // namespace

absl::Status Migrate(Database& database, int32_t application_id,
                     absl::Span<const Migration> migrations) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t version, database.QueryInt("PRAGMA user_version"));
  ONETAKE_RETURN_IF_ERROR(CheckOwner(database, version, application_id));
  const int64_t newest = migrations.empty() ? 0 : migrations.back().version;
  if (version > newest) {
    return absl::FailedPreconditionError(absl::StrCat("the file has schema version ", version,
                                                      ", this program knows versions up to ",
                                                      newest, ": start a newer program"));
  }
  if (!migrations.empty() && version > 0 && version < migrations.front().version) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the file has schema version ", version, ", written by a program before the first release,",
        " and cannot be brought to version ", migrations.front().version,
        ": move it away to begin anew"));
  }
  int64_t expected = migrations.empty() ? 0 : migrations.front().version;
  for (const Migration& migration : migrations) {
    ONETAKE_CHECK(migration.version == expected++);
    if (migration.version <= version) continue;
    ONETAKE_RETURN_IF_ERROR(
        Annotate(Step(database, migration), absl::StrCat("migration ", migration.version)));
  }
  return absl::OkStatus();
}

}  // namespace onetake
