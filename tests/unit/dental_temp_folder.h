#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "runtime/base/check.h"

namespace onetake::dental {

// A folder of one test's own, gone with it.
class TempFolder {
 public:
  TempFolder() : path_(::testing::TempDir() + "/dental-XXXXXX") {
    ONETAKE_CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace onetake::dental
