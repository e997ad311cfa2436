#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "runtime/catalog/yaml_tree.h"
#include "tests/testing/catalog_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<std::string> FaultsOf(absl::string_view text) {
  std::vector<std::string> faults;
  for (const YamlFault& fault : ParseYaml(text).faults) {
    faults.push_back(absl::StrCat(fault.mark.line, ": ", fault.message));
  }
  return faults;
}

TEST(ParseYamlTest, KeepsNamesStylesAndPlaces) {
  const YamlDocument document = ParseYaml("a: 1\nb:\n  - \"two\"\n  - ~\nc: |\n  text\n");
  ASSERT_THAT(document.faults, IsEmpty());
  ASSERT_THAT(document.root.map, SizeIs(3));
  const YamlMember& a = document.root.map[0];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.value.text, "1");
  EXPECT_EQ(a.value.style, YamlNode::Style::kPlain);
  const YamlMember& b = document.root.map[1];
  EXPECT_EQ(b.mark.line, 2);
  EXPECT_EQ(b.mark.column, 1);
  EXPECT_EQ(b.value.list[0].style, YamlNode::Style::kQuoted);
  EXPECT_EQ(b.value.list[0].mark.line, 3);
  EXPECT_EQ(b.value.list[0].mark.column, 5);
  EXPECT_EQ(b.value.list[1].kind, YamlNode::Kind::kNull);
  EXPECT_EQ(document.root.Find("c")->style, YamlNode::Style::kQuoted);
  EXPECT_EQ(document.root.Find("d"), nullptr);
}

TEST(ParseYamlTest, AnEmptyFileIsNoFaultOfYaml) {
  for (const char* text : {"", "\n", "# nothing\n", "---\n"}) {
    const YamlDocument document = ParseYaml(text);
    EXPECT_THAT(document.faults, IsEmpty()) << text;
    EXPECT_EQ(document.root.kind, YamlNode::Kind::kNull) << text;
  }
}

TEST(ParseYamlTest, RefusesWhatCouldStandForGigabytes) {
  EXPECT_THAT(FaultsOf("a: &x [1]\nb: *x\n"),
              ElementsAre(HasSubstr("1: has an anchor"), HasSubstr("2: has an alias")));
  std::string bomb = "a0: &a0 [lol, lol]\n";
  for (int i = 1; i < 30; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1, "]\n");
  }
  EXPECT_THAT(FaultsOf(bomb), SizeIs(20));
  EXPECT_THAT(FaultsOf("a: !!binary aGk=\n"), ElementsAre(HasSubstr("1: has a tag")));
  EXPECT_THAT(FaultsOf("<<: { a: 1 }\nb: 2\n"), IsEmpty()) << "a name like any other";
}

TEST(ParseYamlTest, RefusesWhatIsTooDeepOrTooLong) {
  const auto nested = [](int levels) {
    return absl::StrCat(std::string(levels, '['), std::string(levels, ']'));
  };
  EXPECT_THAT(FaultsOf(nested(kYamlDepthMax)), IsEmpty());
  EXPECT_THAT(FaultsOf(nested(kYamlDepthMax + 1)),
              ElementsAre(HasSubstr("1: is nested deeper than 32 levels")));
  EXPECT_THAT(FaultsOf(absl::StrCat("a: ", nested(40), "\nb: 1\na: 2\n")),
              ElementsAre(HasSubstr("deeper"), HasSubstr("\"a\" twice")))
      << "what is too deep hides nothing else";
  EXPECT_THAT(FaultsOf(nested(100000)), Not(IsEmpty()));
  EXPECT_THAT(FaultsOf(std::string(kYamlBytesMax, ' ')), IsEmpty());
  EXPECT_THAT(FaultsOf(std::string(kYamlBytesMax + 1, ' ')),
              ElementsAre(HasSubstr("is longer than 262144 bytes")));
}

TEST(ParseYamlTest, RefusesWhatIsNoText) {
  EXPECT_THAT(FaultsOf("a: 1\nb: \xff\n"), ElementsAre(HasSubstr("2: is not text in UTF-8")));
  EXPECT_THAT(FaultsOf(absl::string_view("a: \0", 4)),
              ElementsAre(HasSubstr("1: is not text in UTF-8")));
  EXPECT_THAT(FaultsOf("a: \xed\xa0\x80\n"), SizeIs(1)) << "half a surrogate pair";
  EXPECT_THAT(FaultsOf("a: caf\xc3\xa9\n"), IsEmpty());
}

TEST(ParseYamlTest, RefusesNamesThatAreNoText) {
  EXPECT_THAT(FaultsOf("? [a, b]\n: 1\n"), ElementsAre(HasSubstr("1: has a name that is not")));
  EXPECT_THAT(FaultsOf("? {a: b}\n: 1\nc: 2\nc: 3\n"),
              ElementsAre(HasSubstr("1: has a name that is not"), HasSubstr("4: has \"c\" twice")));
}

class CatalogFuzzTest : public CatalogTest {
 protected:
  // Whatever the file is: an answer, and a catalog only when there is no error.
  void ExpectSurvives(absl::string_view text) {
    Write("a.yaml", text);
    const Catalog catalog = Load();
    EXPECT_EQ(catalog.tools == nullptr, HasErrors(catalog.diagnostics));
    for (const std::string& line : Said(catalog)) EXPECT_LT(line.size(), 2000u);
  }
};

// Seeded, so that a failure can be had again.
TEST_F(CatalogFuzzTest, AnyBytesAreAnswered) {
  std::mt19937 random(20260624);
  constexpr absl::string_view kPieces = ":-?[]{}#&*!|>'\"%@`,\n \t$.~ab01\\";
  for (int i = 0; i < 300; ++i) {
    std::string text(1 + random() % 400, ' ');
    for (char& c : text) {
      c = random() % 8 == 0 ? static_cast<char>(random() % 256)
                            : kPieces[random() % kPieces.size()];
    }
    ExpectSurvives(text);
  }
}

TEST_F(CatalogFuzzTest, AnyDamageToAManifestIsAnswered) {
  std::mt19937 random(20260625);
  Write("find.yaml", kFind);
  for (int i = 0; i < 400; ++i) {
    std::string text(kBook);
    for (size_t change = 0; change <= random() % 3; ++change) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text.erase(at, 1 + random() % 20); break;
        case 1: text[at] = static_cast<char>(random() % 256); break;
        case 2: text.insert(at, text.substr(random() % text.size(), random() % 30)); break;
        default: text.resize(at + 1); break;
      }
    }
    ExpectSurvives(text);
  }
}

TEST_F(CatalogFuzzTest, BigFilesEndInTime) {
  std::string keys;
  std::string branches = "name: a\ndescription: b\nparameters:\n  type: object\n  anyOf:\n";
  for (int i = 0; i < 8000; ++i) absl::StrAppend(&keys, "k", i, ": { a: [1, 2] }\n");
  for (int i = 0; i < 8000; ++i) absl::StrAppend(&branches, "    - { required: [x] }\n");
  ExpectSurvives(keys);
  ExpectSurvives(branches);
  ExpectSurvives(std::string(250000, '['));
  ExpectSurvives(std::string(250000, '-'));
  ExpectSurvives(absl::StrCat("a: \"", std::string(250000, 'x')));
  std::string dashes;
  for (int i = 0; i < 120000; ++i) dashes += "- ";
  ExpectSurvives(dashes);
}

}  // namespace
}  // namespace onetake::testing
