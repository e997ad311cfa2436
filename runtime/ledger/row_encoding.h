#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/store/statement.h"

namespace onetake {

// The names of a statement's columns as they enter the chain, made when they are first needed.
// There is one for each statement whose rows are encoded.
class ColumnNames {
 private:
  friend class RowEncoding;
  std::vector<std::string> encoded_;
};

// The bytes by which rows enter the chain; CHAIN.md has the format. Different rows have different
// bytes: names and values go with their lengths, values with their types. A column that is NULL is
// left out, so that a later schema may add one without changing what is on record.
class RowEncoding {
 public:
  void Clear() { bytes_.clear(); }
  void Begin(absl::string_view table) { Sized(table); }
  void Int(absl::string_view name, int64_t value);
  void Text(absl::string_view name, absl::string_view value);
  void Blob(absl::string_view name, absl::string_view value);
  void End() { bytes_.push_back('e'); }

  // Encodes the columns of the current row from `first` on; between a Begin and an End. `names` are
  // of this statement and this `first`. DATA_LOSS: a value of a type that the ledger does not
  // write.
  absl::Status Columns(const Run& row, int first, ColumnNames& names);

  absl::string_view bytes() const { return bytes_; }

 private:
  void Sized(absl::string_view bytes);
  void Number(int64_t value);
  void TakeNames(const Run& row, int first, ColumnNames& names);

  std::string bytes_;
};

// A column that an encoding holds.
struct EncodedColumn {
  std::string name;
  Run::Type type = Run::Type::kNull;  // kInt, kText or kBlob
  int64_t number = 0;
  std::string bytes;  // of a text or a blob
};
struct EncodedRow {
  std::string table;
  std::vector<EncodedColumn> columns;
};
// Decodes the bytes of exactly one row. INVALID_ARGUMENT.
absl::StatusOr<EncodedRow> DecodeRow(absl::string_view bytes);

}  // namespace onetake
