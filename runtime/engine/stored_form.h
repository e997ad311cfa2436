#pragma once

#include "runtime/base/secret.h"
#include "runtime/catalog/tool.h"
#include "runtime/json/json.h"

namespace onetake {

// What the ledger keeps of a call, as the schema's `x-onetake-store` says. The same arguments
// always have the same form, so two forms can be compared. Pure.
//   seal, keep  the value
//   hash        "hmac:" and 16 hex digits of HMAC-SHA-256(tenant key, path and canonical value)
//   mask        "****" and the last four characters of a text or number that has more than eight;
//               else "****"
//   drop        nothing; the same for a member that is not named by the schema of an object with
//               named members
Json StoredForm(const StorageRules& rules, const Json& arguments, const Secret& tenant_key);

// The part of a stored form that everybody who can read the file may read: what is kept, hashed or
// masked. An empty object when there is none.
Json ClearPart(const StorageRules& rules, const Json& stored);

// Who says what an intent is: the tool, by its identity arguments, or the orchestrator.
enum class NamedBy { kTool, kOrchestrator };

// The identity in the same way; its members stand for the arguments of `fields`. What the
// orchestrator has named is stored as it is.
Json StoredIdentity(const Tool& tool, const Json& identity, NamedBy named_by,
                    const Secret& tenant_key);

}  // namespace onetake
