#include "runtime/store/statement.h"

#include <sqlite3.h>

#include "runtime/base/check.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/status.h"
#include "runtime/store/sqlite_status.h"

namespace onetake {

void Statement::Finalize::operator()(sqlite3_stmt* raw) const { sqlite3_finalize(raw); }

absl::StatusOr<Statement> Statement::Prepare(sqlite3* db, SqlLiteral sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(db, sql.c_str(), static_cast<int>(sql.size()) + 1,
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  ONETAKE_RETURN_IF_ERROR(SqliteStatus(code, "cannot prepare a statement", db));
  return Statement(raw);
}

absl::StatusOr<std::string> Statement::Plan() const {
  const std::string sql = absl::StrCat("EXPLAIN QUERY PLAN ", sqlite3_sql(raw_.get()));
  sqlite3* db = sqlite3_db_handle(raw_.get());
  sqlite3_stmt* raw = nullptr;
  ONETAKE_RETURN_IF_ERROR(SqliteStatus(sqlite3_prepare_v2(db, sql.c_str(), -1, &raw, nullptr),
                                       "cannot explain a statement", db));
  Statement explained(raw);
  constexpr int kDetail = 3;
  std::string plan;
  ONETAKE_RETURN_IF_ERROR(Run(explained).ForEach([&](const Run& row) {
    absl::StrAppend(&plan, row.Text(kDetail), "\n");
    return absl::OkStatus();
  }));
  return plan;
}

Run::Run(Statement& statement) : raw_(statement.raw_.get()) {
  ONETAKE_CHECK(raw_ != nullptr);
  // Two runs of one statement would reset each other.
  ONETAKE_CHECK(sqlite3_stmt_busy(raw_) == 0);
}

Run::~Run() {
  sqlite3_reset(raw_);
  sqlite3_clear_bindings(raw_);
}

void Run::Keep(int code) {
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
}

Run& Run::Int(int index, int64_t value) {
  Keep(sqlite3_bind_int64(raw_, index, value));
  return *this;
}

Run& Run::OptionalInt(int index, std::optional<int64_t> value) {
  return value.has_value() ? Int(index, *value) : Null(index);
}

// A view without data is empty text, but a null pointer would bind NULL.
Run& Run::Text(int index, absl::string_view text) {
  const char* data = text.data() == nullptr ? "" : text.data();
  Keep(sqlite3_bind_text64(raw_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Run& Run::OptionalText(int index, const std::optional<std::string>& text) {
  return text.has_value() ? Text(index, *text) : Null(index);
}

Run& Run::Blob(int index, absl::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  Keep(sqlite3_bind_blob64(raw_, index, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Run& Run::Null(int index) {
  Keep(sqlite3_bind_null(raw_, index));
  return *this;
}

absl::StatusOr<bool> Run::Step() {
  ONETAKE_RETURN_IF_ERROR(SqliteStatus(bind_code_, "cannot bind a value"));
  const int code = sqlite3_step(raw_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  if ((code & 0xff) == SQLITE_CONSTRAINT) {
    return SqliteStatus(code, "refused by the schema", sqlite3_db_handle(raw_));
  }
  return SqliteStatus(NoRoomIsFull(code), "cannot run a statement");
}

absl::Status Run::Finish() {
  for (;;) {
    ONETAKE_ASSIGN_OR_RETURN(const bool row, Step());
    if (row) continue;
    FailPoint("store.after_statement");
    return absl::OkStatus();
  }
}

absl::Status Run::ForEach(absl::FunctionRef<absl::Status(const Run& row)> read) {
  for (;;) {
    ONETAKE_ASSIGN_OR_RETURN(const bool found, Step());
    if (!found) return absl::OkStatus();
    ONETAKE_RETURN_IF_ERROR(read(*this));
  }
}

absl::StatusOr<int64_t> Run::Change() {
  ONETAKE_RETURN_IF_ERROR(Finish());
  return sqlite3_changes64(sqlite3_db_handle(raw_));
}

int64_t Run::Int(int column) const { return sqlite3_column_int64(raw_, column); }

std::optional<int64_t> Run::OptionalInt(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Int(column);
}

absl::string_view Run::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw_, column));
  if (text == nullptr) {
    // The column is NULL, or there is no memory: then "" would be a wrong answer.
    ONETAKE_CHECK(IsNull(column));
    return "";
  }
  return {text, static_cast<size_t>(sqlite3_column_bytes(raw_, column))};
}

std::optional<std::string> Run::OptionalText(int column) const {
  if (IsNull(column)) return std::nullopt;
  return std::string(Text(column));
}

absl::string_view Run::Blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(raw_, column));
  if (bytes == nullptr) {
    ONETAKE_CHECK(IsNull(column) || sqlite3_column_bytes(raw_, column) == 0);
    return "";
  }
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(raw_, column))};
}

bool Run::IsNull(int column) const { return sqlite3_column_type(raw_, column) == SQLITE_NULL; }
bool Run::IsBlob(int column) const { return sqlite3_column_type(raw_, column) == SQLITE_BLOB; }

namespace {

Run::Type ToType(int sqlite_type) {
  switch (sqlite_type) {
    case SQLITE_INTEGER: return Run::Type::kInt;
    case SQLITE_FLOAT: return Run::Type::kReal;
    case SQLITE_TEXT: return Run::Type::kText;
    case SQLITE_BLOB: return Run::Type::kBlob;
    default: return Run::Type::kNull;
  }
}

}  // namespace

Run::Type Run::TypeOf(int column) const { return ToType(sqlite3_column_type(raw_, column)); }

Run::Value Run::Get(int column) const {
  sqlite3_value* raw = sqlite3_column_value(raw_, column);
  Value value{.type = ToType(sqlite3_value_type(raw)), .number = 0, .bytes = ""};
  const void* bytes = nullptr;
  switch (value.type) {
    case Type::kInt: value.number = sqlite3_value_int64(raw); return value;
    case Type::kText:
      bytes = sqlite3_value_text(raw);
      ONETAKE_CHECK(bytes != nullptr);  // out of memory
      break;
    case Type::kBlob: bytes = sqlite3_value_blob(raw); break;
    default: return value;
  }
  if (bytes == nullptr) return value;  // blob without bytes
  value.bytes = {static_cast<const char*>(bytes), static_cast<size_t>(sqlite3_value_bytes(raw))};
  return value;
}

int Run::Columns() const { return sqlite3_column_count(raw_); }

absl::string_view Run::Name(int column) const {
  const char* name = sqlite3_column_name(raw_, column);
  ONETAKE_CHECK(name != nullptr);  // out of memory
  return name;
}

}  // namespace onetake
