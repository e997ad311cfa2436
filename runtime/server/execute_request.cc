#include "runtime/server/execute_request.h"

#include <google/protobuf/unknown_field_set.h>

#include <utility>

#include "onetake/v1/runtime.pb.h"
#include "runtime/base/status.h"
#include "runtime/server/convert.h"

namespace onetake {
namespace {

using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

bool IsBytes(const UnknownField& field, int number) {
  return field.number() == number && field.type() == UnknownField::TYPE_LENGTH_DELIMITED;
}

// Takes the arguments out of `wire`; what remains of it is in `rest`. False when `wire` is not even
// the encoding of some message.
bool TakeArguments(absl::string_view wire, std::string& arguments, std::string& rest) {
  constexpr int kArguments = v1::ExecuteRequest::kArgumentsJsonFieldNumber;
  UnknownFieldSet fields;
  if (!fields.ParseFromArray(wire.data(), static_cast<int>(wire.size()))) return false;
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    // The last one counts, as for every field.
    if (IsBytes(field, kArguments)) arguments = field.length_delimited();
  }
  fields.DeleteByNumber(kArguments);
  return fields.SerializeToString(&rest);
}

// Takes the one message of this number out of `wire`. False when there is none, or another one, or
// `wire` is not the encoding of some message.
bool TakeMessage(absl::string_view wire, int number, std::string& message, std::string& rest) {
  UnknownFieldSet fields;
  if (!fields.ParseFromArray(wire.data(), static_cast<int>(wire.size()))) return false;
  int found = 0;
  for (int i = 0; i < fields.field_count(); ++i) {
    if (!IsBytes(fields.field(i), number)) continue;
    message = fields.field(i).length_delimited();
    ++found;
  }
  fields.DeleteByNumber(number);
  return found == 1 && fields.SerializeToString(&rest);
}

}  // namespace

absl::StatusOr<ToolCall> ParseExecuteRequest(absl::string_view wire, const Principal& caller) {
  v1::ExecuteRequest request;
  if (request.ParseFromArray(wire.data(), static_cast<int>(wire.size()))) {
    return ToToolCall(request, caller);
  }
  std::string arguments;
  std::string rest;
  request.Clear();
  if (!TakeArguments(wire, arguments, rest) || !request.ParseFromString(rest)) {
    return WithDetail(
        absl::InvalidArgumentError("the message is not an onetake.v1.ExecuteRequest: is every "
                                   "string in it UTF-8?"),
        {.reason = "MALFORMED_REQUEST"});
  }
  ToolCall call = ToToolCall(request, caller);
  call.arguments_json = std::move(arguments);
  return call;
}

bool ParseSessionRequest(absl::string_view wire, v1::SessionRequest& request) {
  if (request.ParseFromArray(wire.data(), static_cast<int>(wire.size()))) return true;
  std::string execute, call, arguments;
  std::string beside_execute, beside_call, beside_arguments;
  if (!TakeMessage(wire, v1::SessionRequest::kExecuteFieldNumber, execute, beside_execute) ||
      !TakeMessage(execute, v1::SessionExecute::kCallFieldNumber, call, beside_call) ||
      !TakeArguments(call, arguments, beside_arguments)) {
    return false;
  }
  v1::SessionExecute& parsed = *request.mutable_execute();
  if (!beside_execute.empty() || !parsed.ParseFromString(beside_call) ||
      !parsed.mutable_call()->ParseFromString(beside_arguments)) {
    return false;
  }
  parsed.mutable_call()->set_arguments_json(std::move(arguments));
  return true;
}

}  // namespace onetake
