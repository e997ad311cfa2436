#include "runtime/json/json.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/json/path_text.h"

namespace onetake {
namespace {

// Builds the value while it counts: nothing deep, wide or long is built before it is refused.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    const bool integer = text.find_first_of(".eE") == string_t::npos;
    if (integer && limits_.big_integers == JsonLimits::BigIntegers::kRefuse) {
      return Fail("is an integer beyond 64 bits: give it as a string");
    }
    return Add(value);
  }
  bool string(string_t& value) override {
    if (value.size() > limits_.string_bytes) {
      return Fail(absl::StrCat("holds a string longer than ", limits_.string_bytes, " bytes"));
    }
    return Add(std::move(value));
  }
  bool binary(binary_t&) override { return Fail("holds binary data"); }

  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    Level& level = levels_.back();
    level.has_name = false;
    if (name.size() > limits_.string_bytes) {
      return Fail(absl::StrCat("holds a name longer than ", limits_.string_bytes, " bytes"));
    }
    if (++keys_ > limits_.keys) {
      return Fail(absl::StrCat("holds more than ", limits_.keys, " members"));
    }
    if (level.value->contains(name)) {
      std::string shown;
      AppendMember(name, shown);
      return Fail(absl::StrCat("has the member ", shown, " twice"));
    }
    level.name = std::move(name);
    level.has_name = true;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const Json::exception& error) override {
    // The library's text quotes the input, so only the kind of its error is told.
    if (whole_) return Fail(absl::StrCat("is followed by something else at byte ", position));
    if (absl::StrContains(error.what(), "ill-formed UTF-8")) {
      return Fail(absl::StrCat("is not valid UTF-8 at byte ", position));
    }
    if (absl::StrContains(error.what(), "surrogate")) {
      return Fail(absl::StrCat("is not JSON at byte ", position, ": half a surrogate pair"));
    }
    if (absl::StrContains(error.what(), "end of input; expected")) {
      return Fail(absl::StrCat("is not JSON: it ends too early at byte ", position));
    }
    if (absl::StrContains(error.what(), "out of range") ||
        absl::StrContains(error.what(), "overflow")) {
      return Fail(absl::StrCat("holds a number too big for a double at byte ", position));
    }
    return Fail(absl::StrCat("is not JSON at byte ", position));
  }

  const std::string& error() const { return error_; }
  Json Take() { return std::move(root_); }

 private:
  struct Level {
    Json* value;
    std::string name;  // of the member being read, if any
    bool has_name = false;
  };

  bool Fail(absl::string_view what) {
    if (error_.empty()) error_ = absl::StrCat(Path(), ": ", what);
    return false;
  }

  std::string Path() const {
    std::string path = "$";
    for (const Level& level : levels_) {
      if (level.value->is_array()) {
        AppendIndex(level.value->size() - (&level == &levels_.back() ? 0 : 1), path);
      } else if (level.has_name) {
        AppendMember(level.name, path);
      }
    }
    return path;
  }

  template <typename T>
  Json* Put(T&& value) {
    if (levels_.empty()) {
      root_ = std::forward<T>(value);
      return &root_;
    }
    Level& level = levels_.back();
    if (level.value->is_array()) {
      level.value->push_back(std::forward<T>(value));
      return &level.value->back();
    }
    Json& member = (*level.value)[level.name];
    member = std::forward<T>(value);
    return &member;
  }

  template <typename T>
  bool Add(T&& value) {
    Put(std::forward<T>(value));
    ValueIsWhole();
    return true;
  }

  bool Open(Json container) {
    if (levels_.size() >= static_cast<size_t>(limits_.depth)) {
      return Fail(absl::StrCat("is nested deeper than ", limits_.depth, " levels"));
    }
    levels_.push_back({.value = Put(std::move(container)), .name = {}});
    return true;
  }

  bool Close() {
    levels_.pop_back();
    ValueIsWhole();
    return true;
  }

  void ValueIsWhole() {
    if (levels_.empty()) {
      whole_ = true;
    } else {
      levels_.back().has_name = false;
    }
  }

  const JsonLimits limits_;
  Json root_;
  std::vector<Level> levels_;
  size_t keys_ = 0;
  bool whole_ = false;  // the root value is complete
  std::string error_;
};

}  // namespace

JsonLimits ArgumentLimits() {
  return {.bytes = limits::kArgumentsBytes,
          .depth = limits::kJsonDepth,
          .keys = limits::kJsonKeys,
          .string_bytes = limits::kJsonStringBytes};
}

JsonLimits ResultLimits() {
  return {.bytes = limits::kResultBytes,
          .depth = 4 * limits::kJsonDepth,
          .keys = limits::kResultBytes,
          .string_bytes = limits::kResultBytes,
          .big_integers = JsonLimits::BigIntegers::kRound};
}

absl::StatusOr<Json> ParseJson(absl::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) {
    return absl::InvalidArgumentError(absl::StrCat("$: is longer than ", limits.bytes, " bytes"));
  }
  // nlohmann skips a byte order mark; RFC 8259 section 8.1 forbids one in what is sent.
  if (absl::StartsWith(text, "\xEF\xBB\xBF")) {
    return absl::InvalidArgumentError("$: begins with a byte order mark");
  }
  // nlohmann takes a NUL for the end and passes over what follows.
  if (const size_t nul = text.find('\0'); nul != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("$: is not JSON: a NUL at byte ", nul + 1));
  }
  Builder builder(limits);
  bool ok = false;
  try {
    ok = Json::sax_parse(text.begin(), text.end(), &builder);
  } catch (const Json::exception&) {
    ok = false;
  }
  if (ok && builder.error().empty()) return builder.Take();
  return absl::InvalidArgumentError(builder.error().empty() ? "$: is not JSON" : builder.error());
}

std::string DumpJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace onetake
