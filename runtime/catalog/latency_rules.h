#pragma once

#include "runtime/catalog/tool.h"
#include "runtime/latency/advice.h"
#include "runtime/latency/latency_book.h"

// A tool in the words of runtime/latency.
namespace onetake {

AttemptRule AttemptRuleOf(const Tool& tool);
JudgedTimes JudgedTimesOf(const Tool& tool);

// The system behind a tool: what shares a breaker, and is measured apart.
std::string DownstreamOf(const Tool& tool);
LatencySubject LatencySubjectOf(const Tool& tool);

}  // namespace onetake
