# Compiler settings, the packages we build on, and the two functions every folder uses:
# onetake_library(name SOURCES ... DEPS ...) and onetake_test(name LABELS ... SOURCES ... DEPS ...).

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

option(ONETAKE_FAILPOINTS "Compile the named crash points that tests arm by ONETAKE_FAILPOINT" OFF)
option(ONETAKE_COVERAGE "Count which lines and branches are run, for scripts/coverage (Clang)" OFF)
option(ONETAKE_FUZZ "Build the targets of tests/fuzz with libFuzzer (Clang)" OFF)
set(ONETAKE_SANITIZE "" CACHE STRING "Value for -fsanitize=, e.g. address,undefined or thread")

find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core pull)
find_library(PHONENUMBER_LIBRARY phonenumber REQUIRED)

# Everything we compile gets these; generated code opts out of the warnings.
add_library(onetake_flags INTERFACE)
target_include_directories(onetake_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(onetake_flags INTERFACE
  -Wall -Wextra -Werror -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wno-missing-field-initializers  # designated initialisers leave members at their defaults
  -fstack-protector-strong
  -pthread  # everywhere: some packages ask for it, and what is precompiled has to be compiled alike
  $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>  # ccache asks for it with precompiled headers
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # GCC 12 reports uses of std::optional and std::string members as uninitialised that are not, and
  # moves of a short std::string, whose header it takes from a precompiled one, as out of bounds.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict -Wno-array-bounds
                                -Wno-stringop-overflow>)
target_compile_definitions(onetake_flags INTERFACE
  _GLIBCXX_ASSERTIONS
  $<$<BOOL:${ONETAKE_FAILPOINTS}>:ONETAKE_FAILPOINTS>
  $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
target_link_options(onetake_flags INTERFACE -Wl,-z,relro,-z,now)
if(ONETAKE_SANITIZE)
  add_compile_options(-fsanitize=${ONETAKE_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ONETAKE_SANITIZE})
  if(ONETAKE_SANITIZE MATCHES undefined)
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
  if(ONETAKE_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options(-Wno-tsan)  # of fences in Asio, which TSan cannot follow
  endif()
  if(ONETAKE_SANITIZE MATCHES thread)
    # In every program, and found there by the libraries too.
    target_sources(onetake_flags INTERFACE $<TARGET_OBJECTS:onetake_absl_sync_tsan>)
    add_link_options(-Wl,--export-dynamic)
    include_directories(BEFORE ${CMAKE_SOURCE_DIR}/tests/sanitize/include)
  endif()
endif()

if(ONETAKE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # counts what is reached, in libraries too
endif()

if(ONETAKE_COVERAGE)
  # By what the source says, not by what the compiler makes of it; threads share the counters.
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping -fprofile-update=atomic)
  add_link_options(-fprofile-instr-generate)
endif()

# What nearly every file includes, read once: a third of the time of a build, of the preset `test`.
# Files name what they use all the same: the other presets build without this and notice.
set(ONETAKE_PRECOMPILED
  <algorithm> <functional> <map> <memory> <optional> <set> <string> <utility> <vector>
  <absl/functional/any_invocable.h> <absl/strings/match.h> <absl/strings/str_cat.h>
  <absl/strings/str_join.h> <absl/strings/str_split.h> <absl/synchronization/mutex.h>
  <absl/time/time.h> <runtime/base/status.h>)
# Once for libraries and once for programs: they differ in -fPIC, programs have GoogleTest's headers.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "int main() {}\n")
add_library(onetake_precompiled OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/precompiled.cc)
target_link_libraries(onetake_precompiled PRIVATE onetake_flags absl::any_invocable absl::statusor absl::time)
target_precompile_headers(onetake_precompiled PRIVATE ${ONETAKE_PRECOMPILED})

function(onetake_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC onetake_flags ${ARG_DEPS})
    target_precompile_headers(${name} REUSE_FROM onetake_precompiled)
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE onetake_flags ${ARG_DEPS})
  endif()
endfunction()

if(BUILD_TESTING OR NOT DEFINED BUILD_TESTING)
  find_package(GTest REQUIRED)
  add_executable(onetake_precompiled_test EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_link_libraries(onetake_precompiled_test PRIVATE
    onetake_flags absl::any_invocable absl::statusor absl::time GTest::gmock)
  target_precompile_headers(onetake_precompiled_test PRIVATE
    ${ONETAKE_PRECOMPILED} <filesystem> <fstream> <gmock/gmock.h> <gtest/gtest.h>)
endif()

# One test program, run by ctest as a whole. LABELS: unit, e2e, crash ...
function(onetake_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS;SOURCES;DEPS;ARGS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE onetake_flags ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM onetake_precompiled_test)
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  if(ONETAKE_SANITIZE OR ONETAKE_COVERAGE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
