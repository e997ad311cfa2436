// Found before the header of Protocol Buffers by what is compiled for ThreadSanitizer. That one
// gives every map two more members then, which Debian's library, compiled without, knows nothing
// of: it would read and write beside the members that it means.
#pragma once

#include <memory>  // looks at the macro, too, and rightly

#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include_next <google/protobuf/map_field.h>
#pragma pop_macro("__SANITIZE_THREAD__")
