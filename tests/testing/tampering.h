#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"

namespace onetake::testing {

// A ledger's file in the hands of somebody who owns it: no trigger, no check, any SQL.
class Tampering {
 public:
  explicit Tampering(const std::string& path) {
    ONETAKE_CHECK(sqlite3_open(path.c_str(), &db_) == SQLITE_OK);
    Run("PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON");
    triggers_ = Texts("SELECT sql FROM sqlite_schema WHERE type = 'trigger'");
    for (const std::string& name : Texts("SELECT name FROM sqlite_schema WHERE type = 'trigger'")) {
      Run(absl::StrCat("DROP TRIGGER ", name));
    }
  }
  ~Tampering() {
    for (const std::string& trigger : triggers_) Run(trigger);
    sqlite3_close(db_);
  }
  Tampering(const Tampering&) = delete;
  Tampering& operator=(const Tampering&) = delete;

  void Run(const std::string& sql) {
    const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) (void)std::fprintf(stderr, "%s: %s\n", sql.c_str(), sqlite3_errmsg(db_));
    ONETAKE_CHECK(code == SQLITE_OK);
  }

  // The first column of every row.
  std::vector<std::string> Texts(const std::string& sql) {
    std::vector<std::string> texts;
    sqlite3_exec(
        db_, sql.c_str(),
        [](void* out, int, char** values, char**) {
          static_cast<std::vector<std::string>*>(out)->emplace_back(values[0] ? values[0] : "");
          return 0;
        },
        &texts, nullptr);
    return texts;
  }
  std::string Text(const std::string& sql) {
    const std::vector<std::string> texts = Texts(sql);
    return texts.empty() ? "" : texts.front();
  }

 private:
  sqlite3* db_ = nullptr;
  std::vector<std::string> triggers_;
};

}  // namespace onetake::testing
