// A native plugin on the bare C ABI that does what its tools' names say.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tools/sdk/onetake_plugin.h"

namespace {

constexpr char kDescription[] =
    R"({"name":"odd","version":"7","tools":[{"name":"echo"},{"name":"throw"},{"name":"garbage"},
        {"name":"null"},{"name":"huge"},{"name":"nothing"},{"name":"future"},{"name":"hang"},
        {"name":"obedient"},{"name":"flood"},{"name":"crash"},{"name":"no_effect"},
        {"name":"babbling"},{"name":"late"}]})";

std::string String(onetake_text text) { return {text.data, text.size}; }

void Answer(onetake_result* result, int32_t outcome, const std::string& json) {
  char* copy = static_cast<char*>(std::malloc(json.size()));
  std::memcpy(copy, json.data(), json.size());
  result->outcome = outcome;
  result->result_json = {copy, json.size()};
  result->owner = copy;
}

void Append(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (write(file, "x\n", 2) == 2) close(file);
}

// The arguments are {"text":"PATH"}, without spaces.
std::string PathOf(const onetake_call* call) {
  const std::string arguments = String(call->arguments_json);
  const size_t begin = arguments.find(":\"") + 2;
  return arguments.substr(begin, arguments.find('"', begin) - begin);
}

// Begins, hangs until somebody opens the pipe of that path for writing, and has its effect then.
void InvokeLate(const onetake_call* call, onetake_result* result) {
  const std::string path = PathOf(call);
  Append(path + ".begun");
  close(open(path.c_str(), O_RDONLY));
  Append(path + ".effects");
  Answer(result, ONETAKE_SUCCEEDED, "{}");
}

void ProbeLate(const onetake_call* call, onetake_result* result) {
  const std::string path = PathOf(call);
  result->outcome = access((path + ".effects").c_str(), F_OK) == 0 ? ONETAKE_PROBE_APPLIED
                                                                   : ONETAKE_PROBE_NOT_APPLIED;
  Append(path + ".asked");
}

void Invoke(void* /*self*/, const onetake_call* call, onetake_result* result) {
  const std::string tool = String(call->tool);
  if (tool == "throw") throw std::runtime_error("odd");
  if (tool == "crash") raise(SIGSEGV);
  if (tool == "late") return InvokeLate(call, result);
  if (tool == "nothing") return;
  if (tool == "null") {
    result->outcome = ONETAKE_SUCCEEDED;
    result->result_json = {nullptr, 1000};
    return;
  }
  if (tool == "future") return Answer(result, 99, "{}");
  if (tool == "garbage") return Answer(result, ONETAKE_SUCCEEDED, "{\"a\": \xff");
  if (tool == "huge") return Answer(result, ONETAKE_SUCCEEDED, std::string(3 << 20, '1'));
  if (tool == "no_effect") {
    result->retry_after_ms = 1500;
    result->error = {"busy", 4};
    return Answer(result, ONETAKE_NO_EFFECT, "");
  }
  if (tool == "hang") {  // until a byte comes
    call->progress(call->host, {"begun", 5}, 0, 0);
    char byte = 0;
    if (read(std::atoi(String(call->arguments_json).c_str()), &byte, 1) < 0) return;
  }
  if (tool == "babbling") {  // until a byte comes, and on; says by a byte that it is over
    const int socket = std::atoi(String(call->arguments_json).c_str());
    call->progress(call->host, {"begun", 5}, 0, 0);
    char byte = 0;
    if (read(socket, &byte, 1) < 0) return;
    call->progress(call->host, {"still here", 10}, 0, 0);
    if (write(socket, &byte, 1) < 0) return;
  }
  if (tool == "obedient") {
    call->progress(call->host, {"begun", 5}, 0, 0);
    while (call->is_cancelled(call->host) == 0) usleep(1000);
    return Answer(result, ONETAKE_NO_EFFECT, "");
  }
  if (tool == "flood") {
    for (int i = 0; i < 100'000; ++i) call->progress(call->host, {"x", 1}, i, 100'000);
  }
  Answer(result, ONETAKE_SUCCEEDED,
         "[\"" + String(call->key) + "\"," + std::to_string(call->attempt) + "]");
}

void Probe(void* self, const onetake_call* call, onetake_result* result) {
  if (String(call->tool) == "late") return ProbeLate(call, result);
  Invoke(self, call, result);
}

void FreeResult(void* /*self*/, onetake_result* result) { std::free(result->owner); }

onetake_text Describe(void* /*self*/) { return {kDescription, sizeof(kDescription) - 1}; }
onetake_text DescribeGarbage(void* /*self*/) { return {"[]", 2}; }

}  // namespace

extern "C" int onetake_plugin_create(uint32_t /*abi*/, onetake_text settings_json,
                                     onetake_plugin* plugin, char* error, size_t error_size) {
  const std::string settings = String(settings_json);
  if (settings.find("refuse") != std::string::npos) {
    std::snprintf(error, error_size, "no licence");
    return 1;
  }
  if (settings.find("throw") != std::string::npos) throw std::runtime_error("odd");
  if (settings.find("empty") != std::string::npos) return 0;
  plugin->abi = settings.find("future") != std::string::npos ? 2 : ONETAKE_PLUGIN_ABI;
  plugin->describe =
      settings.find("undescribed") != std::string::npos ? &DescribeGarbage : &Describe;
  plugin->invoke = &Invoke;
  plugin->probe = &Probe;
  plugin->free_result = &FreeResult;
  return 0;
}
