#include "runtime/intent/unicode.h"

#include <unicode/normalizer2.h>
#include <unicode/timezone.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "runtime/base/check.h"

namespace onetake {
namespace {

icu::UnicodeString FromUtf8(absl::string_view text) {
  return icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
}

std::string ToUtf8(const icu::UnicodeString& text) {
  std::string utf8;
  text.toUTF8String(utf8);
  return utf8;
}

// ICU fails here only without its data, which is linked in, or without memory.
icu::UnicodeString Normalised(const icu::Normalizer2* normalizer, UErrorCode status,
                              const icu::UnicodeString& text) {
  ONETAKE_CHECK(U_SUCCESS(status));
  icu::UnicodeString normalised = normalizer->normalize(text, status);
  ONETAKE_CHECK(U_SUCCESS(status));
  return normalised;
}

template <typename Function>
void ForEachCodePoint(const icu::UnicodeString& text, Function function) {
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) function(text.char32At(i));
}

}  // namespace

std::string FoldText(absl::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* fold = icu::Normalizer2::getNFKCCasefoldInstance(status);
  icu::UnicodeString collapsed;
  bool pending_space = false;
  ForEachCodePoint(Normalised(fold, status, FromUtf8(text)), [&](UChar32 c) {
    if (u_isUWhiteSpace(c)) {
      pending_space = !collapsed.isEmpty();
      return;
    }
    if (pending_space) collapsed.append(u' ');
    pending_space = false;
    collapsed.append(c);
  });
  return ToUtf8(collapsed);
}

std::string PlainText(absl::string_view text) {
  constexpr UChar32 kMinus = 0x2212;
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfkc = icu::Normalizer2::getNFKCInstance(status);
  icu::UnicodeString plain;
  ForEachCodePoint(Normalised(nfkc, status, FromUtf8(text)), [&](UChar32 c) {
    if (u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT)) return;
    if (u_isUWhiteSpace(c)) {
      plain.append(u' ');
    } else if (c == kMinus || u_charType(c) == U_DASH_PUNCTUATION) {
      plain.append(u'-');
    } else {
      plain.append(c);
    }
  });
  return ToUtf8(plain);
}

std::string TrimText(absl::string_view text) {
  const icu::UnicodeString whole = FromUtf8(text);
  int32_t begin = 0;
  int32_t end = whole.length();
  while (begin < end && u_isUWhiteSpace(whole.char32At(begin))) begin = whole.moveIndex32(begin, 1);
  while (end > begin && u_isUWhiteSpace(whole.char32At(end - 1))) end = whole.moveIndex32(end, -1);
  return ToUtf8(whole.tempSubStringBetween(begin, end));
}

bool IsTimeZoneName(absl::string_view name) {
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeString canonical;
  UBool is_system_id = false;
  icu::TimeZone::getCanonicalID(FromUtf8(name), canonical, is_system_id, status);
  return U_SUCCESS(status) && is_system_id != 0;
}

}  // namespace onetake
