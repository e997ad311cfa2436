#include "runtime/catalog/link.h"

#include <algorithm>
#include <map>
#include <string>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/catalog/nearest.h"
#include "runtime/catalog/schema_arguments.h"

namespace onetake {
namespace {

using ByName = std::map<std::string, const CatalogEntry*>;

// The first tool of each name, in order of the files.
ByName NameTools(std::vector<CatalogEntry>& entries) {
  ByName by_name;
  for (CatalogEntry& entry : entries) {
    if (entry.tool == nullptr || entry.tool->name.empty()) continue;
    const auto [first, is_new] = by_name.emplace(entry.tool->name, &entry);
    if (is_new) continue;
    entry.report.Error("name",
                       absl::StrCat(entry.report.Quote("name", entry.tool->name),
                                    " is already the name of ", first->second->report.file()),
                       "rename one of them");
  }
  return by_name;
}

std::vector<std::string> ReadsOf(const ByName& by_name) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : by_name) {
    if (entry->tool->effect == Effect::kRead) names.push_back(name);
  }
  return names;
}

// Where a tool names a READ that the server calls by itself.
struct AskedRead {
  std::string field;  // "safety.probe"
  std::string tool;
  const Json& args;
};

void CheckArguments(CatalogEntry& entry, const AskedRead& asked, const Tool& read) {
  if (read.parameters == nullptr || entry.report.HasErrorAt(asked.field)) return;
  const SchemaArguments arguments(read.parameters->document());
  const Json& given = asked.args;
  const std::string known = absl::StrJoin(arguments.names(), ", ");
  for (const auto& [name, unused] : given.items()) {
    if (arguments.Declares({{.name = name}})) continue;
    const std::string nearest = NearestName(name, arguments.names());
    entry.report.Error(
        FieldPath(FieldPath(asked.field, "args"), name), "is no argument of that tool",
        absl::StrCat(nearest.empty() ? "" : absl::StrCat("did you mean ", nearest, "? "),
                     known.empty() ? "it has none" : absl::StrCat("it has ", known)));
  }
  for (const std::string& name : arguments.required()) {
    if (given.contains(name)) continue;
    entry.report.Error(FieldPath(asked.field, "args"),
                       absl::StrCat("leaves out ", name, ", which that tool requires"),
                       absl::StrCat("add ", name, ": $.ARGUMENT"));
  }
}

// A READ that never answers with JSON that `applied_if` leads into would leave every write to a
// person.
void CheckProbeReads(CatalogEntry& entry, const Tool& read) {
  constexpr absl::string_view kField = "safety.probe.tool";
  const std::string shown = entry.report.Quote(kField, read.name);
  if (read.http.has_value() && read.http->method == "HEAD") {
    entry.report.Error(kField, absl::StrCat(shown, " answers without a body, so nothing is proved"),
                       "http.method: GET there, or another READ");
  } else if (read.http.has_value() && read.http->text_result) {
    entry.report.Error(kField, absl::StrCat(shown, " answers with a text, which proves nothing"),
                       "http.result: json there, or another READ");
  } else if (read.mcp.has_value() && read.mcp->result == McpBinding::Result::kText) {
    entry.report.Error(kField, absl::StrCat(shown, " answers with a text, which proves nothing"),
                       "mcp.result: structured there, or another READ");
  } else if (read.mcp.has_value() && read.mcp->result == McpBinding::Result::kContent) {
    // A block is there whatever it says.
    entry.report.Error(kField,
                       absl::StrCat(shown, " answers with content blocks, which prove nothing"),
                       "mcp.result: structured there, or another READ");
  }
}

enum class Files { kAllRead, kSomeUnreadable };

void LinkRead(CatalogEntry& entry, const AskedRead& asked, const ByName& by_name, Files files) {
  const std::string& name = asked.tool;
  const std::string field = FieldPath(asked.field, "tool");
  if (name.empty() || entry.report.HasErrorAt(field)) return;
  const auto found = by_name.find(name);
  const std::string shown = entry.report.Quote(field, name);
  const std::vector<std::string> reads = ReadsOf(by_name);
  const std::string nearest = entry.report.Hides(field) ? "" : NearestName(name, reads);
  const std::string advice =
      reads.empty()
          ? "the catalog has no READ that could be asked"
          : absl::StrCat(nearest.empty() ? "" : absl::StrCat("did you mean ", nearest, "? "),
                         "the READs are ", absl::StrJoin(reads, ", "));
  if (found == by_name.end()) {
    if (files == Files::kSomeUnreadable) return;  // it may be in an unreadable one
    entry.report.Error(field, absl::StrCat(shown, " is no tool of the catalog"), advice);
  } else if (found->second->report.HasErrorAt("effect")) {
    return;
  } else if (found->second->tool->effect != Effect::kRead) {
    entry.report.Error(field, absl::StrCat(shown, " is a WRITE, and asking must not write"),
                       advice);
  } else {
    CheckArguments(entry, asked, *found->second->tool);
    if (asked.field == "safety.probe") CheckProbeReads(entry, *found->second->tool);
  }
}

// What an argument of the target is made of by `mapped`: of one that a call may leave out, though
// every call of the target has it, no intent is found.
void CheckIsGiven(CatalogEntry& entry, const Tool& target, const JsonPath& path,
                  const Json& mapped) {
  const absl::StatusOr<JsonPath> source =
      JsonPath::Parse(mapped.is_string() ? mapped.get<std::string>() : "");
  if (!source.ok() || source->is_root() || entry.tool->parameters == nullptr ||
      target.parameters == nullptr) {
    return;
  }
  if (SchemaArguments(entry.tool->parameters->document()).Requires(source->steps()) ||
      !SchemaArguments(target.parameters->document()).Requires(path.steps())) {
    return;
  }
  entry.report.Warn("reverses.identity",
                    absl::StrCat("reads ", entry.report.Quote("reverses.identity", source->text()),
                                 ", which is optional here and required there: a call without it "
                                 "undoes nothing, and the same write again is answered as done"),
                    "make it required");
}

// What the target's intents are scoped to is needed to find one, also by a call that says nothing
// of it for itself.
void CheckReachesScope(CatalogEntry& entry, const Tool& target) {
  for (const ScopePart& part : target.intent.scope) {
    const auto is_same = [&part](const ScopePart& own) {
      return own.kind == part.kind && own.attribute == part.attribute;
    };
    if (part.kind == ScopeKind::kTenant || absl::c_any_of(entry.tool->intent.scope, is_same)) {
      continue;
    }
    const std::string what = part.kind == ScopeKind::kSession
                                 ? "the session"
                                 : absl::StrCat("the attribute ", part.attribute);
    entry.report.Warn(
        "reverses.tool",
        absl::StrCat("the intents of ", entry.report.Quote("reverses.tool", target.name),
                     " are scoped to ", what,
                     ": a call without it is refused, for it would not find what it undoes"),
        "send it with every call of this tool, and name it in intent.scope");
  }
}

// The mapping holds all that makes an intent of the target.
void LinkReversedIdentity(CatalogEntry& entry, const CatalogEntry& reversed) {
  const Tool& target = *reversed.tool;
  const Json& mapping = entry.tool->reverses->identity->source();
  const std::string shown = entry.report.Quote("reverses.tool", target.name);
  if (reversed.report.HasErrorAt("intent")) return;
  if (target.intent.identity.empty()) {
    entry.report.Error("reverses.identity",
                       absl::StrCat("finds nothing: ", shown,
                                    " declares no identity, so all its arguments are one"),
                       "intent.identity there, or reverses.argument and reverses.result here");
    return;
  }
  CheckReachesScope(entry, target);
  for (const IdentityField& field : target.intent.identity) {
    const absl::StatusOr<JsonPath> path = JsonPath::Parse(field.path);
    if (!path.ok()) continue;
    const auto mapped = mapping.find(std::string(path->first_name()));
    if (mapped == mapping.end()) {
      entry.report.Error("reverses.identity", absl::StrCat("leaves out ", field.name),
                         absl::StrCat("it is part of the identity of ", shown));
    } else {
      CheckIsGiven(entry, target, *path, *mapped);
    }
  }
}

// The piece of the target's result that names it.
void LinkReversedResult(CatalogEntry& entry, const CatalogEntry& reversed) {
  const ReversesSpec& reverses = *entry.tool->reverses;
  Tool& target = *reversed.tool;
  const std::string shown = entry.report.Quote("reverses.tool", target.name);
  if (target.result_ref.has_value() && target.result_ref->text() != reverses.result->text()) {
    entry.report.Error("reverses.result", "differs from what another tool says of the same one",
                       absl::StrCat("use ", target.result_ref->text()));
    return;
  }
  // The ledger keeps one name of a write: that of what it undoes, or that of its own result.
  if (target.reverses.has_value() && target.reverses->argument.has_value()) {
    entry.report.Error("reverses.result",
                       absl::StrCat("names no result of ", shown, ", which undoes ",
                                    reversed.report.Quote("reverses.tool", target.reverses->tool),
                                    " by a result and is found by that alone"),
                       absl::StrCat("use reverses.identity: the identity arguments of ", shown));
    return;
  }
  target.result_ref = reverses.result;
}

// A reversing tool finds what it undoes: the intent by the target's identity, or a result by a
// piece of it.
void LinkReverses(CatalogEntry& entry, const ByName& by_name, Files files) {
  const ReversesSpec& reverses = *entry.tool->reverses;
  if (reverses.tool.empty() || entry.report.HasErrorAt("reverses")) return;
  const auto found = by_name.find(reverses.tool);
  const std::string shown = entry.report.Quote("reverses.tool", reverses.tool);
  if (found == by_name.end()) {
    if (files == Files::kSomeUnreadable) return;
    entry.report.Error("reverses.tool", absl::StrCat(shown, " is no tool of the catalog"),
                       "the name of the WRITE that this one undoes");
    return;
  }
  const Tool& target = *found->second->tool;
  if (target.effect != Effect::kWrite) {
    entry.report.Error("reverses.tool",
                       absl::StrCat(shown, " is a READ, which leaves nothing to undo"),
                       "the name of the WRITE that this one undoes");
    return;
  }
  if (reverses.identity.has_value()) return LinkReversedIdentity(entry, *found->second);
  LinkReversedResult(entry, *found->second);
}

// A name in a manifest that onetake.yaml must know.
struct PeerName {
  absl::string_view field;  // in the manifest
  const std::string& name;
  absl::string_view what;  // a plugin, an MCP server
  absl::string_view none;  // what onetake.yaml lacks when it has none at all
};

void LinkPeer(CatalogEntry& entry, const PeerName& peer, const std::vector<std::string>& known) {
  if (peer.name.empty() || entry.report.HasErrorAt(peer.field) ||
      std::find(known.begin(), known.end(), peer.name) != known.end()) {
    return;
  }
  const std::string nearest = entry.report.Hides(peer.field) ? "" : NearestName(peer.name, known);
  entry.report.Error(
      peer.field,
      absl::StrCat(entry.report.Quote(peer.field, peer.name), " is no ", peer.what,
                   " of onetake.yaml"),
      known.empty()
          ? std::string(peer.none)
          : absl::StrCat(nearest.empty() ? "" : absl::StrCat("did you mean ", nearest, "? "),
                         "it has ", absl::StrJoin(known, ", ")));
}

void LinkPeers(CatalogEntry& entry, const KnownPeers& peers) {
  if (entry.tool->plugin.has_value() && peers.plugins.has_value()) {
    LinkPeer(entry,
             {"plugin.name", entry.tool->plugin->plugin, "plugin",
              "it has no plugins: { NAME: { command: [...] } }"},
             *peers.plugins);
  }
  if (entry.tool->mcp.has_value() && peers.mcp_servers.has_value()) {
    LinkPeer(entry,
             {"mcp.server", entry.tool->mcp->server, "MCP server",
              "it has no mcp_servers: { NAME: { url: https://... } }"},
             *peers.mcp_servers);
  }
}

}  // namespace

void LinkTools(std::vector<CatalogEntry>& entries, const KnownPeers& peers) {
  const ByName by_name = NameTools(entries);
  const bool all_read = std::all_of(entries.begin(), entries.end(), [](const CatalogEntry& entry) {
    return entry.tool != nullptr && !entry.report.HasErrorAt("name");
  });
  for (CatalogEntry& entry : entries) {
    const Files files = all_read ? Files::kAllRead : Files::kSomeUnreadable;
    if (entry.tool != nullptr) LinkPeers(entry, peers);
    if (entry.tool != nullptr && entry.tool->probe.has_value() &&
        entry.tool->probe->asks == ProbeSpec::Asks::kRead) {
      const ProbeSpec& probe = *entry.tool->probe;
      LinkRead(entry, {"safety.probe", probe.tool, probe.args.source()}, by_name, files);
    }
    if (entry.tool != nullptr && entry.tool->job.has_value()) {
      const JobSpec& job = *entry.tool->job;
      LinkRead(entry, {"job", job.tool, job.args.source()}, by_name, files);
    }
    if (entry.tool != nullptr && entry.tool->reverses.has_value()) {
      LinkReverses(entry, by_name, files);
    }
  }
}

}  // namespace onetake
