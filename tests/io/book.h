#pragma once

#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

namespace onetake::io {

// Things of a ledger by name ("intent1", "call:call1"), each as a text. What is not there is not
// in it.
using Contents = std::map<std::string, std::string>;

// What was told of a ledger, and so what it has to hold.
class Book {
 public:
  // These are so from now on; an empty text: it is not there.
  void Told(const Contents& changes) { Apply(changes, told_); }
  // All of these may be so from now on, or none: the ledger has stopped over them.
  void Doubted(Contents changes) { doubted_ = std::move(changes); }
  bool has_doubt() const { return doubted_.has_value(); }

  // Whether this is what it says of `name`.
  bool Allows(const std::string& name, const std::string& text) const {
    if (Of(name, told_) == text) return true;
    return doubted_.has_value() && doubted_->count(name) != 0 && Of(name, *doubted_) == text;
  }
  // `found` is all that the ledger holds: nothing is missing, nothing too much, and of what is
  // doubted all or nothing. Goes on with that.
  void Settle(const Contents& found) {
    Contents other = told_;
    if (doubted_.has_value()) Apply(*doubted_, other);
    EXPECT_THAT(found, ::testing::AnyOf(told_, other));
    told_ = found;
    doubted_.reset();
  }

 private:
  static std::string Of(const std::string& name, const Contents& contents) {
    const auto found = contents.find(name);
    return found == contents.end() ? "" : found->second;
  }
  static void Apply(const Contents& changes, Contents& to) {
    for (const auto& [name, text] : changes) {
      if (text.empty()) {
        to.erase(name);
      } else {
        to[name] = text;
      }
    }
  }

  Contents told_;
  std::optional<Contents> doubted_;
};

}  // namespace onetake::io
