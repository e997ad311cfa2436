#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <fstream>

#include "runtime/server/folder_watch.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

namespace fs = std::filesystem;
using testing::IsOk;
using testing::TempDir;

class FolderWatchTest : public ::testing::Test {
 protected:
  FolderWatchTest() {
    fs::create_directory(dir_.Path("tools.d"));
    Write("tools.d/book.yaml");
  }

  void Write(const std::string& name, absl::string_view text = "x") {
    std::ofstream file(dir_.Path(name), std::ios::binary | std::ios::app);
    file << text;
  }
  // The link appears whole, as deployments do it.
  void Link(const std::string& target, const std::string& name) {
    fs::create_symlink(target, dir_.Path(name + ".new"));
    fs::rename(dir_.Path(name + ".new"), dir_.Path(name));
  }
  // What has been done before the call is in the queue already.
  static bool Told(FolderWatch& watch) {
    pollfd ready{.fd = watch.fd(), .events = POLLIN, .revents = 0};
    poll(&ready, 1, 0);
    return watch.TakeEvents();
  }

  TempDir dir_;
};

TEST_F(FolderWatchTest, TellsWhateverChangesInAFolder) {
  FolderWatch watch({dir_.Path("tools.d")});
  EXPECT_THAT(watch.status(), IsOk());
  EXPECT_FALSE(Told(watch));
  Write("tools.d/book.yaml");
  EXPECT_TRUE(Told(watch)) << "written";
  Write("tools.d/find.yml");
  EXPECT_TRUE(Told(watch)) << "new";
  fs::rename(dir_.Path("tools.d/find.yml"), dir_.Path("tools.d/found.yml"));
  EXPECT_TRUE(Told(watch)) << "renamed";
  fs::permissions(dir_.Path("tools.d/book.yaml"), fs::perms::none);
  EXPECT_TRUE(Told(watch)) << "not readable any more";
  fs::remove(dir_.Path("tools.d/book.yaml"));
  EXPECT_TRUE(Told(watch)) << "removed";
  fs::create_directory(dir_.Path("tools.d/schemas"));
  EXPECT_TRUE(Told(watch)) << "a folder below";
}

TEST_F(FolderWatchTest, SchemasBelowAreWatchedToo) {
  fs::create_directories(dir_.Path("tools.d/schemas/v1"));
  FolderWatch watch({dir_.Path("tools.d")});
  Write("tools.d/schemas/v1/book.json");
  EXPECT_TRUE(Told(watch));
}

TEST_F(FolderWatchTest, WhatIsOfNoCatalogIsLeftAlone) {
  fs::create_directory(dir_.Path("tools.d/.git"));
  FolderWatch watch({dir_.Path("tools.d")});
  for (const char* name : {".book.yaml.swp", "book.yaml~", "README.md", ".git/index"}) {
    Write(std::string("tools.d/") + name);
    EXPECT_FALSE(Told(watch)) << name;
  }
  Write("beside.yaml");
  fs::create_directory(dir_.Path("another"));
  EXPECT_FALSE(Told(watch)) << "beside the folder";
}

TEST_F(FolderWatchTest, AFolderThatIsReplacedByARenameIsSeen) {
  fs::create_directory(dir_.Path("next"));
  const FolderWatch* watch = nullptr;
  FolderWatch first({dir_.Path("tools.d")});
  watch = &first;
  EXPECT_GE(watch->fd(), 0);
  fs::rename(dir_.Path("tools.d"), dir_.Path("old"));
  EXPECT_TRUE(Told(first)) << "gone";
  FolderWatch second({dir_.Path("tools.d")});
  EXPECT_FALSE(Told(second));
  fs::rename(dir_.Path("next"), dir_.Path("tools.d"));
  EXPECT_TRUE(Told(second)) << "back";
}

TEST_F(FolderWatchTest, ALinkOnTheWayThatLeadsElsewhereNowIsSeen) {
  fs::create_directories(dir_.Path("releases/1/tools.d"));
  fs::create_directories(dir_.Path("releases/2/tools.d"));
  fs::create_symlink("releases/1", dir_.Path("current"));
  FolderWatch watch({dir_.Path("current/tools.d")});
  Write("releases/1/tools.d/book.yaml");
  EXPECT_TRUE(Told(watch)) << "where it leads";
  Write("releases/2/tools.d/book.yaml");
  EXPECT_FALSE(Told(watch)) << "where it does not lead";
  Link("releases/2", "current");
  EXPECT_TRUE(Told(watch));
}

// A mounted ConfigMap: each file is a link through "..data", which is swapped.
TEST_F(FolderWatchTest, AMountedConfigMapIsSeenToChange) {
  fs::create_directory(dir_.Path("map"));
  fs::create_directory(dir_.Path("map/..1"));
  Write("map/..1/book.yaml");
  fs::create_symlink("..1", dir_.Path("map/..data"));
  fs::create_symlink("..data/book.yaml", dir_.Path("map/book.yaml"));
  FolderWatch watch({dir_.Path("map")});
  EXPECT_THAT(watch.status(), IsOk());
  fs::create_directory(dir_.Path("map/..2"));
  Write("map/..2/book.yaml");
  Told(watch);
  FolderWatch again({dir_.Path("map")});
  fs::create_symlink("..2", dir_.Path("map/..data_tmp"));
  fs::rename(dir_.Path("map/..data_tmp"), dir_.Path("map/..data"));
  EXPECT_TRUE(Told(again));
}

TEST_F(FolderWatchTest, AFileBehindALinkOutOfTheFolderIsWatchedAndNothingElseThere) {
  fs::create_directory(dir_.Path("elsewhere"));
  Write("elsewhere/find.yaml");
  fs::create_symlink("../elsewhere/find.yaml", dir_.Path("tools.d/find.yaml"));
  fs::create_symlink("../elsewhere", dir_.Path("tools.d/all"));
  FolderWatch watch({dir_.Path("tools.d")});
  Write("elsewhere/other.yaml");
  EXPECT_FALSE(Told(watch));
  Write("elsewhere/find.yaml.new");
  fs::rename(dir_.Path("elsewhere/find.yaml.new"), dir_.Path("elsewhere/find.yaml"));
  EXPECT_TRUE(Told(watch));
}

TEST_F(FolderWatchTest, AFolderThatIsMissingIsAwaited) {
  FolderWatch watch({dir_.Path("a/b")});
  EXPECT_THAT(watch.status(), IsOk()) << "that it is missing is the catalog's to say";
  fs::create_directory(dir_.Path("a"));
  EXPECT_TRUE(Told(watch));
}

TEST_F(FolderWatchTest, LinksInACircleEnd) {
  fs::create_symlink("loop", dir_.Path("loop"));
  fs::create_symlink(".", dir_.Path("tools.d/self"));
  FolderWatch watch({dir_.Path("loop"), dir_.Path("tools.d")});
  Write("tools.d/book.yaml");
  EXPECT_TRUE(Told(watch));
}

TEST_F(FolderWatchTest, MoreFoldersThanTheBoundAreSaidToBeTooMany) {
  for (size_t i = 0; i < FolderWatch::kWatches; ++i) {
    fs::create_directory(dir_.Path("tools.d/" + std::to_string(i)));
  }
  const FolderWatch watch({dir_.Path("tools.d")});
  EXPECT_THAT(watch.status(), testing::StatusIs(absl::StatusCode::kResourceExhausted,
                                                ::testing::HasSubstr("folders to watch")));
}

}  // namespace
}  // namespace onetake
