#include "runtime/ledger/row_encoding.h"

namespace onetake {

void RowEncoding::BigEndian(uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    bytes_.push_back(static_cast<char>((value >> shift) & 0xff));
  }
}

void RowEncoding::Sized(absl::string_view bytes) {
  BigEndian(bytes.size(), 4);
  bytes_.append(bytes.data(), bytes.size());
}

void RowEncoding::Int(absl::string_view name, int64_t value) {
  Sized(name);
  bytes_.push_back('i');
  BigEndian(static_cast<uint64_t>(value), 8);
}

void RowEncoding::Text(absl::string_view name, absl::string_view value) {
  Sized(name);
  bytes_.push_back('t');
  Sized(value);
}

void RowEncoding::Blob(absl::string_view name, absl::string_view value) {
  Sized(name);
  bytes_.push_back('b');
  Sized(value);
}

absl::Status RowEncoding::Columns(const Run& row, int first) {
  for (int column = first; column < row.Columns(); ++column) {
    switch (row.TypeOf(column)) {
      case Run::Type::kNull: break;
      case Run::Type::kInt: Int(row.Name(column), row.Int(column)); break;
      case Run::Type::kText: Text(row.Name(column), row.Text(column)); break;
      case Run::Type::kBlob: Blob(row.Name(column), row.Blob(column)); break;
      case Run::Type::kReal: return absl::DataLossError("a column of the ledger holds a fraction");
    }
  }
  return absl::OkStatus();
}

}  // namespace onetake
