#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "runtime/base/secret.h"
#include "runtime/catalog/tool.h"
#include "runtime/json/json.h"

namespace onetake {

// What the ledger keeps of a call, as the schema's `x-onetake-store` says. The same arguments
// always have the same form, so two forms can be compared. Pure.
//   seal, keep  the value
//   hash        "hmac:" and 16 hex digits of HMAC-SHA-256(tenant key, path and canonical value)
//   mask        of a text or number with more than eight characters "****" and the last four; else
//               "****"
//   drop        nothing; neither is a member that the schema of an object with named members does
//               not name
Json StoredForm(const StorageRules& rules, const Json& arguments, const Secret& tenant_key);

// The part of a stored form that may be read by whoever can read the file: what is kept, hashed or
// masked. An empty object when there is none.
Json ClearPart(const StorageRules& rules, const Json& stored);

// The identity, whose members stand for the arguments of `fields`, in the same way.
Json StoredIdentity(const Tool& tool, const Json& identity, const Secret& tenant_key);

}  // namespace onetake
