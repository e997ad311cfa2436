#include "runtime/catalog/yaml_tree.h"

#include <unicode/utf8.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

// The most faults that are told; more would help nobody.
constexpr size_t kFaultsMax = 20;

YamlMark MarkOf(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {.line = mark.line + 1, .column = mark.column + 1};
}

// Builds the tree while yaml-cpp reads. A fault does not end the reading, so that all faults are
// found.
class Builder final : public YAML::EventHandler {
 public:
  Builder(YamlDocument& document, int depth_max) : document_(document), depth_max_(depth_max) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseAnchor(mark, anchor);
    Place(YamlNode{.mark = MarkOf(mark)});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fault(mark, "has an alias (*name)", "write the value out");
    Place(YamlNode{.mark = MarkOf(mark)});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

  void Fault(const YAML::Mark& mark, absl::string_view message, absl::string_view advice) {
    if (document_.faults.size() >= kFaultsMax) return;
    document_.faults.push_back({MarkOf(mark), std::string(message), std::string(advice)});
  }

 private:
  // A list or map that is being read. In a map, every other value is a name.
  struct Frame {
    YamlNode node;
    bool name_is_next = true;
    std::set<std::string> names;
  };

  void RefuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) Fault(mark, "has an anchor (&name)", "write the value out where it is used");
  }
  void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    // yaml-cpp gives plain values "?" and quoted ones "!".
    if (tag.empty() || tag == "?" || tag == "!") return;
    Fault(mark, "has a tag (!name)", "leave the tag out; a text is made of a number by quotes");
  }
  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YamlNode::Kind kind);
  void Close();
  void Place(YamlNode node);
  void Name(const YamlNode& node);

  YamlDocument& document_;
  const int depth_max_;
  std::vector<Frame> open_;
  int too_deep_ = 0;  // open levels that are not built
};

void Builder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       const std::string& value) {
  RefuseAnchor(mark, anchor);
  RefuseTag(mark, tag);
  YamlNode node{.kind = YamlNode::Kind::kScalar, .mark = MarkOf(mark)};
  if (tag == "!") node.style = YamlNode::Style::kQuoted;
  node.text = value;
  Place(std::move(node));
}

void Builder::Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                   YamlNode::Kind kind) {
  RefuseAnchor(mark, anchor);
  RefuseTag(mark, tag);
  if (too_deep_ > 0 || open_.size() >= static_cast<size_t>(depth_max_)) {
    if (too_deep_++ == 0) {
      Fault(mark, absl::StrCat("is nested deeper than ", depth_max_, " levels"), "");
    }
    return;
  }
  Frame frame;
  frame.node.kind = kind;
  frame.node.mark = MarkOf(mark);
  open_.push_back(std::move(frame));
}

void Builder::Close() {
  if (too_deep_ > 0) {
    if (--too_deep_ == 0) Place({});
    return;
  }
  YamlNode node = std::move(open_.back().node);
  open_.pop_back();
  Place(std::move(node));
}

void Builder::Place(YamlNode node) {
  if (too_deep_ > 0) return;
  if (open_.empty()) {
    document_.root = std::move(node);
    return;
  }
  Frame& frame = open_.back();
  if (frame.node.kind == YamlNode::Kind::kList) {
    frame.node.list.push_back(std::move(node));
  } else if (frame.name_is_next) {
    frame.node.map.push_back({.name = {}, .mark = node.mark, .value = {}});
    Name(node);
    frame.name_is_next = false;
  } else {
    frame.node.map.back().value = std::move(node);
    frame.name_is_next = true;
  }
}

void Builder::Name(const YamlNode& node) {
  Frame& frame = open_.back();
  YAML::Mark mark;
  mark.line = node.mark.line - 1;
  mark.column = node.mark.column - 1;
  if (node.kind != YamlNode::Kind::kScalar) {
    return Fault(mark, "has a name that is not a text", "a name is one word before a colon");
  }
  frame.node.map.back().name = node.text;
  if (!frame.names.insert(node.text).second) {
    Fault(mark, absl::StrCat("has \"", absl::CHexEscape(node.text), "\" twice"),
          "keep one of them");
  }
}

// 0 when all of `text` is UTF-8 without control characters; otherwise the line of the first fault.
int LineOfBadByte(absl::string_view text) {
  int line = 1;
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < size;) {
    UChar32 c = 0;
    U8_NEXT(text.data(), at, size, c);
    const bool control = c < 0x20 && c != '\t' && c != '\n' && c != '\r';
    if (c < 0 || control || c == 0x7f) return line;
    if (c == '\n') ++line;
  }
  return 0;
}

void ReadDocuments(absl::string_view text, int depth_max, YamlDocument& document) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  Builder builder(document, depth_max);
  if (!parser.HandleNextDocument(builder)) return;
  YamlDocument second;
  Builder rest(second, depth_max);
  if (parser.HandleNextDocument(rest)) {
    document.faults.push_back(
        {second.root.mark, "has more than one document (---)", "one file holds one tool"});
  }
}

}  // namespace

const YamlNode* YamlNode::Find(absl::string_view name) const {
  const auto found = std::find_if(map.begin(), map.end(),
                                  [&](const YamlMember& member) { return member.name == name; });
  return found == map.end() ? nullptr : &found->value;
}

YamlDocument ParseYaml(absl::string_view text, const YamlLimits& limits) {
  YamlDocument document;
  const auto fail = [&](YamlMark mark, std::string message, absl::string_view advice) {
    document.faults.push_back({mark, std::move(message), std::string(advice)});
  };
  if (text.size() > limits.bytes) {
    fail({}, absl::StrCat("is longer than ", limits.bytes, " bytes"),
         "put a long schema into a file of its own: parameters: { $ref: FILE.json }");
    return document;
  }
  if (const int line = LineOfBadByte(text); line > 0) {
    fail({.line = line, .column = 0}, "is not text in UTF-8, or has a control character",
         "save the file as UTF-8");
    return document;
  }
  try {
    ReadDocuments(text, limits.depth, document);
  } catch (const YAML::Exception& error) {
    fail(MarkOf(error.mark), absl::StrCat("is not YAML: ", error.msg), "");
  } catch (const std::exception&) {
    fail({}, "cannot be read as YAML", "");
  }
  return document;
}

}  // namespace onetake
