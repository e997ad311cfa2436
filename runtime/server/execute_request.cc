#include "runtime/server/execute_request.h"

#include <google/protobuf/unknown_field_set.h>

#include <utility>

#include "onetake/v1/runtime.pb.h"
#include "runtime/base/status.h"
#include "runtime/server/convert.h"

namespace onetake {
namespace {

// Takes the arguments out of `wire`; what remains of it is in `rest`. False when `wire` is not even
// the encoding of some message.
bool TakeArguments(absl::string_view wire, std::string& arguments, std::string& rest) {
  constexpr int kArguments = v1::ExecuteRequest::kArgumentsJsonFieldNumber;
  google::protobuf::UnknownFieldSet fields;
  if (!fields.ParseFromArray(wire.data(), static_cast<int>(wire.size()))) return false;
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::UnknownField& field = fields.field(i);
    if (field.number() == kArguments &&
        field.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      arguments = field.length_delimited();  // the last one counts, as for every field
    }
  }
  fields.DeleteByNumber(kArguments);
  return fields.SerializeToString(&rest);
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

}  // namespace onetake
