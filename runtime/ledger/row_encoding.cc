#include "runtime/ledger/row_encoding.h"

#include <endian.h>

#include <utility>

#include "runtime/base/status.h"

namespace onetake {

void RowEncoding::Sized(absl::string_view bytes) {
  const uint32_t size = htobe32(static_cast<uint32_t>(bytes.size()));
  bytes_.append(reinterpret_cast<const char*>(&size), sizeof(size));
  bytes_.append(bytes.data(), bytes.size());
}

void RowEncoding::Number(int64_t value) {
  const uint64_t number = htobe64(static_cast<uint64_t>(value));
  bytes_.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void RowEncoding::Int(absl::string_view name, int64_t value) {
  Sized(name);
  bytes_.push_back('i');
  Number(value);
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

void RowEncoding::TakeNames(const Run& row, int first, ColumnNames& names) {
  for (int column = first; column < row.Columns(); ++column) {
    RowEncoding name;
    name.Sized(row.Name(column));
    names.encoded_.push_back(std::move(name.bytes_));
  }
}

absl::Status RowEncoding::Columns(const Run& row, int first, ColumnNames& names) {
  if (names.encoded_.empty()) TakeNames(row, first, names);
  int column = first;
  for (const std::string& name : names.encoded_) {
    const Run::Value value = row.Get(column++);
    if (value.type == Run::Type::kNull) continue;
    bytes_.append(name);
    switch (value.type) {
      case Run::Type::kInt:
        bytes_.push_back('i');
        Number(value.number);
        break;
      case Run::Type::kText:
      case Run::Type::kBlob:
        bytes_.push_back(value.type == Run::Type::kText ? 't' : 'b');
        Sized(value.bytes);
        break;
      default: return absl::DataLossError("a column of the ledger holds a fraction");
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
