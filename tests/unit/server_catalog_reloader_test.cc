#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/system_clock.h"
#include "runtime/server/catalog_reloader.h"
#include "tests/testing/catalog_fixture.h"
#include "tests/testing/eventually.h"

namespace onetake {
namespace {

using ::testing::AllOf;
using testing::Eventually;
using ::testing::HasSubstr;
using ::testing::Not;

class CatalogReloaderTest : public testing::CatalogTest {
 protected:
  CatalogReloaderTest() {
    Write("book.yaml", kBook);
    Write("find.yaml", kFind);
    loaded_ = Load().tools;
  }

  void Start(CatalogReloader::Watch watch) {
    reloader_ = std::make_unique<CatalogReloader>(
        CatalogReloader::Options{
            .folders = {dir_.path()}, .watch = watch, .quiet = absl::Milliseconds(20)},
        [this] {
          ++loads_;
          return Load();
        },
        loaded_,
        [this](std::shared_ptr<const ToolSet> tools) {
          absl::MutexLock lock(&mutex_);
          applied_ = std::move(tools);
        },
        clock_);
    reloader_->Start();
    const bool looks = watch == CatalogReloader::Watch::kOn;
    ASSERT_TRUE(Eventually([&] { return loads_ == (looks ? 1 : 0); }));
  }
  std::shared_ptr<const ToolSet> Applied() {
    absl::MutexLock lock(&mutex_);
    return applied_;
  }
  bool Has(const char* tool) {
    const auto tools = Applied();
    return tools != nullptr && tools->Find(tool) != nullptr;
  }
  void WriteAnother() {
    Write("another.yaml", absl::StrReplaceAll(kFind, {{"name: find", "name: another"}}));
  }

  std::shared_ptr<const ToolSet> loaded_;
  SystemClock clock_;
  std::atomic<int> loads_ = 0;
  absl::Mutex mutex_;
  std::shared_ptr<const ToolSet> applied_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<CatalogReloader> reloader_;
};

TEST_F(CatalogReloaderTest, AFileThatIsWrittenIsReadWithoutBeingAskedTo) {
  Start(CatalogReloader::Watch::kOn);
  WriteAnother();
  EXPECT_TRUE(Eventually([&] { return Has("another"); }));
  std::filesystem::remove(dir_.Path("another.yaml"));
  EXPECT_TRUE(Eventually([&] { return !Has("another"); }));
  EXPECT_TRUE(Eventually([&] { return reloader_->stats().reloaded == 2; }));
  EXPECT_EQ(reloader_->stats().tools, 2);
}

TEST_F(CatalogReloaderTest, WithoutAWatchOnlyARequestReads) {
  Start(CatalogReloader::Watch::kOff);
  WriteAnother();
  EXPECT_EQ(loads_, 0);
  const std::string before = reloader_->stats().version;
  reloader_->Reload();
  ASSERT_TRUE(Eventually([&] { return reloader_->stats().reloaded == 1; }));
  EXPECT_TRUE(Has("another"));
  EXPECT_NE(reloader_->stats().version, before);
}

TEST_F(CatalogReloaderTest, WhatHasChangedSinceTheStartIsFound) {
  WriteAnother();
  Start(CatalogReloader::Watch::kOn);
  EXPECT_TRUE(Eventually([&] { return Has("another"); }));
}

TEST_F(CatalogReloaderTest, AnErrorKeepsTheWholeSetAndSaysWhereItIs) {
  Start(CatalogReloader::Watch::kOff);
  WriteAnother();
  WriteBook("effect: WRITE", "effect: MAYBE");
  ::testing::internal::CaptureStderr();
  reloader_->Reload();
  EXPECT_TRUE(Eventually([&] { return reloader_->stats().refused == 1; }));
  reloader_.reset();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("manifest.diagnostic"), HasSubstr("book.yaml\",\"line\":3"),
                    HasSubstr("catalog.reload_refused"), Not(HasSubstr("catalog.reloaded"))));
  EXPECT_EQ(Applied(), nullptr) << "not even what is right of it";
}

TEST_F(CatalogReloaderTest, TheSameSetIsNotSwapped) {
  Start(CatalogReloader::Watch::kOff);
  std::filesystem::rename(dir_.Path("book.yaml"), dir_.Path("booking.yaml"));
  reloader_->Reload();
  EXPECT_TRUE(Eventually([&] { return reloader_->stats().unchanged == 1; }));
  EXPECT_EQ(Applied(), nullptr);
}

TEST_F(CatalogReloaderTest, SaysWhichToolsHaveChanged) {
  Start(CatalogReloader::Watch::kOff);
  WriteBook("Books a slot.", "Books one.");
  WriteAnother();
  std::filesystem::remove(dir_.Path("find.yaml"));
  WriteBook("    tool: find", "    tool: another");
  std::filesystem::remove(dir_.Path("find.yaml"));
  ::testing::internal::CaptureStderr();
  reloader_->Reload();
  EXPECT_TRUE(Eventually([&] { return reloader_->stats().reloaded == 1; }));
  reloader_.reset();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr(R"("event":"catalog.tool_added","tool":"another")"),
                    HasSubstr(R"("event":"catalog.tool_changed","tool":"book")"),
                    HasSubstr(R"("event":"catalog.tool_removed","tool":"find")"),
                    HasSubstr(R"("event":"catalog.reloaded","trigger":"request","count":2)")));
}

TEST_F(CatalogReloaderTest, AFolderThatIsGoneKeepsTheToolsUntilItIsBack) {
  Start(CatalogReloader::Watch::kOn);
  const std::string away = dir_.path() + ".away";
  std::filesystem::rename(dir_.path(), away);
  ASSERT_TRUE(Eventually([&] { return reloader_->stats().refused >= 1; }));
  EXPECT_EQ(Applied(), nullptr);
  std::ofstream(away + "/another.yaml")
      << absl::StrReplaceAll(kFind, {{"name: find", "name: another"}});
  std::filesystem::rename(away, dir_.path());
  EXPECT_TRUE(Eventually([&] { return Has("another"); }));
}

}  // namespace
}  // namespace onetake
