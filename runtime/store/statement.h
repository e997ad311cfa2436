#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace onetake {

// SQL text that is a constant of the program, so that no request data can ever be in it. Made from
// a string literal at compile time; there is no other way.
class SqlLiteral {
 public:
  template <size_t N>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is meant to convert.
  consteval SqlLiteral(const char (&text)[N]) : text_(text), size_(N - 1) {}
  constexpr const char* c_str() const { return text_; }
  constexpr size_t size() const { return size_; }

 private:
  const char* text_;
  size_t size_;
};

// A prepared statement, kept for the life of its connection. Owned by the connection's thread.
class Statement {
 public:
  Statement() = default;
  // INTERNAL when the text does not compile: a bug of ours.
  static absl::StatusOr<Statement> Prepare(sqlite3* db, SqlLiteral sql);

  // How SQLite would run the statement: EXPLAIN QUERY PLAN, a line a step. For tests of indexes.
  absl::StatusOr<std::string> Plan() const;

 private:
  friend class Run;
  struct Finalize {
    void operator()(sqlite3_stmt* raw) const;
  };
  explicit Statement(sqlite3_stmt* raw) : raw_(raw) {}
  std::unique_ptr<sqlite3_stmt, Finalize> raw_;
};

// One execution of a statement, reset on every exit path. Parameters count from 1, columns from 0.
// Bound bytes must outlive the run; nothing is copied. At most one Run of a statement at a time.
//
//   Run run(select_);
//   run.Int(1, row).Text(2, name);
//   ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
class Run {
 public:
  explicit Run(Statement& statement);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Run& Int(int index, int64_t value);
  Run& OptionalInt(int index, std::optional<int64_t> value);  // NULL when absent
  Run& Text(int index, absl::string_view text);
  Run& OptionalText(int index, const std::optional<std::string>& text);  // NULL when absent
  Run& Blob(int index, absl::string_view bytes);
  Run& Null(int index);

  // True when a row is ready, false when done. The first failed binding is reported here.
  absl::StatusOr<bool> Step();
  // Steps to the end and drops what rows there are.
  absl::Status Finish();
  // Calls `read` with every row, until it fails.
  absl::Status ForEach(absl::FunctionRef<absl::Status(const Run& row)> read);
  // Finish() for a statement that changes rows; returns how many.
  absl::StatusOr<int64_t> Change();

  // Columns of the current row. Views hold until the next Step or the end of the run.
  int64_t Int(int column) const;
  std::optional<int64_t> OptionalInt(int column) const;
  absl::string_view Text(int column) const;
  std::optional<std::string> OptionalText(int column) const;
  absl::string_view Blob(int column) const;
  bool IsNull(int column) const;
  bool IsBlob(int column) const;

  // The type as the row is stored, whatever the schema says.
  enum class Type { kNull, kInt, kReal, kText, kBlob };
  Type TypeOf(int column) const;
  struct Value {
    Type type = Type::kNull;
    int64_t number = 0;       // kInt
    absl::string_view bytes;  // kText, kBlob
  };
  Value Get(int column) const;
  int Columns() const;
  absl::string_view Name(int column) const;  // holds as long as the statement

 private:
  void Keep(int code);
  sqlite3_stmt* raw_;
  int bind_code_ = 0;
};

}  // namespace onetake
