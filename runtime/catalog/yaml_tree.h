#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace onetake {

// A place in a file, from 1; 0 when unknown.
struct YamlMark {
  int line = 0;
  int column = 0;
};

struct YamlMember;

// One value of a YAML document, with its place. There are no anchors, aliases and tags in it.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  // Whether a scalar stands bare, so that `5` is a number and `true` a boolean.
  enum class Style { kPlain, kQuoted };

  Kind kind = Kind::kNull;
  Style style = Style::kPlain;
  std::string text;          // kScalar: the value, after substitution once that was done
  bool substituted = false;  // kScalar: `text` has something of the environment in it
  bool unusable = false;     // a fault of this value was reported; say nothing more about it
  YamlMark mark;
  std::vector<YamlNode> list;
  std::vector<YamlMember> map;  // in the order of the file; names are unique

  // nullptr when there is none, or this is no map.
  const YamlNode* Find(absl::string_view name) const;
};

struct YamlMember {
  std::string name;
  YamlMark mark;  // of the name
  YamlNode value;
};

struct YamlFault {
  YamlMark mark;
  std::string message;
  std::string advice;
};

struct YamlDocument {
  YamlNode root;
  std::vector<YamlFault> faults;  // `root` is of no use when there is one
};

inline constexpr size_t kYamlBytesMax = 256 * 1024;
inline constexpr int kYamlDepthMax = 32;

struct YamlLimits {
  size_t bytes = kYamlBytesMax;
  int depth = kYamlDepthMax;
};

// Parses the one document of `text`. Refused, each with its place: text that is too long, not UTF-8
// or not YAML; more than one document; anchors, aliases and tags (a few lines of them can stand for
// gigabytes); nesting deeper than the limit; a name twice in one map, or one that is no scalar.
// Whatever yaml-cpp throws is caught here, and nowhere else.
YamlDocument ParseYaml(absl::string_view text, const YamlLimits& limits = {});

}  // namespace onetake
