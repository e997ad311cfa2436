#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "runtime/catalog/catalog.h"
#include "tests/testing/temp_dir.h"

namespace onetake::testing {

// A folder of manifests and an environment of one test's own.
class CatalogTest : public ::testing::Test {
 protected:
  // A WRITE that uses nearly every field and has no fault and no warning, and the READ it asks.
  static constexpr absl::string_view kBook = R"(name: book
description: Books a slot.
effect: WRITE
parameters:
  type: object
  properties:
    slot: { type: string }
    provider: { type: string }
    notes: { type: string }
    extra: { type: object, properties: { room: { type: integer } } }
  required: [slot, provider]
  additionalProperties: false
intent:
  scope: [session]
  identity:
    slot: instant
    provider: verbatim
  ignored: [notes]
  time_zone: America/Chicago
safety:
  keyed:
    header: Idempotency-Key
    retention: 24h
    in_use: { status: 409, path: $.error, equals: busy }
  probe:
    tool: find
    args: { slot: $.slot, provider: $.provider }
    applied_if: $.found[0]
timeouts: { filler: 1s, patience: 4s, floor: 8s, ceiling: 30s }
retries: { attempts: 5, total: 2m, base: 200ms, cap: 10s }
http:
  method: POST
  url: "https://api.example.com/a/{provider}"
  query: { day: $.slot }
  headers:
    X-Clinic: "{provider}"
    Authorization: { secret: { env: TOKEN }, prefix: "Bearer " }
  body: $
  outcomes: { 503: no_effect }
)";
  static constexpr absl::string_view kFind = R"(name: find
description: Finds bookings.
effect: READ
parameters:
  type: object
  properties:
    slot: { type: string }
    day: { type: string }
    provider: { type: string }
  required: [slot]
  additionalProperties: false
http:
  method: GET
  url: http://localhost:8080/find
  query: { slot: $.slot, day: $.day }
)";

  void Write(const std::string& name, absl::string_view text) {
    std::ofstream file(dir_.Path(name), std::ios::binary);
    file << text;
    ASSERT_TRUE(file.good()) << name;
  }

  // book.yaml with one piece of its text replaced, and find.yaml.
  void WriteBook(absl::string_view piece, absl::string_view by) {
    const std::string text = absl::StrReplaceAll(kBook, {{piece, by}});
    ASSERT_TRUE(piece == by || text != kBook) << "not in the manifest: " << piece;
    Write("book.yaml", text);
    Write("find.yaml", kFind);
  }

  Environment environment() const {
    return [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
  }

  Catalog Load() { return LoadCatalog({dir_.path()}, environment()); }

  // Each as "book.yaml:3: error: effect: ...", the folder left out.
  std::vector<std::string> Said(const Catalog& catalog) const {
    std::vector<std::string> lines;
    for (Diagnostic diagnostic : catalog.diagnostics) {
      diagnostic.file = absl::StrReplaceAll(diagnostic.file, {{dir_.path() + "/", ""}});
      lines.push_back(absl::StrReplaceAll(FormatDiagnostic(diagnostic), {{dir_.path() + "/", ""}}));
    }
    return lines;
  }
  std::vector<std::string> LoadAndSay() { return Said(Load()); }

  TempDir dir_;
  std::map<std::string, std::string> variables_ = {{"TOKEN", "s3cr3t-t0ken"}};
};

struct Fault {
  const char* name;
  const char* piece;    // of kBook
  const char* by;       // what stands there instead
  const char* place;    // "line: severity: field: "
  const char* message;  // a part of the message or the advice
};
inline std::string NameOf(const ::testing::TestParamInfo<Fault>& info) { return info.param.name; }

class FaultTest : public CatalogTest, public ::testing::WithParamInterface<Fault> {
 protected:
  void ExpectOneErrorAtItsPlace() {
    const Catalog catalog = Load();
    EXPECT_EQ(catalog.tools, nullptr);
    EXPECT_THAT(Said(catalog),
                ::testing::ElementsAre(::testing::AllOf(
                    ::testing::StartsWith(absl::StrCat("book.yaml:", GetParam().place)),
                    ::testing::HasSubstr(GetParam().message))));
  }
};

}  // namespace onetake::testing
