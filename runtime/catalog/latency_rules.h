#pragma once

#include "runtime/catalog/tool.h"
#include "runtime/latency/advice.h"
#include "runtime/latency/latency_book.h"

// A tool's times and downstream in the terms of runtime/latency.
namespace onetake {

AttemptRule AttemptRuleOf(const Tool& tool);
JudgedTimes JudgedTimesOf(const Tool& tool);

// The system behind a tool: tools of one system share a breaker, and each system is measured apart.
std::string DownstreamOf(const Tool& tool);
LatencySubject LatencySubjectOf(const Tool& tool);

}  // namespace onetake
