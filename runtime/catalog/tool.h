#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/ip_address.h"
#include "runtime/base/secret.h"
#include "runtime/intent/identity.h"
#include "runtime/json/path.h"
#include "runtime/json/schema.h"
#include "runtime/json/template.h"
#include "runtime/policy/backoff.h"
#include "runtime/policy/policy.h"

// A tool as the engine and the executors see it, made from its manifest. Plain and immutable, with
// every template, path and schema compiled, so nothing about a manifest can fail during a call.
namespace onetake {

// Where the credential of a header comes from. It is resolved at each send, never stored (R11).
struct SecretRef {
  enum class Kind { kEnv, kFile };
  Kind kind = Kind::kEnv;
  std::string name;  // variable name or path
};

// Reads the secret. FAILED_PRECONDITION, without the value, when it is not there or empty. A file
// gives its text without white space at the end, at most 16 KiB. Blocks on the disk.
absl::StatusOr<Secret> ResolveSecret(const SecretRef& reference);

// Where the downstream takes the intent key.
struct KeyPlacement {
  enum class Kind {
    kHeader,
    kBody,
    kPlugin,  // it gets the key with every call
    kMcpMeta,
  };
  Kind kind = Kind::kHeader;
  std::string header;            // kHeader
  std::optional<JsonPath> body;  // kBody
  std::string mcp_meta;          // kMcpMeta: a member of _meta
};

// Recognises one particular answer of a downstream: a status, and a field of the JSON body when
// given.
struct ResponseMatch {
  int status = 0;
  std::optional<JsonPath> path;
  Json equals;  // compared with the node at `path`
};

// What the author of a manifest knows about a status that HTTP itself does not say.
enum class StatusMeaning { kNoEffect, kRejected, kMayHaveHappened, kSucceeded, kAlreadyGone };

// How a list or an object stands in a query or form.
enum class ParameterStyle { kRepeat, kComma, kSpace, kPipe, kBrackets, kDeepObject, kJson };

struct HttpHeader {
  std::string name;
  // A single hole whose argument is absent leaves the header out.
  std::optional<TextTemplate> value;  // or:
  std::optional<SecretRef> secret;
  std::string secret_prefix;  // "Bearer " before the secret
};

struct HttpQuery {
  std::string name;
  JsonPath value;  // left out when the argument is absent
};

// The meaning of the 2xx answers that fit this rule.
struct HttpErrorRule {
  JsonPath path;
  std::optional<Json> equals;  // nullopt: anything but null, false and what is empty
  StatusMeaning meaning = StatusMeaning::kMayHaveHappened;
};

struct HttpBinding {
  std::string method;  // upper case
  std::string origin;  // "https://api.example.com:8443", fixed by the manifest
  // The networks allowed besides public addresses; egress.h says what that allows.
  // EgressPolicy::Make() was asked about `origin` and `allow_networks` together.
  std::vector<IpNetwork> allow_networks;
  TextTemplate path;  // begins with "/"; no query
  // The arguments in the path for which the schema does not say what texts they may be: those with
  // `/`, `\\` or `%` are refused, whatever the downstream would make of %2F.
  std::vector<JsonPath> plain_in_path;
  std::vector<HttpQuery> query;
  std::vector<HttpHeader> headers;
  std::optional<JsonTemplate> body;  // JSON; or:
  std::optional<JsonTemplate> form;  // an object, sent as application/x-www-form-urlencoded
  // The styles of query parameters and fields of the form, by name; kRepeat for those that are not
  // here.
  std::map<std::string, ParameterStyle> styles;
  bool text_result = false;  // the answer is text, not JSON
  size_t max_result_bytes = 1024 * 1024;
  absl::Duration connect_timeout = absl::Seconds(3);
  std::map<int, StatusMeaning> outcomes;
  std::vector<HttpErrorRule> errors;  // the first that fits counts
};

// A tool that a plugin offers; onetake.yaml says how the plugin is reached.
struct PluginBinding {
  std::string plugin;  // its name in onetake.yaml
  std::string tool;    // the tool's name there
  JsonTemplate arguments;
};

// The meaning of the answers with `isError` that fit this rule.
struct McpErrorRule {
  std::string contains;          // in the texts of an answer with isError; or:
  std::optional<JsonPath> path;  // into {structuredContent, content}, or {error} of JSON-RPC
  Json equals;                   // is compared with the node at `path`
  StatusMeaning meaning = StatusMeaning::kMayHaveHappened;
};

// A tool of an MCP server; onetake.yaml says how the server is reached.
struct McpBinding {
  enum class Result { kAuto, kStructured, kContent, kText };
  std::string server;  // its name in onetake.yaml
  std::string tool;    // the tool's name there
  JsonTemplate arguments;
  std::string reviewed;  // the digest of the definition that a person has looked at
  StatusMeaning is_error = StatusMeaning::kMayHaveHappened;
  std::vector<McpErrorRule> errors;
  Result result = Result::kAuto;
};

struct Timeouts {
  absl::Duration filler = absl::Milliseconds(1500);
  absl::Duration patience = absl::Seconds(4);
  std::optional<absl::Duration> attempt;  // nullopt: auto, from measured latency
  absl::Duration floor = absl::Seconds(8);
  absl::Duration ceiling = absl::Seconds(30);

  // The longest that an attempt may take. The timeout in effect may be shorter: ask
  // EngineContext::AttemptTimeout.
  absl::Duration Attempt() const { return attempt.value_or(ceiling); }
};

enum class ScopeKind { kSession, kTenant, kAttribute };

struct ScopePart {
  ScopeKind kind = ScopeKind::kSession;
  std::string attribute;  // kAttribute
};

// Another intent of the same subject, in flight or made within `window`, makes a call a near
// duplicate (R15), in whatever conversation.
struct NearSpec {
  enum class Action { kConfirm, kReject };
  std::vector<IdentityField> same;  // what makes the subject; normalised as the identity is
  absl::Duration window = absl::Minutes(10);
  Action action = Action::kConfirm;
};

// Whether a call must be read back to the user before it runs.
enum class ConfirmRule { kNever, kAlways };

struct IntentSpec {
  std::vector<ScopePart> scope;         // all of them together; never empty
  std::vector<IdentityField> identity;  // empty: all arguments not ignored, verbatim
  std::vector<std::string> ignored;     // JsonPaths
  std::optional<TextTemplate> key_template;
  NormaliserSettings normalisers;
  std::optional<NearSpec> near;
  // What names the thing whose state the write sets (R7), normalised as the identity is: what a
  // later write of the same thing did replaces what this one did. Empty: the write sets none.
  std::vector<IdentityField> sets;
};

struct ProbeSpec {
  // Who is asked. kRead: a READ of the catalog, read by `applied_if`. kDownstream: the tool's own
  // executor, by the write's request; then only the schedule is used.
  enum class Asks { kRead, kDownstream };
  Asks asks = Asks::kRead;
  std::string tool;  // a READ of the same catalog
  JsonTemplate args;
  JsonPath applied_if;  // a node that is there, and neither null, false nor an empty array, means
                        // applied
  // How long after the last byte "not applied" is no proof yet; nullopt: the attempt's hard
  // timeout, or the measured p99.9 when that is longer.
  std::optional<absl::Duration> settle_after;
  int attempts = 5;                            // probes before a person is asked; 1..20
  absl::Duration interval = absl::Seconds(2);  // between two probes
  std::optional<JsonPath> result;  // what of the probe's answer is the write's result; all of it
  // Whether the downstream's look-up sees every write at once. If not, "not applied" is believed at
  // the end of the schedule only.
  enum class Consistency { kAuthoritative, kEventual };
  Consistency consistency = Consistency::kAuthoritative;
  // Which value of the row that was found must equal which argument of the write: somebody else's
  // row is no proof of our write.
  struct Ours {
    JsonPath found;     // into the row, or into the whole answer when `applied_if` is in no list
    JsonPath argument;  // of the write
  };
  std::vector<Ours> ours;
};

// A downstream that accepts a write with 202 and does it later: its job is asked about by a READ.
struct JobSpec {
  JsonPath id;        // into the body of the 202
  std::string tool;   // a READ of the same catalog
  JsonTemplate args;  // of the write's arguments, and `$.job` for the job's id
  JsonPath done_if;  // into the READ's answer; there, and neither null, false nor empty: it is done
  std::optional<JsonPath> failed_if;  // the same: surely no effect
  std::optional<JsonPath> result;     // what of that answer is the write's result; all of it
  absl::Duration interval = absl::Seconds(2);
  absl::Duration give_up_after = absl::Hours(1);  // then the probe, or a person
};

// The write that this one undoes (R7): a cancellation and its booking. Exactly one of the two ways
// is set.
struct ReversesSpec {
  std::string tool;  // a WRITE of the same catalog
  std::optional<JsonTemplate>
      identity;                      // arguments of `tool`, made of this call's: names the intent
  std::optional<JsonPath> argument;  // an argument of this call, equal to ...
  std::optional<JsonPath> result;    // ... this piece of the recorded result of `tool`
};

// The situations about which something is said, each a row of the table of texts.
enum class Situation {
  kDone,
  kPending,
  kRejected,
  kUnknown,  // UNCERTAIN
  kNeedsReview,
  kReadBack,       // NEEDS_CONFIRMATION of a tool that is read back first
  kNearDuplicate,  // NEEDS_CONFIRMATION of a near duplicate
  kConflict,
  kInvalid,
  kWithdrawn,
  kFailed,
  kForgotten,  // NEEDS_CONFIRMATION of what may be forgotten: the ledger is an older copy
};
inline constexpr int kSituations = 12;
// Returns "done", "pending" ..., as in a manifest.
absl::string_view ToString(Situation situation);
std::optional<Situation> SituationFromString(absl::string_view name);

// What a tool's author wants to be said, in one language.
struct SayTexts {
  std::map<Situation, std::string> lines;  // may be spoken, instead of onetake's own
  std::map<Situation, std::string> tell;   // for the model, behind onetake's own text
  std::vector<std::string> must_not_say;   // besides onetake's own, whatever the situation

  // The line for the situation; empty when there is none.
  absl::string_view Line(Situation situation) const;
};

// How the ledger keeps a value of the arguments.
enum class StoreRule {
  kKeep,  // in clear, for whoever can read the file
  kSeal,
  kHash,
  kMask,
  kDrop,
};
// How one value of the arguments, and what is in it, is stored.
struct StorageRules {
  StoreRule rule = StoreRule::kSeal;  // if another one, it holds for all that is in it
  bool named = false;                 // the schema says so
  std::map<std::string, StorageRules> members;
  bool names_members = false;       // of the arguments: others than `members` are not stored
  bool refuses_others = false;      // and makes the call invalid
  std::vector<StorageRules> items;  // for every element; at most one
};

struct Tool {
  std::string name;
  std::string description;
  std::string version;  // hex digest of the manifest: changes whenever anything in it does
  // The digest of what the downstream is asked and where. It stays when only times or texts change,
  // so that what was measured still counts.
  std::string request_version;
  Effect effect = Effect::kWrite;
  RetrySafety safety;
  std::shared_ptr<const JsonSchema> parameters;
  StorageRules storage;
  IntentSpec intent;
  std::optional<KeyPlacement> key_placement;
  std::optional<ResponseMatch> key_in_use;
  std::optional<ResponseMatch> key_reused;
  std::optional<ProbeSpec> probe;
  std::optional<ReversesSpec> reverses;
  ConfirmRule confirm = ConfirmRule::kNever;
  std::optional<JobSpec> job;
  std::optional<JsonPath> result_ref;  // by what reversing tools name a result of this one
  Timeouts timeouts;
  // READ: a second request is sent once this share of the measured answers would have come;
  // nullopt: never.
  std::optional<double> hedge_after;
  RetryLimits retries;
  // How many attempts of all tools may be under way at its downstream before no further one of this
  // tool begins; nullopt: the engine's own limit.
  std::optional<int> downstream_in_flight;
  SayTexts say;                               // in whatever language the manifest is written
  std::map<std::string, SayTexts> languages;  // by lower-case BCP 47 tag: "es", "pt-br"
  std::string executor;                       // "http", "plugin", "mcp": which of the next is set
  std::optional<HttpBinding> http;
  std::optional<PluginBinding> plugin;
  std::optional<McpBinding> mcp;
  std::string source;  // manifest file, for messages
};

// All tools of one load. Immutable; calls in flight keep the set they were claimed under.
class ToolSet {
 public:
  ToolSet() = default;
  explicit ToolSet(std::vector<std::shared_ptr<const Tool>> tools);
  // nullptr when there is none.
  std::shared_ptr<const Tool> Find(absl::string_view name) const;
  // The name nearest in spelling, for "did you mean"; empty when nothing is near.
  std::string Nearest(absl::string_view name) const;
  // Sorted by name.
  const std::vector<std::shared_ptr<const Tool>>& tools() const { return tools_; }

 private:
  std::vector<std::shared_ptr<const Tool>> tools_;
};

}  // namespace onetake
