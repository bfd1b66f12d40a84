#pragma once

#include <string>

namespace patchbay::flow::testing {

/// docs/flow.md: an introduction, and the table of states and edges as it is compiled. Written by
/// `patchbay-flow-page`; a test compares the file with this.
std::string flow_page();

}  // namespace patchbay::flow::testing
