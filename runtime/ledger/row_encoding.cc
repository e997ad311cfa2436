#include "runtime/ledger/row_encoding.h"

#include <array>

#include "runtime/base/status.h"

namespace onetake {

void RowEncoding::BigEndian(uint64_t value, int bytes) {
  std::array<char, 8> all;
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(value >> (56 - 8 * i));
  bytes_.append(all.data() + all.size() - bytes, static_cast<size_t>(bytes));
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

namespace {

class Decoder {
 public:
  explicit Decoder(absl::string_view bytes) : rest_(bytes) {}

  absl::StatusOr<EncodedRow> Decode() {
    EncodedRow row;
    ONETAKE_ASSIGN_OR_RETURN(row.table, Sized());
    while (!rest_.empty() && rest_.front() != 'e') {
      EncodedColumn& column = row.columns.emplace_back();
      ONETAKE_ASSIGN_OR_RETURN(column.name, Sized());
      ONETAKE_RETURN_IF_ERROR(Value(column));
    }
    if (rest_ != "e") return Malformed();
    return row;
  }

 private:
  static absl::Status Malformed() { return absl::InvalidArgumentError("is no encoded row"); }

  absl::StatusOr<uint64_t> BigEndian(size_t bytes) {
    if (rest_.size() < bytes) return Malformed();
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(bytes);
    return value;
  }

  absl::StatusOr<std::string> Sized() {
    ONETAKE_ASSIGN_OR_RETURN(const uint64_t size, BigEndian(4));
    if (rest_.size() < size) return Malformed();
    std::string bytes(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return bytes;
  }

  absl::Status Value(EncodedColumn& column) {
    if (rest_.empty()) return Malformed();
    const char type = rest_.front();
    rest_.remove_prefix(1);
    if (type == 'i') {
      ONETAKE_ASSIGN_OR_RETURN(const uint64_t number, BigEndian(8));
      column.type = Run::Type::kInt;
      column.number = static_cast<int64_t>(number);
      return absl::OkStatus();
    }
    if (type != 't' && type != 'b') return Malformed();
    column.type = type == 't' ? Run::Type::kText : Run::Type::kBlob;
    ONETAKE_ASSIGN_OR_RETURN(column.bytes, Sized());
    return absl::OkStatus();
  }

  absl::string_view rest_;
};

}  // namespace

absl::StatusOr<EncodedRow> DecodeRow(absl::string_view bytes) { return Decoder(bytes).Decode(); }

}  // namespace onetake
