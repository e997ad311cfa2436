// A native plugin: notes that callers leave. Take it, and put your own library in its place.
#include <cstdio>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "tools/sdk/onetake_plugin.hpp"

namespace {

using Json = nlohmann::json;
using onetake_sdk::Call;
using onetake_sdk::ProbeResult;
using onetake_sdk::Result;

class Notes final : public onetake_sdk::Plugin {
 public:
  // settings: { file: PATH }, where the notes are kept; without one they are gone with the process.
  explicit Notes(const std::string& settings_json) {
    file_ = Json::parse(settings_json).value("file", "");
    std::ifstream stored(file_);
    if (!file_.empty() && stored.good()) by_key_ = Json::parse(stored);
  }

  std::string Describe() override {
    const Json text{{"type", "string"}, {"minLength", 1}, {"maxLength", 500}};
    const Json add{{"name", "add_note"},
                   {"description", "Leaves a note for the practice."},
                   {"effect", "WRITE"},
                   {"key_retention_ms", 24 * 3600 * 1000},
                   {"can_probe", true},
                   {"parameters",
                    {{"type", "object"},
                     {"properties", {{"text", text}}},
                     {"required", {"text"}},
                     {"additionalProperties", false}}}};
    const Json list{{"name", "list_notes"},
                    {"description", "The notes that were left."},
                    {"effect", "READ"},
                    {"parameters", {{"type", "object"}, {"additionalProperties", false}}}};
    return Json{{"name", "notes"}, {"version", "1"}, {"tools", {add, list}}}.dump();
  }

  // One attempt. Never retry in here: onetake decides that, and has to know of every send.
  Result Invoke(const Call& call) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (call.tool() == "list_notes") {
      Json notes = Json::array();
      for (const auto& [key, note] : by_key_.items()) notes.push_back(note);
      return {Result::Outcome::kSucceeded, Json{{"notes", notes}}.dump(), "", 0};
    }
    if (call.tool() != "add_note") return {Result::Outcome::kRejected, "", "no such tool", 0};
    const std::string text = Json::parse(call.arguments_json()).at("text");
    if (text.find_first_not_of(' ') == std::string::npos) {
      // Before anything was done: surely no effect.
      return {Result::Outcome::kRejected, R"({"error":"the note is empty"})", "", 0};
    }
    call.Progress("writing the note", 1, 2);
    // An exception from here on is "may have happened", which is the truth.
    const std::string key(call.key());
    // The same key again is the same note: a retry makes no second one.
    if (!by_key_.contains(key)) {
      Json notes = by_key_;
      notes[key] = Json{{"id", notes.size() + 1}, {"text", text}};
      // Success told of what is not kept would be a lie, and the next attempt a second note.
      if (!Keep(notes)) {
        return {Result::Outcome::kMayHaveHappened, "", "the notes cannot be written", 0};
      }
      by_key_ = std::move(notes);
    }
    return {Result::Outcome::kSucceeded, by_key_[key].dump(), "", 0};
  }

  ProbeResult Probe(const Call& call) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto note = by_key_.find(std::string(call.key()));
    if (note == by_key_.end()) return {ProbeResult::Verdict::kNotApplied, ""};
    return {ProbeResult::Verdict::kApplied, note->dump()};
  }

 private:
  // Writes beside the file and moves it into place, so that a crash leaves the old one or the new
  // one. A database would also sync it. False: it may not be kept.
  bool Keep(const Json& notes) const {
    if (file_.empty()) return true;
    const std::string beside = file_ + ".new";
    std::ofstream stream(beside, std::ios::binary | std::ios::trunc);
    stream << notes.dump();
    stream.close();
    return stream.good() && std::rename(beside.c_str(), file_.c_str()) == 0;
  }

  std::mutex mutex_;
  std::string file_;
  Json by_key_ = Json::object();
};

}  // namespace

ONETAKE_PLUGIN(Notes)
