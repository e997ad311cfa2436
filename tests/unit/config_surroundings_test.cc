#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/config/surroundings.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class FindMisfitsTest : public ::testing::Test {
 protected:
  FindMisfitsTest() {
    std::filesystem::create_directory(dir_.Path("tools.d"));
    config_.ledger_path = dir_.Path("onetake.db");
    config_.tool_folders = {dir_.Path("tools.d")};
    config_.intent_key = {.kind = SecretSource::Kind::kFile, .name = dir_.Path("onetake.key")};
    config_.sealing.new_rows = SealingConfig::NewRows::kPlain;
  }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_.Path(name)) << text;
  }
  void WriteKey(const std::string& name, const std::string& text) {
    Write(name, text);
    std::filesystem::permissions(
        dir_.Path(name), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  std::vector<std::string> Find(Misfit::Weight weight) const {
    std::vector<std::string> texts;
    for (const Misfit& misfit : FindMisfits(config_)) {
      if (misfit.weight == weight) texts.push_back(misfit.text);
    }
    return texts;
  }
  std::vector<std::string> Errors() const { return Find(Misfit::Weight::kError); }
  std::vector<std::string> Warnings() const { return Find(Misfit::Weight::kWarning); }

  testing::TempDir dir_;
  ServerConfig config_;
};

TEST_F(FindMisfitsTest, FindsNothingWhereAFirstStartWouldDo) {
  EXPECT_THAT(Errors(), IsEmpty());
  EXPECT_THAT(Warnings(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(config_.intent_key.name)) << "it makes nothing";
  EXPECT_FALSE(std::filesystem::exists(config_.ledger_path));
}

TEST_F(FindMisfitsTest, AFolderOfManifestsMustBeThere) {
  Write("file", "");
  config_.tool_folders.push_back(dir_.Path("none"));
  config_.tool_folders.push_back(dir_.Path("file"));
  EXPECT_THAT(Errors(),
              ElementsAre(AllOf(StartsWith("tools: "), HasSubstr("/none is not a folder")),
                          HasSubstr("/file is not a folder")));
}

TEST_F(FindMisfitsTest, TheLedgerIsAFileInAFolder) {
  config_.ledger_path = dir_.Path("tools.d");
  EXPECT_THAT(Errors(), ElementsAre(AllOf(StartsWith("ledger.path: "), HasSubstr("is a folder"))));
  config_.ledger_path = dir_.Path("none/onetake.db");
  EXPECT_THAT(Errors(), IsEmpty());
  EXPECT_THAT(Warnings(), ElementsAre(AllOf(StartsWith("ledger.path: there is no folder "),
                                            HasSubstr("/none here"))));
}

TEST_F(FindMisfitsTest, ALedgerNeedsTheKeysItWasMadeWith) {
  Write("onetake.db", "");
  config_.sealing.new_rows = SealingConfig::NewRows::kSealed;
  config_.sealing.master = {.kind = SecretSource::Kind::kFile, .name = dir_.Path("tools.d")};
  EXPECT_THAT(Errors(),
              ElementsAre(AllOf(StartsWith("intent_key: "), HasSubstr("the ledger exists")),
                          AllOf(StartsWith("sealing.master: "), HasSubstr("is a folder"))));
  WriteKey("onetake.key", std::string(64, '7'));
  WriteKey("onetake.master", std::string(64, '7'));
  config_.sealing.master.name = dir_.Path("onetake.master");
  EXPECT_THAT(Errors(), IsEmpty());
}

TEST_F(FindMisfitsTest, AKeyMustBeOneAndPrivate) {
  config_.sealing.new_rows = SealingConfig::NewRows::kSealed;
  config_.sealing.master = {.kind = SecretSource::Kind::kFile, .name = dir_.Path("onetake.master")};
  WriteKey("onetake.key", std::string(64, '7'));
  std::filesystem::permissions(config_.intent_key.name, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  WriteKey("onetake.master", "short");
  EXPECT_THAT(Errors(),
              ElementsAre(AllOf(StartsWith("intent_key: "), HasSubstr("can be read")),
                          AllOf(StartsWith("sealing.master: "), HasSubstr("has 5 bytes"))));
}

TEST_F(FindMisfitsTest, WhatMayBeRightElsewhereIsAWarning) {
  config_.intent_key = {.kind = SecretSource::Kind::kEnv, .name = "ONETAKE_TEST_UNSET"};
  config_.sealing.new_rows = SealingConfig::NewRows::kSealed;
  config_.sealing.master = {.kind = SecretSource::Kind::kCommand, .command = {"/none/fetch"}};
  config_.listen_group = "onetake-nosuch-group";
  EXPECT_THAT(Errors(), IsEmpty());
  EXPECT_THAT(Warnings(),
              ElementsAre(StartsWith("intent_key: the variable ONETAKE_TEST_UNSET is not set here"),
                          StartsWith("sealing.master: there is no program /none/fetch"),
                          StartsWith("listen_group: there is no group onetake-nosuch-group")));
  config_.intent_key.name = "PATH";
  config_.sealing.master.command = {"/bin/sh"};
  config_.listen_group = "root";
  EXPECT_THAT(Warnings(), IsEmpty());
}

TEST_F(FindMisfitsTest, AToolOnLegalHoldThatNoManifestHasIsAWarning) {
  Write("tools.d/find.yaml",
        "name: find\ndescription: Finds.\neffect: READ\nparameters: { type: object }\n"
        "http: { method: GET, url: 'http://127.0.0.1:1/x' }\n");
  config_.retention.held_tools = {"find", "fnid"};
  EXPECT_THAT(Warnings(), ElementsAre(StartsWith("retention.hold.tools: there is no tool fnid")));
  Write("tools.d/bad.yaml", "name: 1\n");
  EXPECT_THAT(Warnings(), ElementsAre(AllOf(StartsWith("retention.hold.tools: not checked"),
                                            HasSubstr("onetake tools lint"))));
}

TEST_F(FindMisfitsTest, AKeyThatOutlivesWhatTheLedgerKeepsIsAWarning) {
  Write("tools.d/book.yaml",
        "name: book\ndescription: Books.\neffect: WRITE\n"
        "parameters: { type: object, properties: { slot: { type: string } }, required: [slot] }\n"
        "intent: { scope: [session], identity: { slot: verbatim } }\n"
        "safety: { keyed: { header: Idempotency-Key, retention: 2160h } }\n"
        "http: { method: POST, url: 'http://127.0.0.1:1/x', body: $ }\n");
  config_.retention.skeletons = absl::Hours(2160);
  EXPECT_THAT(Warnings(), IsEmpty());
  config_.retention.skeletons = absl::Hours(2159);
  EXPECT_THAT(Warnings(), ElementsAre(AllOf(StartsWith("retention.skeletons: is shorter"),
                                            HasSubstr("of book"))));
}

}  // namespace
}  // namespace onetake
